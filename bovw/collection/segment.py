"""Segments: an index stores its pictures in segments, each of which never changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..pictures import Failure, Record
from .catalogue import Catalogue
from .keypoints import pack_keypoints
from .views import Views, make_views


@dataclass(frozen=True)
class PictureWords:
    """The stored features of one picture, sorted by word.

    Attributes
    ----------
    words : (n,) unsigned integer ndarray
    signatures : (n,) uint64 ndarray
    keypoints : (n, 3) uint16 ndarray
        See `pack_keypoints`.
    """

    words: NDArray[np.unsignedinteger]
    signatures: NDArray[np.uint64]
    keypoints: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.words)


ARRAYS = ("words", "signatures", "keypoints")
"""Names of the arrays that hold the features of a segment."""


def array_kinds(n_words: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Type of each array in `ARRAYS`, and the shape of its entry for one feature."""
    return {
        "words": (word_dtype(n_words), ()),
        "signatures": (np.dtype(np.uint64), ()),
        "keypoints": (np.dtype(np.uint16), (3,)),
    }


def word_dtype(n_words: int) -> np.dtype[np.unsignedinteger]:
    """Smallest unsigned integer type that can hold any word of a vocabulary."""
    if n_words <= 1 << 8:
        return np.dtype(np.uint8)
    return np.dtype(np.uint16 if n_words <= 1 << 16 else np.uint32)


def picture_words(
    words: NDArray[np.integer],
    signatures: NDArray[np.uint64],
    keypoints: NDArray[np.floating],
    size: tuple[int, int],
    n_words: int,
) -> PictureWords:
    """Sort the features of one picture by word, and convert them to their stored types.

    Parameters
    ----------
    words : (n,) integer ndarray
    signatures : (n,) uint64 ndarray
    keypoints : (n, 4) ndarray
    size : (int, int)
        Width and height of the picture.
    n_words : int
        Size of the vocabulary.
    """
    order = np.argsort(words, kind="stable")
    packed = pack_keypoints(keypoints[order], size)
    return PictureWords(words[order].astype(word_dtype(n_words)), signatures[order], packed)


@dataclass(frozen=True, eq=False)
class Segment:
    """Words and keypoints of some pictures, one after another.

    The entries of a segment are numbered: first its pictures, then its failures.

    Attributes
    ----------
    number : int
        The segment's name in the index; later segments have higher numbers.
    records : Catalogue
        Records of the pictures, in increasing order of identifier.
    failures : tuple of Failure
        Pictures that were given together with these and could not be indexed.
    offsets : (n_pictures + 1,) int64 ndarray
        The features of picture `i` are ``offsets[i]:offsets[i + 1]``.
    words : (n_features,) unsigned integer ndarray
        Words of the features, in increasing order within each picture.
    signatures : (n_features,) uint64 ndarray
        Signatures: 64 bits that say where in its word each feature lies; see `HammingEmbedding`.
    keypoints : (n_features, 3) uint16 ndarray
        See `pack_keypoints`.
    n_words : int
        Size of the vocabulary.
    stored_views : Views or None
        The views that were stored with the segment; None: they are computed when needed.
    """

    number: int
    records: Catalogue
    failures: tuple[Failure, ...]
    offsets: NDArray[np.int64]
    words: NDArray[np.unsignedinteger]
    signatures: NDArray[np.uint64]
    keypoints: NDArray[np.uint16]
    n_words: int
    stored_views: Views | None = None

    def __len__(self) -> int:
        return len(self.records)

    @property
    def n_entries(self) -> int:
        """Number of pictures and failures."""
        return len(self.records) + len(self.failures)

    @property
    def nbytes(self) -> int:
        """Bytes in memory of all features."""
        return sum(int(getattr(self, name).nbytes) for name in ("offsets", *ARRAYS))

    @cached_property
    def views(self) -> Views:
        """The views of the segment; raises what `check_words` raises when it computes them."""
        if self.stored_views is not None:
            return self.stored_views
        self.check_words()
        return make_views(self.offsets, self.words, self.signatures, self.n_words)

    def check_words(self) -> None:
        """Raise a FormatError when words are too large or out of order (a damaged segment)."""
        largest = int(self.words.max(initial=0))
        if largest >= self.n_words:
            problem = f"holds word {largest} of a vocabulary of {self.n_words} words"
        elif not np.isin(np.flatnonzero(self.words[1:] < self.words[:-1]) + 1, self.offsets).all():
            problem = "holds words out of order"
        else:
            return
        raise self._damage(problem)

    def check(self) -> None:
        """Read everything; raise a FormatError when parts contradict each other."""
        self.check_words()
        problem = self.records.text_problem()
        if problem is not None:
            raise self._damage(problem)
        stored = self.stored_views
        if stored is None:
            return
        right = make_views(self.offsets, self.words, self.signatures, self.n_words)
        for each in fields(Views):
            if not np.array_equal(getattr(stored, each.name), getattr(right, each.name)):
                raise self._damage(f"is contradictory: {each.name} is not what its words say")

    def _damage(self, problem: str) -> FormatError:
        return FormatError(
            f"segment {self.number} {problem}: restore it from a copy, or make the index again"
        )


def make_segment(
    records: Iterable[Record],
    pictures: Sequence[PictureWords],
    n_words: int,
    failures: Sequence[Failure] = (),
    number: int = 1,
) -> Segment:
    """Make a segment of pictures, which must be in order of identifier."""
    joined = {
        name: np.concatenate(
            [np.zeros((0, *shape), dtype), *(getattr(part, name) for part in pictures)]
        )
        for name, (dtype, shape) in array_kinds(n_words).items()
    }
    offsets = np.cumsum([0, *map(len, pictures)]).astype(np.int64)
    words, signatures, keypoints = (joined[name] for name in ARRAYS)
    return Segment(
        number,
        Catalogue.of(records),
        tuple(failures),
        offsets,
        words,
        signatures,
        keypoints,
        n_words,
    )


class SegmentBuilder:
    """Collects pictures that will become a segment.

    Parameters
    ----------
    n_words : int
        Size of the vocabulary.
    """

    diary: Path | None = None
    """Folder for notes on which picture is being read; see `extract_files`."""

    def __init__(self, n_words: int) -> None:
        self.n_words = n_words
        self.pictures: dict[str, tuple[Record, PictureWords]] = {}
        self.failures: dict[str, Failure] = {}

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def is_full(self) -> bool:
        """Whether a segment should be made of the pictures before more are added."""
        return False

    def append(self, record: Record, picture: PictureWords) -> None:
        """Add a picture."""
        self.pictures[record.identifier] = record, picture

    def fail(self, failure: Failure) -> None:
        """Note a picture that could not be read."""
        self.failures[failure.identifier] = failure

    def flush(self) -> None:
        """Make sure that all pictures added so far are stored safely."""

    def make(self, number: int) -> Segment | None:
        """Make a segment of the collected pictures; None when there are none."""
        if not self.pictures and not self.failures:
            return None
        items = [self.pictures[identifier] for identifier in sorted(self.pictures)]
        failures = [self.failures[identifier] for identifier in sorted(self.failures)]
        return make_segment(
            [record for record, _ in items],
            [picture for _, picture in items],
            self.n_words,
            failures,
            number,
        )

    def clear(self) -> None:
        """Forget the collected pictures and failures."""
        self.pictures, self.failures = {}, {}
