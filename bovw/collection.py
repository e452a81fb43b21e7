"""The forward store: what is kept of each picture of a collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .errors import UnknownPictureError
from .geometry import PictureFeatures
from .weighting import word_counts


@dataclass(frozen=True)
class Record:
    """What is known of a picture besides its features.

    Attributes
    ----------
    identifier, path : str
    width, height : int
        Pixels of the original, after its EXIF orientation.
    sha256 : str
        Hash of the bytes of the file.
    """

    identifier: str
    path: str
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class Failure:
    """A picture that could not be read, and why."""

    identifier: str
    path: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """Words and keypoints of pictures, one picture after another.

    Attributes
    ----------
    records : tuple of Record
        In increasing order of identifier, so that the order of positions breaks ties.
    offsets : (n_pictures + 1,) int64 ndarray
        The features of picture `i` are ``offsets[i]:offsets[i + 1]``.
    words : (n_features,) unsigned integer ndarray
        In increasing order within each picture.
    signatures : (n_features,) uint64 ndarray
        Where in their words the features lie; see `HammingEmbedding`.
    keypoints : (n_features, 4) float32 ndarray
        ``x, y, scale, angle`` in pixels of the original.
    """

    records: tuple[Record, ...]
    offsets: NDArray[np.int64]
    words: NDArray[np.unsignedinteger]
    signatures: NDArray[np.uint64]
    keypoints: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Position of each identifier."""
        return {record.identifier: i for i, record in enumerate(self.records)}

    def position(self, identifier: str) -> int:
        """Position of a picture; an UnknownPictureError when there is none."""
        try:
            return self.positions[identifier]
        except KeyError:
            raise UnknownPictureError(
                f"{identifier!r} is not in the index: identifiers are paths relative to the "
                f"folder that was indexed, such as {self.records[0].identifier!r}"
                if self.records
                else f"{identifier!r} is not in the index, which is empty"
            ) from None

    def picture(self, position: int) -> PictureFeatures:
        """Words and keypoints of a picture, for verification."""
        part = slice(self.offsets[position], self.offsets[position + 1])
        record = self.records[position]
        return PictureFeatures(
            self.words[part], self.keypoints[part], (record.width, record.height)
        )

    def counts(self, n_words: int) -> sparse.csr_matrix:
        """Counts of words, ``(n_pictures, n_words)``."""
        return word_counts(self.words, self.offsets, n_words)


def word_dtype(n_words: int) -> np.dtype[np.unsignedinteger]:
    """Smallest unsigned type that holds the words of a vocabulary."""
    return np.dtype(np.uint16 if n_words <= 1 << 16 else np.uint32)


@dataclass(frozen=True)
class PictureWords:
    """What is stored of the features of one picture, in order of their words."""

    words: NDArray[np.unsignedinteger]
    signatures: NDArray[np.uint64]
    keypoints: NDArray[np.float32]


def picture_words(
    words: NDArray[np.integer],
    signatures: NDArray[np.uint64],
    keypoints: NDArray[np.float32],
    n_words: int,
) -> PictureWords:
    """Put the features of one picture in the order in which they are stored."""
    order = np.argsort(words, kind="stable")
    return PictureWords(
        words[order].astype(word_dtype(n_words)), signatures[order], keypoints[order]
    )


def collect(
    records: Sequence[Record], pictures: Sequence[PictureWords], n_words: int
) -> Collection:
    """Join pictures, given in order of identifier, to a collection."""
    none = PictureWords(
        np.zeros(0, word_dtype(n_words)), np.zeros(0, np.uint64), np.zeros((0, 4), np.float32)
    )
    parts = [none, *pictures]
    return Collection(
        records=tuple(records),
        offsets=np.cumsum([len(part.words) for part in parts]).astype(np.int64),
        words=np.concatenate([part.words for part in parts]),
        signatures=np.concatenate([part.signatures for part in parts]),
        keypoints=np.concatenate([part.keypoints for part in parts]),
    )
