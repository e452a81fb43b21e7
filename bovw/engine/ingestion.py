"""From files to segments: extracts features and assigns them to visual words."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from ..collection import PictureWords, SegmentBuilder, make_segment, picture_words
from ..errors import SettingsError, StorageError
from ..features import Features, SiftExtractor, check_same_meaning, extract_files
from ..index import Index, Writer, due
from ..parallel import uninterrupted
from ..pictures import Failure, PictureFile, Record
from ..settings import Settings, load_settings, versions
from ..storage import load_vocabulary
from ..vocabulary import Vocabulary
from .plan import Plan

# Words are assigned to this many pictures at a time; a crash loses at most as many.
_PICTURES_AT_ONCE = 16


def check_on_error(on_error: str) -> None:
    """Raise a SettingsError when `on_error` is not one of its three values."""
    if on_error not in ("record", "skip", "raise"):
        raise SettingsError(f"on_error={on_error!r}: expected 'record', 'skip' or 'raise'")


def opened_vocabulary(
    vocabulary: Vocabulary | str | os.PathLike[str],
    *,
    trusted: bool = True,
    n_jobs: int | None = None,
    output: str | os.PathLike[str] | None = None,
) -> Vocabulary:
    """Return a vocabulary; one that is given by its path is loaded.

    Raise a SettingsError when the path is that of the folder to be written, `output`.
    """
    if isinstance(vocabulary, Vocabulary):
        return vocabulary
    if output is not None and os.path.realpath(vocabulary) == os.path.realpath(output):
        raise SettingsError(f"{os.fspath(output)} is the vocabulary: choose another output")
    return load_vocabulary(vocabulary, trusted=trusted, n_jobs=n_jobs)


def fitting_settings(
    settings: Settings | None, preset: str, vocabulary: Vocabulary | None
) -> Settings:
    """Return `settings`, or else those of `preset` with the features of the vocabulary.

    Raise an IncompatibleError when they describe pictures differently from the vocabulary.
    """
    made_with = None if vocabulary is None else vocabulary.made_with_
    if settings is None:
        settings = load_settings(preset)
        if made_with is not None:
            settings = settings.changed(images=made_with["images"], features=made_with["features"])
    if made_with is not None:
        given = SiftExtractor(settings.features).description()
        check_same_meaning(made_with["descriptor"], given, "the vocabulary")
    return settings


def empty_index(vocabulary: Vocabulary, settings: Settings) -> Index:
    """Make an index without pictures."""
    names = set(asdict(settings.vocabulary))
    chosen = {k: v for k, v in vocabulary.get_params().items() if k in names}
    return Index(
        segments=(make_segment((), (), vocabulary.n_words_, number=0),),
        vocabulary=vocabulary,
        settings=settings.changed(vocabulary={**chosen, "n_words": vocabulary.n_words_}),
        descriptor=SiftExtractor(settings.features).description(),
        versions=versions(),
    )


def ingest(
    writer: Writer,
    plan: Plan,
    gone: Sequence[str],
    take: Callable[[Index], None],
    *,
    retry: bool = False,
    on_error: str = "record",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    merge: bool = True,
) -> None:
    """Carry out a plan: read pictures, commit them as segments, remove pictures that are gone.

    After Ctrl-C, the pictures that were finished are committed.

    Parameters
    ----------
    writer : Writer
    plan : Plan
    gone : sequence of str
        Identifiers to remove; they are removed in the last commit.
    take : callable
        Called with the new index after each commit.
    retry : bool
        Read files again that failed in an interrupted run.
    on_error, cache, n_jobs, progress
        See `read_pictures`.
    merge : bool
        Merge segments of a similar size when there are ten of them; see `bovw.index.due`.
    """
    before = writer.index
    with writer.builder(plan.wanted, retry=retry) as (builder, wanted):

        def commit(removed: Sequence[str] = ()) -> None:
            index = writer.index.without(removed) if removed else writer.index
            segment = builder.make(index.next_number)
            if segment is not None:
                index = index.grown(segment)
            with uninterrupted():
                if index is not writer.index:
                    take(writer.commit(index))
                builder.clear()

        def merge_many() -> None:
            while merge and (numbers := due(writer.index.segment_sizes)):
                with uninterrupted():
                    take(writer.merge(numbers))

        def go_on() -> None:
            commit()
            with suppress(StorageError):  # go on reading; the merge at the end will raise it
                merge_many()

        try:
            keep_features(plan.touched, before, builder, go_on)
            read_pictures(
                wanted,
                before,
                builder,
                go_on,
                left_out=plan.left_out,
                on_error=on_error,
                cache=cache,
                n_jobs=n_jobs,
                progress=progress,
            )
        except KeyboardInterrupt:
            commit()
            raise
        commit(gone)
        merge_many()


def read_pictures(
    files: Sequence[PictureFile],
    index: Index,
    builder: SegmentBuilder,
    commit: Callable[[], None],
    *,
    left_out: dict[str, int] | None = None,
    on_error: str = "record",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> None:
    """Read pictures into a segment builder.

    Parameters
    ----------
    files : sequence of PictureFile
    index : Index
        Its vocabulary and settings are used.
    builder : SegmentBuilder
    commit : callable
        Called when the builder is full; it must empty the builder. Pictures that are in the
        builder at the end, or at an interruption, stay there for the caller to commit.
    left_out : dict of str to int, optional
        Filled with how many frames or pages of each file were not read, if there are any.
    on_error : {"record", "skip", "raise"}
        What to do with a picture that cannot be read: add a failure to the segment, leave the
        picture out, or raise an ImageError.
    cache, n_jobs, progress
        See `extract_files`.
    """
    vocabulary = index.vocabulary
    waiting: list[tuple[Record, Features]] = []
    found = extract_files(
        files,
        index.settings,
        on_error=on_error,
        cache=cache,
        n_jobs=n_jobs,
        diary=builder.diary,
        description="reading pictures" if progress else None,
    )
    try:
        for file, features in found:
            if isinstance(features, Failure):
                if on_error != "skip":
                    builder.fail(replace(features, size=file.size, mtime_ns=file.mtime_ns))
                continue
            if left_out is not None and features.left_out:
                left_out[file.identifier] = features.left_out
            waiting.append((_record(file, features), features))
            if len(waiting) >= _PICTURES_AT_ONCE:
                _assign(waiting, vocabulary, builder)
            if builder.is_full:
                commit()
    finally:  # keep what was read before an interruption
        _assign(waiting, vocabulary, builder)


def keep_features(
    records: Sequence[Record], index: Index, builder: SegmentBuilder, commit: Callable[[], None]
) -> None:
    """Copy features of pictures from an index to a segment builder, with the records given."""
    for record in records:
        stored = index.collection.stored(index.collection.position(record.identifier))
        builder.append(record, PictureWords(**stored))
        if builder.is_full:
            commit()
    builder.flush()


def _record(file: PictureFile, features: Features) -> Record:
    width, height = features.size
    return Record(
        file.identifier, file.path, width, height, features.sha256, file.size, file.mtime_ns
    )


def _assign(
    waiting: list[tuple[Record, Features]], vocabulary: Vocabulary, builder: SegmentBuilder
) -> None:
    """Assign words to the features of all waiting pictures together."""
    if not waiting:
        return
    together: NDArray[np.uint8] = np.concatenate([features.descriptors for _, features in waiting])
    words = vocabulary.predict(together)
    signatures = vocabulary.signatures(together, words)
    start = 0
    for record, features in waiting:
        mine = slice(start, start + len(features))
        start = mine.stop
        builder.append(
            record,
            picture_words(
                words[mine],
                signatures[mine],
                features.keypoints,
                features.size,
                vocabulary.n_words_,
            ),
        )
    builder.flush()
    waiting.clear()
