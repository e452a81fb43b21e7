"""From files to an index: features are extracted, and words found for them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from .collection import Collection, Failure, PictureWords, Record, collect, picture_words
from .extraction import DescriptorSample, extract_files
from .features import DESCRIPTOR_LENGTH, Features, SiftExtractor, check_same_meaning
from .index import Index
from .pictures import Paths, PictureFile, find_pictures
from .presets import load_settings
from .settings import Settings
from .training import fit_vocabulary, words_for
from .versions import versions
from .vocabulary import Vocabulary

# Words are found for this many descriptors at a time.
_DESCRIPTORS_AT_ONCE = 50_000


@dataclass(frozen=True)
class _Read:
    """A picture whose features were extracted, without its descriptors."""

    record: Record
    keypoints: NDArray[np.float32]


def index_pictures(
    pictures: Paths,
    vocabulary: Vocabulary | None,
    settings: Settings | None,
    *,
    preset: str = "strong",
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
    on_error: str = "record",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Index:
    """Read pictures into an index; see `Engine.build`."""
    settings = _fitting(settings, preset, vocabulary)
    failures: list[Failure] = []
    found = extract_files(
        find_pictures(pictures, root=root, patterns=patterns),
        settings,
        on_error=on_error,
        cache=cache,
        n_jobs=n_jobs,
        description="reading pictures" if progress else None,
    )
    sound = _sound(found, failures)
    if vocabulary is not None:
        collection = _assign(sound, vocabulary)
    else:
        collection, vocabulary = _train_and_assign(sound, failures, settings, n_jobs, progress)
    names = set(asdict(settings.vocabulary))
    chosen = {k: v for k, v in vocabulary.get_params().items() if k in names}
    counts = collection.counts(vocabulary.n_words_)
    return Index(
        collection=collection,
        vocabulary=vocabulary,
        settings=settings.changed(vocabulary={**chosen, "n_words": vocabulary.n_words_}),
        failures=tuple(failures),
        descriptor=SiftExtractor(settings.features).description(),
        versions=versions(),
        frequencies=np.bincount(counts.indices, minlength=vocabulary.n_words_),
    )


def _fitting(settings: Settings | None, preset: str, vocabulary: Vocabulary | None) -> Settings:
    """Return the settings, by default those of the vocabulary; refuse ones that do not fit it."""
    made_with = None if vocabulary is None else vocabulary.made_with_
    if settings is None:
        settings = load_settings(preset)
        if made_with is not None:
            settings = settings.changed(images=made_with["images"], features=made_with["features"])
    if made_with is not None:
        given = SiftExtractor(settings.features).description()
        check_same_meaning(made_with["descriptor"], given, "the vocabulary")
    return settings


def _train_and_assign(
    pictures: Iterable[tuple[_Read, NDArray[np.uint8]]],
    failures: list[Failure],
    settings: Settings,
    n_jobs: int | None,
    progress: bool,
) -> tuple[Collection, Vocabulary]:
    """Train a vocabulary on the pictures, sized to them, then find their words.

    Descriptors wait in a temporary file, so that pictures are read only once.
    """
    with tempfile.TemporaryFile() as spool:
        read: list[_Read] = []
        wanted = settings.vocabulary.n_words * settings.vocabulary.samples_per_word
        sample = DescriptorSample(wanted, settings.vocabulary.random_state)
        for position, (item, descriptors) in enumerate(pictures):
            spool.write(descriptors.tobytes())
            read.append(item)
            sample.add(descriptors, position)
        n_words = words_for(sample.seen)
        if progress:
            print(f"training {n_words} words on the pictures themselves", file=sys.stderr)
        vocabulary = fit_vocabulary(
            sample,
            settings.changed(vocabulary={"n_words": n_words}),
            [item.record.sha256 for item in read],
            failures,
            n_jobs=n_jobs,
            progress=progress,
        )
        spool.seek(0)

        def again() -> Iterable[tuple[_Read, NDArray[np.uint8]]]:
            for item in read:
                content = spool.read(len(item.keypoints) * DESCRIPTOR_LENGTH)
                yield item, np.frombuffer(content, np.uint8).reshape(-1, DESCRIPTOR_LENGTH)

        return _assign(again(), vocabulary), vocabulary


def _sound(
    found: Iterable[tuple[PictureFile, Features | Failure]], failures: list[Failure]
) -> Iterable[tuple[_Read, NDArray[np.uint8]]]:
    """Pass on the pictures that could be read, and note the others."""
    for file, features in found:
        if isinstance(features, Failure):
            failures.append(features)
            continue
        width, height = features.size
        record = Record(file.identifier, file.path, width, height, features.sha256)
        yield _Read(record, features.keypoints), features.descriptors


def _assign(
    pictures: Iterable[tuple[_Read, NDArray[np.uint8]]], vocabulary: Vocabulary
) -> Collection:
    """Find the words of pictures, many pictures at a time."""
    records: list[Record] = []
    parts: list[PictureWords] = []
    waiting: list[tuple[_Read, NDArray[np.uint8]]] = []

    def flush() -> None:
        if not waiting:
            return
        together = np.concatenate([descriptors for _, descriptors in waiting])
        words = vocabulary.predict(together)
        signatures = vocabulary.signatures(together, words)
        start = 0
        for item, descriptors in waiting:
            mine = slice(start, start + len(descriptors))
            start = mine.stop
            records.append(item.record)
            parts.append(
                picture_words(words[mine], signatures[mine], item.keypoints, vocabulary.n_words_)
            )
        waiting.clear()

    held = 0
    for item, descriptors in pictures:
        waiting.append((item, descriptors))
        held += len(descriptors)
        if held >= _DESCRIPTORS_AT_ONCE:
            flush()
            held = 0
    flush()
    return collect(records, parts, vocabulary.n_words_)
