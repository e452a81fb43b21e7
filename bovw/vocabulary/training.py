"""Train a vocabulary on pictures."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TrainingError
from ..features import (
    Extractor,
    Features,
    SiftExtractor,
    description_of,
    extract_files,
    kind_and_length,
    without_finest,
)
from ..pictures import Failure, Paths, PictureFile, find_pictures
from ..settings import Settings, checked_arguments, versions
from .checkpoints import Checkpoints
from .sampling import DescriptorSample
from .vocabulary import Vocabulary

_log = logging.getLogger("bovw.vocabulary")
# A sample of so many bytes is held on disk.
_LARGE = 1 << 29


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

    Features that SIFT finds only in enlarged pictures (`FeatureSettings.enlarge`) are left out:
    words for the finest details of small pictures take the place of others (docs/quality.md).

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
    ours = extractor is None
    return train_on_features(
        (
            without_finest(features) if ours and isinstance(features, Features) else features
            for _, features in found
        ),
        settings,
        description,
        sized=sized,
        cache=cache,
        n_jobs=n_jobs,
        progress=progress,
    )


def train_on_features(
    found: Iterable[Features | Failure],
    settings: Settings,
    description: Mapping[str, Any],
    *,
    sized: bool = False,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Vocabulary:
    """Train a vocabulary on the features of pictures, which are walked through once.

    `description` says what the descriptors mean; see `Extractor.description`. With a `cache`,
    clustering that was interrupted is resumed.
    """
    places: list[tuple[int, str]] = []
    failures: list[Failure] = []
    with _room(settings, description, cache) as room:
        wanted = settings.vocabulary.n_words * settings.vocabulary.samples_per_word
        sample = DescriptorSample(wanted, settings.vocabulary.random_state, room)
        for position, features in enumerate(found):
            if isinstance(features, Failure):
                failures.append(features)
            else:
                places.append((position, features.sha256))
                sample.add(features.descriptors, position)
        if sized:
            settings = settings.changed(vocabulary={"n_words": words_for(sample.seen)})
            _log.info(
                "training %d words on the pictures themselves, for their %d features",
                settings.vocabulary.n_words,
                sample.seen,
            )
        if sample.seen < settings.vocabulary.n_words:
            raise _too_few(sample.seen, settings.vocabulary.n_words, len(places), failures)
        vocabulary = Vocabulary(**asdict(settings.vocabulary), n_jobs=n_jobs, progress=progress)
        checkpoints = _checkpoints(cache, settings, description, places)
        vocabulary.fit(sample.descriptors(), checkpoints=checkpoints)
    checkpoints.discard()
    vocabulary.made_with_ = {
        "images": asdict(settings.images),
        "features": asdict(settings.features),
        "descriptor": dict(description),
        "n_pictures": len(places),
        "failed": [asdict(failure) for failure in failures],
        "versions": versions(),
        "pictures": sorted(sha256 for _, sha256 in places),
    }
    return vocabulary


@contextmanager
def _room(
    settings: Settings, description: Mapping[str, Any], cache: str | os.PathLike[str] | None
) -> Iterator[Path | None]:
    """Give an empty folder on disk for a large sample; None when it fits into memory."""
    wanted = settings.vocabulary.n_words * settings.vocabulary.samples_per_word
    kind, length = kind_and_length(description)
    if wanted * length * np.dtype(kind).itemsize < _LARGE:
        yield None
        return
    if cache is not None:
        Path(cache).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bovw-sample-", dir=cache) as room:
        yield Path(room)


def _checkpoints(
    cache: str | os.PathLike[str] | None,
    settings: Settings,
    description: Mapping[str, Any],
    places: Sequence[tuple[int, str]],
) -> Checkpoints:
    """A folder in the cache for this vocabulary of these pictures."""
    if cache is None:
        return Checkpoints()
    meaning = [asdict(settings.vocabulary), dict(description), list(places), versions()]
    key = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
    return Checkpoints(Path(cache) / f"training-{key[:16]}")


def _too_few(
    n_features: int, n_words: int, n_pictures: int, failures: Sequence[Failure]
) -> TrainingError:
    first = ""
    if failures:
        first = f" ({len(failures)} not, the first: {failures[0].path}: {failures[0].reason})"
    return TrainingError(
        f"{n_pictures} pictures could be read{first} and have {n_features} features, for "
        f"{n_words} words: give more pictures, or ask for fewer words"
    )


def words_for(n_features: int) -> int:
    """Number of words of a vocabulary that is trained on the indexed collection itself.

    It is one word for 25 features, but at least 64 and at most 20,000 words. With too many words,
    pictures of the same object in a small collection would share none of them.
    """
    return int(min(max(n_features // 25, 64), 20_000))
