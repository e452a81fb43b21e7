"""From files to segments: extracts features and assigns them to visual words."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Literal

from ..collection import PictureWords, SegmentBuilder, make_segment
from ..errors import IncompatibleError, SettingsError, StorageError
from ..features import (
    Extractor,
    SiftExtractor,
    check_same_meaning,
    description_of,
    kind_and_length,
)
from ..index import Index, Writer, due
from ..parallel import uninterrupted
from ..pictures import Failure, Record
from ..settings import Settings, load_settings, versions
from ..storage import load_vocabulary
from ..vocabulary import BUILTIN, OWN, Vocabulary, is_centers, own_words
from .plan import Plan
from .words import Describe, Described, misfit

_log = logging.getLogger("bovw.engine")


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
        kind, length = kind_and_length(given)
        if length and misfit(vocabulary, kind, length):
            raise IncompatibleError(
                f"the vocabulary does not fit: {misfit(vocabulary, kind, length)}: give one that "
                "was trained on such descriptors"
            )
    return settings


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
    describe: Describe,
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
    describe : callable
        See `Describe`.
    retry : bool
        Read files again that failed in an interrupted run.
    on_error : {"record", "skip", "raise"}
        Whether pictures that cannot be read become failures of the index ("record"). With "raise",
        it is `describe` that raises.
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
            for entries in describe(wanted, before, builder.diary):
                for entry in entries:
                    _append(entry, builder, plan.left_out, on_error)
                builder.flush()
                if builder.is_full:
                    go_on()
        except KeyboardInterrupt:
            commit()
            raise
        commit(gone)
        merge_many()


def _append(
    entry: Described | Failure, builder: SegmentBuilder, left_out: dict[str, int], on_error: str
) -> None:
    if isinstance(entry, Described):
        builder.append(entry.record, entry.words)
        if entry.left_out:
            left_out[entry.record.identifier] = entry.left_out
    elif on_error != "skip":
        builder.fail(entry)


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
