"""Train a vocabulary on pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TrainingError
from ..features import (
    Descriptors,
    Extractor,
    Features,
    SiftExtractor,
    description_of,
    extract_files,
)
from ..pictures import Failure, Paths, PictureFile, find_pictures
from ..settings import Settings, checked_arguments, versions
from .vocabulary import Vocabulary


@checked_arguments
def train_vocabulary(
    pictures: Paths,
    *,
    settings: Settings | None = None,
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
    on_error: str = "record",
    extractor: Extractor | None = None,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Vocabulary:
    """Train a vocabulary on a random sample of the descriptors of some pictures.

    Parameters
    ----------
    pictures, root, patterns
        See `find_pictures`.
    settings : Settings, optional
        ``settings.vocabulary.n_words`` is the number of words.
    on_error : {"record", "raise"}
        What to do with a picture that cannot be read: "record" leaves it out and names it in
        ``made_with_["failed"]``; "raise" raises the error.
    extractor : Extractor, optional
        What extracts the features, instead of SIFT; see `ExtractorTemplate`. Floating-point
        descriptors take four bytes a number while the vocabulary is trained.
    cache : path, optional
        Folder in which the features of pictures are kept, by the content of the file. Work that
        was interrupted or is repeated takes them from there.
    n_jobs : int, optional
        How many pictures or clusters are processed in parallel; -1: as many as there are cores.
    progress : bool
        Show progress on stderr when stderr is a terminal.

    Raises
    ------
    TrainingError
        When the pictures have fewer features than the number of words.
    """
    files = find_pictures(pictures, root=root, patterns=patterns)
    return train_on_files(
        files,
        settings or Settings(),
        on_error=on_error,
        extractor=extractor,
        cache=cache,
        n_jobs=n_jobs,
        progress=progress,
    )


def train_on_files(
    files: Sequence[PictureFile],
    settings: Settings,
    *,
    sized: bool = False,
    on_error: str = "record",
    extractor: Extractor | None = None,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Vocabulary:
    """Train a vocabulary on files; see `train_vocabulary`.

    With `sized` the number of words is chosen by the number of features; see `words_for`.
    """
    if extractor is None:
        description = SiftExtractor(settings.features).description()
    else:
        description = description_of(extractor)
    found = extract_files(
        files,
        settings,
        on_error=on_error,
        extractor=extractor,
        cache=cache,
        n_jobs=n_jobs,
        description="reading pictures" if progress else None,
    )
    return train_on_features(
        (features for _, features in found),
        settings,
        description,
        sized=sized,
        n_jobs=n_jobs,
        progress=progress,
    )


def train_on_features(
    found: Iterable[Features | Failure],
    settings: Settings,
    description: Mapping[str, Any],
    *,
    sized: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Vocabulary:
    """Train a vocabulary on the features of pictures, which are walked through once.

    `description` says what the descriptors mean; see `Extractor.description`.
    """
    wanted = settings.vocabulary.n_words * settings.vocabulary.samples_per_word
    sample = DescriptorSample(wanted, settings.vocabulary.random_state)
    hashes: list[str] = []
    failures: list[Failure] = []
    for position, features in enumerate(found):
        if isinstance(features, Failure):
            failures.append(features)
        else:
            hashes.append(features.sha256)
            sample.add(features.descriptors, position)
    if sized:
        settings = settings.changed(vocabulary={"n_words": words_for(sample.seen)})
        if progress:
            n_words = settings.vocabulary.n_words
            print(f"training {n_words} words on the pictures themselves", file=sys.stderr)
    if sample.seen < settings.vocabulary.n_words:
        first = ""
        if failures:
            first = f" ({len(failures)} not, the first: {failures[0].path}: {failures[0].reason})"
        raise TrainingError(
            f"{len(hashes)} pictures could be read{first} and have {sample.seen} features, for "
            f"{settings.vocabulary.n_words} words: give more pictures, or ask for fewer words"
        )
    vocabulary = Vocabulary(**asdict(settings.vocabulary), n_jobs=n_jobs, progress=progress)
    vocabulary.fit(sample.descriptors())
    vocabulary.made_with_ = {
        "images": asdict(settings.images),
        "features": asdict(settings.features),
        "descriptor": dict(description),
        "n_pictures": len(hashes),
        "failed": [asdict(failure) for failure in failures],
        "versions": versions(),
        "pictures": sorted(hashes),
    }
    return vocabulary


def words_for(n_features: int) -> int:
    """Number of words of a vocabulary that is trained on the indexed collection itself.

    It is one word for 25 features, but at least 64 and at most 20,000 words. With too many words,
    pictures of the same object in a small collection would share none of them.
    """
    return int(min(max(n_features // 25, 64), 20_000))


class DescriptorSample:
    """A uniform random sample of a stream of descriptors, in bounded memory.

    Every descriptor gets a random number, and the descriptors with the smallest numbers are kept.
    The numbers depend only on the seed and on the position of the picture.
    """

    def __init__(self, size: int, random_state: int) -> None:
        self.size = size
        self.seen = 0
        self._random_state = random_state
        self._drawn: list[NDArray[np.float64]] = []
        self._kept: list[Descriptors] = []
        self._held = 0
        self._limit = np.inf

    def add(self, descriptors: Descriptors, position: int) -> None:
        """Add the descriptors ``(n, d)`` of the picture at `position` to the stream."""
        if len(descriptors) == 0:  # how long they would be may not be known
            return
        kind = descriptors.dtype, descriptors.shape[1]
        if self._kept and kind != (self._kept[0].dtype, self._kept[0].shape[1]):
            raise TrainingError(
                f"descriptors of {kind[1]} values of {kind[0]} after others of "
                f"{self._kept[0].shape[1]} of {self._kept[0].dtype}: expected one kind"
            )
        self.seen += len(descriptors)
        drawn = np.random.default_rng((self._random_state, position)).random(len(descriptors))
        lucky = drawn < self._limit
        self._drawn.append(drawn[lucky])
        self._kept.append(descriptors[lucky])
        self._held += int(lucky.sum())
        if self._held > 2 * self.size:
            self._shrink()

    def _shrink(self) -> None:
        drawn, kept = np.concatenate(self._drawn), np.concatenate(self._kept)
        order = np.argsort(drawn, kind="stable")[: self.size]
        self._limit = float(drawn[order[-1]]) if len(order) == self.size else np.inf
        order.sort()
        self._drawn, self._kept, self._held = [drawn[order]], [kept[order]], len(order)

    def descriptors(self) -> Descriptors:
        """Return the sample ``(n, d)``, at most `size` rows, in the order of the stream."""
        if not self._kept:
            return np.zeros((0, 1), np.uint8)
        self._shrink()
        return self._kept[0]
