"""The catalogue of a segment: facts about its pictures, kept as columns.

No Python object is made for a picture until it is asked for, so that an index of a million
pictures opens at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..pictures import Record

FACTS = np.dtype(
    [
        ("identifier", "<i8"),
        ("path", "<i8"),
        ("sha256", "<i8"),
        ("width", "<i8"),
        ("height", "<i8"),
        ("size", "<i8"),
        ("mtime_ns", "<i8"),
    ]
)
"""One picture: where each of its three texts ends in the bytes of all texts; then numbers."""
_TEXTS = ("identifier", "path", "sha256")
_PLACES = 32  # bits of a key for the place in a segment


def keys_of(number: int, places: NDArray[np.integer]) -> NDArray[np.int64]:
    """Keys of pictures: the number of their segment times 2 ** 32, plus their places in it."""
    return (np.int64(number) << _PLACES) + places


def split_keys(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the segments and places in them of pictures, given their keys."""
    return keys >> _PLACES, keys & ((1 << _PLACES) - 1)


def positions_of_keys(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where wanted keys stand among keys in any order; -1 for those that are not among them."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    at = np.searchsorted(keys, wanted, sorter=order)
    found = order[np.minimum(at, len(keys) - 1)]
    return np.where(keys[found] == wanted, found, -1)


def to_bytes(text: str) -> bytes:
    """Encode a text such that bytes sort as texts do; file names may not be valid UTF-8."""
    return text.encode("utf-8", "surrogatepass")


class Records(Sequence[Record]):
    """Records in increasing order of identifier; each is made when it is asked for."""

    @abstractmethod
    def identifier(self, place: int) -> bytes:
        """Identifier of a picture, as `to_bytes` gives it."""

    @abstractmethod
    def record(self, place: int) -> Record:
        """Record of a picture; `place` counts from 0 and is not negative."""

    @abstractmethod
    def size(self, place: int) -> tuple[int, int]:
        """Width and height of a picture."""

    @abstractmethod
    def short_hashes(self) -> NDArray[np.uint64]:
        """The first eight characters of the hash of each picture ``(n,)``, as a number."""

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...

    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        if isinstance(place, slice):
            return [self.record(i) for i in range(*place.indices(len(self)))]
        return self.record(range(len(self))[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} records>"

    def insertion(self, identifier: bytes) -> int:
        """The first place whose identifier is not smaller, by binary search."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.identifier(middle) < identifier:
                low = middle + 1
            else:
                high = middle
        return low

    def find(self, identifier: bytes) -> int | None:
        """Place of a picture; None when it is not there."""
        place = self.insertion(identifier)
        return place if place < len(self) and self.identifier(place) == identifier else None


class Catalogue(Records):
    """Records of the pictures of one segment, as columns.

    Parameters
    ----------
    facts : (n,) ndarray of `FACTS`
    texts : (n_bytes,) uint8 ndarray
        The identifier, path and hash of each picture, one picture after another.
    """

    def __init__(self, facts: NDArray[Any], texts: NDArray[np.uint8]) -> None:
        self.facts, self.texts = facts, texts

    @classmethod
    def of(cls, records: Iterable[Record]) -> Catalogue:
        """Make a catalogue of records, which must be in order of identifier."""
        if isinstance(records, Catalogue):
            return records
        rows, parts, end = [], [], 0
        for r in records:
            ends = []
            for name in _TEXTS:
                parts.append(to_bytes(getattr(r, name)))
                end += len(parts[-1])
                ends.append(end)
            rows.append((*ends, r.width, r.height, r.size, r.mtime_ns))
        return cls(np.array(rows, FACTS), np.frombuffer(b"".join(parts), np.uint8))

    def __len__(self) -> int:
        return len(self.facts)

    def _begin(self, place: int) -> int:
        return int(self.facts["sha256"][place - 1]) if place else 0

    def identifier(self, place: int) -> bytes:
        """Identifier of a picture, as `to_bytes` gives it."""
        return self.texts[self._begin(place) : self.facts["identifier"][place]].tobytes()

    def record(self, place: int) -> Record:
        """Record of a picture."""
        identifier, path, sha256, *numbers = self.facts[place].tolist()
        begin = self._begin(place)
        text = self.texts[begin:sha256].tobytes()
        texts = (text[: identifier - begin], text[identifier - begin : path - begin])
        width, height, size, mtime_ns = numbers
        return Record(
            texts[0].decode("utf-8", "surrogatepass"),
            texts[1].decode("utf-8", "surrogatepass"),
            width,
            height,
            text[path - begin :].decode("utf-8", "surrogatepass"),
            size,
            mtime_ns,
        )

    def size(self, place: int) -> tuple[int, int]:
        """Width and height of a picture."""
        row = self.facts[place]
        return int(row["width"]), int(row["height"])

    def short_hashes(self) -> NDArray[np.uint64]:
        """The first eight characters of the hash of each picture ``(n,)``, as a number."""
        begin, end = self.facts["path"], self.facts["sha256"]
        at = begin[:, None] + np.arange(8)
        inside = at < end[:, None]
        texts = self.texts if len(self.texts) else np.zeros(1, np.uint8)
        found = np.where(inside, texts[np.where(inside, at, 0)], np.uint8(0))
        return np.ascontiguousarray(found).view(np.uint64)[:, 0]

    def problem(self) -> str | None:
        """Say what is wrong with the columns, without looking at the texts; None if nothing is."""
        ends = np.stack([self.facts[name] for name in _TEXTS], axis=1).ravel()
        if len(ends) and (ends[0] < 0 or (ends[1:] < ends[:-1]).any()):
            return "holds texts out of order"
        if (int(ends[-1]) if len(ends) else 0) != len(self.texts):
            return "does not fit the texts beside it"
        sides = np.stack([self.facts["width"], self.facts["height"]])
        if len(ends) and not (sides.min() > 0 and sides.max() < 1 << 31):
            return "holds a picture without a size"
        return None

    def text_problem(self) -> str | None:
        """Say what is wrong with the texts; None if nothing is. This reads all of them."""
        before = None
        for place in range(len(self)):
            identifier = self.identifier(place)
            if before is not None and identifier <= before:
                return f"holds the record {identifier!r:.200} out of order"
            before = identifier
            try:
                self.record(place)
            except UnicodeDecodeError as error:
                return f"holds a text that is no UTF-8 ({error})"
        return None


class JoinedRecords(Records):
    """Records of the pictures of several catalogues, in a given order.

    Parameters
    ----------
    catalogues : mapping of int to Catalogue
        By the number of the segment.
    keys : (n,) int64 ndarray
        See `keys_of`.
    """

    def __init__(self, catalogues: Mapping[int, Catalogue], keys: NDArray[np.int64]) -> None:
        self._catalogues, self._keys = catalogues, keys

    def __len__(self) -> int:
        return len(self._keys)

    def _at(self, place: int) -> tuple[Catalogue, int]:
        number, at = divmod(int(self._keys[place]), 1 << _PLACES)
        return self._catalogues[number], at

    def identifier(self, place: int) -> bytes:
        """Identifier of a picture, as `to_bytes` gives it."""
        catalogue, at = self._at(place)
        return catalogue.identifier(at)

    def record(self, place: int) -> Record:
        """Record of a picture."""
        catalogue, at = self._at(place)
        return catalogue.record(at)

    def size(self, place: int) -> tuple[int, int]:
        """Width and height of a picture."""
        catalogue, at = self._at(place)
        return catalogue.size(at)

    def short_hashes(self) -> NDArray[np.uint64]:
        """The first eight characters of the hash of each picture ``(n,)``, as a number."""
        found = np.zeros(len(self), np.uint64)
        numbers, places = split_keys(self._keys)
        for number, catalogue in self._catalogues.items():
            mine = numbers == number
            found[mine] = catalogue.short_hashes()[places[mine]]
        return found


class Positions(Mapping[str, int]):
    """Positions of identifiers among records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def __getitem__(self, identifier: str) -> int:
        place = self._records.find(to_bytes(identifier)) if isinstance(identifier, str) else None
        if place is None:
            raise KeyError(identifier)
        return place

    def __iter__(self) -> Iterator[str]:
        return (record.identifier for record in self._records)

    def __len__(self) -> int:
        return len(self._records)
