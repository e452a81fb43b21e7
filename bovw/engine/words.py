"""From files to pictures described by visual words, as an index keeps them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from ..collection import PictureWords, picture_words
from ..errors import ImageError
from ..features import Extractor, Features, extract_files
from ..index import Index
from ..pictures import Failure, PictureFile, Record
from ..settings import Settings
from ..vocabulary import Vocabulary

Extract: TypeAlias = Callable[
    [Sequence[PictureFile], Path | None], Iterator[tuple[PictureFile, Features | Failure]]
]
"""Called with files and the folder for a `Diary`; yields each file with its features."""


class Described(NamedTuple):
    """A picture as an index keeps it, and how many frames or pages of its file were not read."""

    record: Record
    words: PictureWords
    left_out: int = 0


Describe: TypeAlias = Callable[
    [Sequence[PictureFile], Index, Path | None], Iterator[Sequence[Described | Failure]]
]
"""Called with files, the index, and its folder if it has one; yields what becomes of each file, in
the order of the files, some at a time. `bovw.cluster` has one that lets other machines read."""

PICTURES_AT_ONCE = 16
"""Words are assigned to this many pictures at a time; a crash loses at most as many."""


def describing(
    settings: Settings,
    *,
    extractor: Extractor | None,
    on_error: str,
    cache: str | os.PathLike[str] | None,
    n_jobs: int | None,
    progress: bool,
) -> Describe:
    """Give the function that reads pictures in processes of this machine; see `extract_files`."""

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

    return in_words(extract, on_error)


def in_words(extract: Extract, on_error: str) -> Describe:
    """Describe pictures by the words of their features, which `extract` gives."""

    def describe(
        files: Sequence[PictureFile], index: Index, folder: Path | None
    ) -> Iterator[Sequence[Described | Failure]]:
        return described_by(extract(files, folder), index.vocabulary, on_error)

    return describe


def described_by(
    extracted: Iterable[tuple[PictureFile, Features | Failure]],
    vocabulary: Vocabulary,
    on_error: str = "record",
) -> Iterator[Sequence[Described | Failure]]:
    """Assign words to the features of pictures, many pictures at a time.

    Parameters
    ----------
    extracted : iterable of (PictureFile, Features or Failure)
    vocabulary : Vocabulary
    on_error : {"record", "skip", "raise"}
        What to do with features that the vocabulary has no words for: yield a failure, or raise an
        ImageError.
    """
    waiting: list[tuple[PictureFile, Features]] = []
    failed: list[Failure] = []
    try:
        for file, features in extracted:
            wrong = None
            if isinstance(features, Failure):
                wrong = features.reason
            elif len(features):
                wrong = misfit(vocabulary, *_kind(features))
                if wrong is not None and on_error == "raise":
                    raise ImageError(file.path, wrong, "extract them again")
            if isinstance(features, Failure) or wrong is not None:
                about = file.identifier, file.path, wrong or "", file.size, file.mtime_ns
                failed.append(Failure(*about))
            else:
                waiting.append((file, features))
            if len(waiting) + len(failed) >= PICTURES_AT_ONCE:
                yield [*failed, *_assigned(waiting, vocabulary)]
                waiting, failed = [], []
    except (Exception, KeyboardInterrupt):  # keep what was read before an interruption
        yield [*failed, *_assigned(waiting, vocabulary)]
        raise
    yield [*failed, *_assigned(waiting, vocabulary)]


def misfit(vocabulary: Vocabulary, kind: str, length: int) -> str | None:
    """Say why a vocabulary has no words for descriptors of a type and length; None if it has."""
    expected = "uint8" if vocabulary.scale_ is None else "float32"
    if (kind, length) == (expected, vocabulary.n_features_in_):
        return None
    return (
        f"descriptors of {length} values of {kind}, but its words are for {expected} and "
        f"{vocabulary.n_features_in_} values"
    )


def _kind(features: Features) -> tuple[str, int]:
    return str(features.descriptors.dtype), int(features.descriptors.shape[1])


def _record(file: PictureFile, features: Features) -> Record:
    width, height = features.size
    return Record(
        file.identifier, file.path, width, height, features.sha256, file.size, file.mtime_ns
    )


def _assigned(
    pictures: Sequence[tuple[PictureFile, Features]], vocabulary: Vocabulary
) -> list[Described | Failure]:
    """Assign words to the features of some pictures together."""
    if not pictures:
        return []
    # Of pictures without features it may not be known how long a descriptor would be.
    some = [features.descriptors for _, features in pictures if len(features)]
    together = np.concatenate(some) if some else np.zeros((0, vocabulary.n_features_in_))
    words = vocabulary.predict(together)
    signatures = vocabulary.signatures(together, words)
    start = 0
    found: list[Described | Failure] = []
    for file, features in pictures:
        mine = slice(start, start + len(features))
        start = mine.stop
        described = picture_words(
            words[mine],
            signatures[mine],
            features.keypoints,
            features.size,
            vocabulary.n_words_,
        )
        found.append(Described(_record(file, features), described, features.left_out))
    return found
