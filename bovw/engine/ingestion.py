"""From files to segments: extracts features and assigns them to visual words."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from ..collection import PictureWords, SegmentBuilder, make_segment, picture_words
from ..errors import ImageError, IncompatibleError, SettingsError, StorageError
from ..features import (
    DESCRIPTOR_LENGTH,
    Extractor,
    Features,
    SiftExtractor,
    check_same_meaning,
    description_of,
    extract_files,
)
from ..index import Index, Writer, due
from ..parallel import uninterrupted
from ..pictures import Failure, PictureFile, Record
from ..settings import Settings, load_settings, versions
from ..storage import load_vocabulary
from ..vocabulary import BUILTIN, OWN, Vocabulary, is_centers, own_words
from .plan import Plan

_log = logging.getLogger("bovw.engine")
Extract: TypeAlias = Callable[
    [Sequence[PictureFile], Path | None], Iterator[tuple[PictureFile, Features | Failure]]
]
# Words are assigned to this many pictures at a time; a crash loses at most as many.
_PICTURES_AT_ONCE = 16


def check_on_error(on_error: str) -> None:
    """Raise a SettingsError when `on_error` is not one of its three values."""
    if on_error not in ("record", "skip", "raise"):
        raise SettingsError(f"on_error={on_error!r}: expected 'record', 'skip' or 'raise'")


def opened_vocabulary(
    vocabulary: Vocabulary | str | os.PathLike[str] | None,
    *,
    trusted: bool = True,
    n_jobs: int | None = None,
    output: str | os.PathLike[str] | None = None,
    kind: Literal["uint8", "float32"] = "uint8",
) -> Vocabulary | None:
    """Return a vocabulary; one that is given by its path or name is loaded.

    None and "own" give None: one is to be trained on the pictures themselves. A path may also name
    a file of centres; `kind` is then the type of the descriptors, see `own_words`.

    Raise a SettingsError when the path is that of the folder to be written, `output`.
    """
    if vocabulary is None or isinstance(vocabulary, Vocabulary):
        return vocabulary
    if wants_training(vocabulary):
        return None
    if is_centers(vocabulary):
        return own_words(vocabulary, kind=kind, n_jobs=n_jobs)
    if (
        os.fspath(vocabulary) != BUILTIN
        and output is not None
        and os.path.realpath(vocabulary) == os.path.realpath(output)
    ):
        raise SettingsError(f"{os.fspath(output)} is the vocabulary: choose another output")
    return load_vocabulary(vocabulary, trusted=trusted, n_jobs=n_jobs)


def wants_training(vocabulary: Vocabulary | str | os.PathLike[str] | None) -> bool:
    """Whether what is given as vocabulary is "own"."""
    return isinstance(vocabulary, (str, os.PathLike)) and os.fspath(vocabulary) == OWN


def fitting_settings(
    settings: Settings | None,
    preset: str,
    vocabulary: Vocabulary | None,
    description: Mapping[str, Any] | None = None,
) -> Settings:
    """Return `settings`, or else those of `preset` with the features of the vocabulary.

    A vocabulary with a name, as that in the box, is for all presets: its features are not taken.
    `description` is that of the extractor, if it is not our SIFT. Raise an IncompatibleError when
    pictures would be described differently from the vocabulary.
    """
    made_with = None if vocabulary is None else vocabulary.made_with_
    if settings is None:
        settings = load_settings(preset)
        if made_with is not None and "name" not in made_with:
            settings = settings.changed(images=made_with["images"], features=made_with["features"])
    given = description or SiftExtractor(settings.features).description()
    if made_with is not None:
        check_same_meaning(made_with["descriptor"], given, "the vocabulary")
    if vocabulary is not None:
        kind, length = given.get("dtype", "uint8"), given.get("dimensions", DESCRIPTOR_LENGTH)
        if length and misfit(vocabulary, kind, length):
            raise IncompatibleError(
                f"the vocabulary does not fit: {misfit(vocabulary, kind, length)}: give one that "
                "was trained on such descriptors"
            )
    return settings


def misfit(vocabulary: Vocabulary, kind: str, length: int) -> str | None:
    """Say why a vocabulary has no words for descriptors of a type and length; None if it has."""
    expected = "uint8" if vocabulary.scale_ is None else "float32"
    if (kind, length) == (expected, vocabulary.n_features_in_):
        return None
    return (
        f"descriptors of {length} values of {kind}, but its words are for {expected} and "
        f"{vocabulary.n_features_in_} values"
    )


def described(extractor: Extractor | None) -> dict[str, Any] | None:
    """Return the description of an extractor; None for our SIFT, which depends on the settings."""
    return None if extractor is None else description_of(extractor)


def kind_of(description: Mapping[str, Any] | None) -> Literal["uint8", "float32"]:
    """Type of the descriptors that a description is of."""
    return "float32" if (description or {}).get("dtype") == "float32" else "uint8"


def empty_index(
    vocabulary: Vocabulary, settings: Settings, description: Mapping[str, Any] | None = None
) -> Index:
    """Make an index without pictures; see `fitting_settings`."""
    names = set(asdict(settings.vocabulary))
    chosen = {k: v for k, v in vocabulary.get_params().items() if k in names}
    return Index(
        segments=(make_segment((), (), vocabulary.n_words_, number=0),),
        vocabulary=vocabulary,
        settings=settings.changed(vocabulary={**chosen, "n_words": vocabulary.n_words_}),
        descriptor=dict(description or SiftExtractor(settings.features).description()),
        versions=versions(),
    )


def ingest(
    writer: Writer,
    plan: Plan,
    gone: Sequence[str],
    take: Callable[[Index], None],
    extract: Extract,
    *,
    retry: bool = False,
    on_error: str = "record",
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
    extract : callable
        See `read_pictures`.
    retry : bool
        Read files again that failed in an interrupted run.
    on_error
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
                _log.info("merging %d segments", len(numbers))
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
                extract,
                left_out=plan.left_out,
                on_error=on_error,
            )
        except KeyboardInterrupt:
            commit()
            raise
        commit(gone)
        merge_many()


def extracting(
    settings: Settings,
    *,
    extractor: Extractor | None,
    on_error: str,
    cache: str | os.PathLike[str] | None,
    n_jobs: int | None,
    progress: bool,
) -> Extract:
    """Give the function that extracts features for `read_pictures`; see `extract_files`."""

    def extract(
        files: Sequence[PictureFile], diary: Path | None
    ) -> Iterator[tuple[PictureFile, Features | Failure]]:
        return extract_files(
            files,
            settings,
            on_error=on_error,
            extractor=extractor,
            cache=cache,
            n_jobs=n_jobs,
            diary=diary,
            description="reading pictures" if progress else None,
        )

    return extract


def read_pictures(
    files: Sequence[PictureFile],
    index: Index,
    builder: SegmentBuilder,
    commit: Callable[[], None],
    extract: Extract,
    *,
    left_out: dict[str, int] | None = None,
    on_error: str = "record",
) -> None:
    """Read pictures into a segment builder.

    Parameters
    ----------
    files : sequence of PictureFile
    index : Index
        Its vocabulary is used.
    builder : SegmentBuilder
    commit : callable
        Called when the builder is full; it must empty the builder. Pictures that are in the
        builder at the end, or at an interruption, stay there for the caller to commit.
    extract : callable
        Called with the files and the folder of the builder's diary; yields each file with its
        features, or with a `Failure`.
    left_out : dict of str to int, optional
        Filled with how many frames or pages of each file were not read, if there are any.
    on_error : {"record", "skip", "raise"}
        What to do with a picture that cannot be read: add a failure to the segment, leave the
        picture out, or raise an ImageError.
    """
    vocabulary = index.vocabulary
    waiting: list[tuple[Record, Features]] = []
    try:
        for file, features in extract(files, builder.diary):
            if isinstance(features, Failure):
                if on_error != "skip":
                    builder.fail(replace(features, size=file.size, mtime_ns=file.mtime_ns))
                continue
            wrong = misfit(vocabulary, *_kind(features)) if len(features) else None
            if wrong is not None and on_error == "raise":
                raise ImageError(file.path, wrong, "extract them again")
            if wrong is not None:
                if on_error != "skip":
                    about = file.identifier, file.path, wrong, file.size, file.mtime_ns
                    builder.fail(Failure(*about))
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


def _kind(features: Features) -> tuple[str, int]:
    return str(features.descriptors.dtype), int(features.descriptors.shape[1])


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
    # Of pictures without features it may not be known how long a descriptor would be.
    some = [features.descriptors for _, features in waiting if len(features)]
    together = np.concatenate(some) if some else np.zeros((0, vocabulary.n_features_in_))
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
