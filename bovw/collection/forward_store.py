"""The forward store: words, signatures and keypoints by picture, over all segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import FormatError, UnknownPictureError
from ..vocabulary import word_counts
from .arrays import announce, joined, slices
from .catalogue import JoinedRecords, Positions, Records, keys_of, split_keys
from .keypoints import unpack_angles, unpack_keypoints
from .segment import ARRAYS, Segment


@dataclass(frozen=True, eq=False)
class Collection:
    """The pictures of some segments, without the removed ones.

    Attributes
    ----------
    segments : tuple of Segment
        At least one.
    keys : (n_pictures,) int64 ndarray
        Where each picture is stored; see `keys_of`. Pictures are in increasing order of identifier,
        by which ties in a ranking are broken.
    """

    segments: tuple[Segment, ...]
    keys: NDArray[np.int64]

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
        keys = np.concatenate(
            [alive(segment, (dead or {}).get(segment.number, ())) for segment in segments]
        )
        if sum(len(segment) > 0 for segment in segments) > 1:
            records = JoinedRecords({s.number: s.records for s in segments}, keys)
            names = [records.identifier(i) for i in range(len(keys))]
            order = sorted(range(len(names)), key=names.__getitem__)
            for one, other in pairwise(order):
                if names[one] == names[other]:
                    name = records[one].identifier
                    raise FormatError(
                        f"two segments hold {name!r}, and neither says that it was "
                        "replaced: restore the index from a copy, or make it again"
                    )
            keys = keys[order]
        return cls(tuple(segments), keys)

    def without(self, positions: Iterable[int]) -> Collection:
        """Return the collection without some pictures."""
        return replace(self, keys=np.delete(self.keys, sorted(set(positions))))

    def grown(self, segment: Segment) -> Collection:
        """Return the collection with one more segment, which holds none of its pictures yet."""
        new = segment.records
        at = [self.records.insertion(new.identifier(i)) for i in range(len(new))]
        keys = np.insert(self.keys, at, alive(segment, ()))
        segments = tuple(s for s in self.segments if s.number)  # 0 is the empty one
        return Collection((*segments, segment), keys)

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def records(self) -> Records:
        """Records of the pictures, in increasing order of identifier."""
        return JoinedRecords({s.number: s.records for s in self.segments}, self.keys)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Number of each picture among all pictures of the segments, counting removed ones too."""
        before, rows = 0, np.empty(len(self), np.int64)
        numbers, places = split_keys(self.keys)
        for segment in self.segments:
            mine = numbers == segment.number
            rows[mine] = places[mine] + before
            before += len(segment)
        return rows

    @cached_property
    def _features(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self.spans([segment.offsets for segment in self.segments])

    @property
    def starts(self) -> NDArray[np.int64]:
        """The features of picture `i` are ``starts[i]:starts[i] + sizes[i]`` of all features."""
        return self._features[0]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of features of each picture ``(n_pictures,)``."""
        return self._features[1]

    def spans(
        self, offsets: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the values of each picture begin in the columns of all segments, and their number.

        Parameters
        ----------
        offsets : sequence of (n_pictures of a segment + 1,) int64 ndarray
            The values of picture `i` of a segment are ``offsets[i]:offsets[i + 1]`` of its column.
        """
        before = np.cumsum([0, *(int(own[-1]) for own in offsets)])[:-1].tolist()
        starts = [own[:-1] + first for own, first in zip(offsets, before, strict=True)]
        return self.placed(starts), self.placed([np.diff(own) for own in offsets])

    def counts(self, positions: NDArray[np.integer]) -> sparse.csr_matrix:
        """Counts of the words of some pictures, ``(m, n_words)``."""
        sizes = self.sizes[positions]
        words = slices(self.words, self.starts[positions], sizes)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return word_counts(words, offsets, self.segments[0].n_words)

    def document_frequencies(self) -> NDArray[np.int64]:
        """In how many pictures each word occurs ``(n_words,)``."""
        total = np.sum([segment.views.frequencies for segment in self.segments], axis=0)
        for segment in self.segments:
            removed = np.setdiff1d(np.arange(len(segment)), self.places(segment))
            for place in removed.tolist():
                words = segment.words[segment.offsets[place] : segment.offsets[place + 1]]
                total[np.unique(words)] -= 1
        return np.asarray(total, np.int64)

    def places(self, segment: Segment) -> NDArray[np.int64]:
        """Places in a segment of its pictures that are not removed, in increasing order."""
        numbers, places = split_keys(self.keys)
        return np.asarray(places[numbers == segment.number])

    def placed(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Put values of the pictures of each segment, removed ones too, in the collection's order.

        Parameters
        ----------
        columns : sequence of (n_pictures of a segment, ...) ndarray
        """
        return np.concatenate(columns)[self.rows]

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
        return Positions(self.records)

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

    def announce(self, positions: NDArray[np.integer]) -> None:
        """Say that the features of some pictures are read next; see `bovw.collection.announce`."""
        starts, sizes = self.starts[positions], self.sizes[positions]
        for array in (self.words, self.signatures, self._keypoints):
            announce(array, starts, sizes)

    def part(self, position: int) -> slice:
        """Slice of a picture's features in `words` and `signatures`."""
        start = int(self.starts[position])
        return slice(start, start + int(self.sizes[position]))

    def size(self, position: int) -> tuple[int, int]:
        """Width and height of a picture."""
        return self.records.size(position)

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


def alive(segment: Segment, dead: Iterable[int]) -> NDArray[np.int64]:
    """Keys of the pictures of a segment, without the removed entries; see `Collection.keys`."""
    kept = np.ones(segment.n_entries, bool)
    kept[list(dead)] = False
    # After the pictures come the failures.
    return keys_of(segment.number, np.flatnonzero(kept[: len(segment)]))


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
