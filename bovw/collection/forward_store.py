"""The forward store: words, signatures and keypoints by picture, over all segments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import FormatError, UnknownPictureError
from ..pictures import Record
from .keypoints import unpack_angles, unpack_keypoints
from .segment import ARRAYS, Segment


class WordStore(Protocol):
    """Words and signatures of pictures, as the match kernels read them.

    The features of picture `i` are ``starts[i]:starts[i] + sizes[i]``, sorted by word.
    """

    @property
    def starts(self) -> NDArray[np.int64]: ...

    @property
    def sizes(self) -> NDArray[np.int64]: ...

    @property
    def words(self) -> NDArray[np.unsignedinteger]: ...

    @property
    def signatures(self) -> NDArray[np.uint64]: ...


class Joined:
    """Several arrays that can be read like one concatenated array, without copying them."""

    def __init__(self, parts: Sequence[NDArray[Any]]) -> None:
        self._parts = parts
        self._bounds = np.cumsum([0, *map(len, parts)])
        self._ends = self._bounds[1:].tolist()

    def __len__(self) -> int:
        return int(self._bounds[-1])

    def __getitem__(self, at: slice | NDArray[np.integer]) -> NDArray[Any]:
        """Return a slice (usually within one part), or the elements at some indices."""
        if isinstance(at, slice):
            start, stop, _ = at.indices(len(self))
            number = min(bisect_right(self._ends, start), len(self._parts) - 1)
            before = int(self._bounds[number])
            if stop <= self._ends[number]:
                return self._parts[number][start - before : stop - before]
            return self[np.arange(start, stop)]
        at = np.asarray(at)
        which = np.searchsorted(self._bounds[1:], at, side="right").astype(np.uint16)
        order = np.argsort(which, kind="stable")
        limits = np.searchsorted(which[order], np.arange(len(self._parts) + 1))
        first = self._parts[0]
        found = np.empty((len(at), *first.shape[1:]), first.dtype)
        for number, part in enumerate(self._parts):
            mine = order[limits[number] : limits[number + 1]]
            if len(mine):
                found[mine] = part[at[mine] - self._bounds[number]]
        return found


def joined(parts: Sequence[NDArray[Any]]) -> Any:
    """Make several arrays readable as one; a single array is returned as it is."""
    return parts[0] if len(parts) == 1 else Joined(parts)


@dataclass(frozen=True, eq=False)
class Collection:
    """The pictures of some segments, without the removed ones.

    Attributes
    ----------
    segments : tuple of Segment
        At least one.
    records : tuple of Record
        Records of the pictures that were not removed, in increasing order of identifier. Ties in
        a ranking are broken by this order.
    keys : (n_pictures,) int64 ndarray
        Where each picture is stored: the number of its segment times 2 ** 32, plus its position in
        the segment.
    starts, sizes : (n_pictures,) int64 ndarray
        The features of picture `i` are ``starts[i]:starts[i] + sizes[i]`` of all features.
    rows : (n_pictures,) int64 ndarray
        Number of each picture among all pictures of the segments, counting removed ones too.
    """

    segments: tuple[Segment, ...]
    records: tuple[Record, ...]
    keys: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(
        cls, segments: Sequence[Segment], dead: Mapping[int, Iterable[int]] | None = None
    ) -> Collection:
        """Collect the pictures of segments.

        Parameters
        ----------
        segments : sequence of Segment
        dead : mapping of int to iterable of int, optional
            Tombstones: for each segment number, the positions of its removed entries.

        Raises
        ------
        FormatError
            When two segments contain the same picture. Only segments read from disk can.
        """
        records: list[Record] = []
        keys, starts, sizes, rows = [], [], [], []
        before = pictures = 0
        for segment in segments:
            alive = np.ones(segment.n_entries, bool)
            alive[list((dead or {}).get(segment.number, ()))] = False
            alive = alive[: len(segment)]  # after the pictures come the failures
            places = np.flatnonzero(alive)
            mine = segment.records
            records += mine if alive.all() else [mine[place] for place in places.tolist()]
            keys.append(places + (segment.number << 32))
            starts.append(segment.offsets[:-1][places] + before)
            sizes.append(np.diff(segment.offsets)[places])
            rows.append(places + pictures)
            before += int(segment.offsets[-1])
            pictures += len(segment)
        arrays = [np.concatenate(part) for part in (keys, starts, sizes, rows)]
        if len(segments) > 1:
            names = [record.identifier for record in records]
            order = sorted(range(len(names)), key=names.__getitem__)
            records = [records[i] for i in order]
            for one, other in pairwise(records):
                if one.identifier == other.identifier:
                    raise FormatError(
                        f"two segments hold {one.identifier!r}, and neither says that it was "
                        "replaced: restore the index from a copy, or make it again"
                    )
            arrays = [array[order] for array in arrays]
        return cls(tuple(segments), tuple(records), *arrays)

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def words(self) -> Any:
        """Words of all features, ``(n_features,)``, as an array or a `Joined`."""
        return joined([segment.words for segment in self.segments])

    @cached_property
    def signatures(self) -> Any:
        """Signatures of all features, in the same form as `words`."""
        return joined([segment.signatures for segment in self.segments])

    @cached_property
    def _keypoints(self) -> Any:
        return joined([segment.keypoints for segment in self.segments])

    @property
    def n_features(self) -> int:
        """Number of features of the pictures, without removed ones."""
        return int(self.sizes.sum())

    @property
    def nbytes(self) -> int:
        """Bytes in memory of the features of all segments, with removed pictures."""
        return sum(segment.nbytes for segment in self.segments)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Position of each identifier."""
        return {record.identifier: i for i, record in enumerate(self.records)}

    def position(self, identifier: str) -> int:
        """Position of a picture; raise an UnknownPictureError when it is not in the index."""
        try:
            return self.positions[identifier]
        except KeyError:
            raise UnknownPictureError(
                f"{identifier!r} is not in the index: identifiers are paths relative to the "
                f"folder that was indexed, such as {self.records[0].identifier!r}"
                if self.records
                else f"{identifier!r} is not in the index, which is empty"
            ) from None

    def part(self, position: int) -> slice:
        """Slice of a picture's features in `words` and `signatures`."""
        start = int(self.starts[position])
        return slice(start, start + int(self.sizes[position]))

    def size(self, position: int) -> tuple[int, int]:
        """Width and height of a picture."""
        record = self.records[position]
        return record.width, record.height

    def keypoints(self, position: int) -> NDArray[np.float32]:
        """Keypoints ``(n, 4)`` of a picture: ``x, y, scale, angle`` in pixels of the original."""
        return unpack_keypoints(self._keypoints[self.part(position)], self.size(position))

    def angles(self, features: NDArray[np.integer]) -> NDArray[np.float32]:
        """Angles of features, in degrees."""
        return unpack_angles(self._keypoints[features])

    def picture(self, position: int) -> StoredFeatures:
        """Words and keypoints of a picture, for verification."""
        part = self.part(position)
        return StoredFeatures(self.words[part], self._keypoints[part], self.size(position))

    def stored(self, position: int) -> dict[str, NDArray[Any]]:
        """The arrays named in `ARRAYS`, for one picture, in their stored form."""
        part = self.part(position)
        arrays = (self.words, self.signatures, self._keypoints)
        return {name: array[part] for name, array in zip(ARRAYS, arrays, strict=True)}

    def counts(self, n_words: int) -> sparse.csr_matrix:
        """Counts of words, ``(n_pictures, n_words)``."""
        parts = [segment.counts(n_words) for segment in self.segments]
        if len(parts) == 1 and len(self) == len(self.segments[0]):
            return parts[0]
        return sparse.vstack(parts).tocsr()[self.rows]


@dataclass(frozen=True)
class PictureFeatures:
    """The features of one picture, as verification needs them.

    Attributes
    ----------
    words : (n,) integer ndarray
        Words, in increasing order.
    keypoints : (n, 4) float32 ndarray
        ``x, y, scale, angle``.
    size : (int, int)
        Width and height.
    """

    words: NDArray[np.integer]
    keypoints: NDArray[np.float32]
    size: tuple[int, int]


@dataclass(frozen=True)
class StoredFeatures:
    """The same of a picture of a collection; keypoints are unpacked when they are asked for."""

    words: NDArray[np.integer]
    packed: NDArray[np.uint16]
    size: tuple[int, int]


def keypoints_at(
    pictures: Sequence[PictureFeatures | StoredFeatures],
    features: NDArray[np.integer],
    sizes: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Keypoints ``(m, 4)`` of some features of each of several pictures.

    Parameters
    ----------
    pictures : sequence of PictureFeatures or StoredFeatures
    features : (m,) integer ndarray
        Numbers of the features in their pictures: first those of the first picture, and so on.
    sizes : (n_pictures,) integer ndarray
        How many of these belong to each picture.
    """
    parts = np.split(features, np.cumsum(sizes)[:-1]) if len(pictures) else []
    found = np.zeros((len(features), 4), np.float32)
    packed, where, shapes = [np.zeros((0, 3), np.uint16)], [], []
    ends = np.cumsum(sizes).tolist()
    for picture, part, end in zip(pictures, parts, ends, strict=True):
        if isinstance(picture, PictureFeatures):
            found[end - len(part) : end] = picture.keypoints[part]
        else:
            packed.append(picture.packed[part])
            where.append(np.arange(end - len(part), end))
            shapes.append(np.broadcast_to(picture.size, (len(part), 2)))
    if where:
        found[np.concatenate(where)] = unpack_keypoints(
            np.concatenate(packed), np.concatenate(shapes)
        )
    return found
