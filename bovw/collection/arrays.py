"""Arrays in several parts, which are usually memory-mapped files, and slices of them."""

from __future__ import annotations

import mmap
import os
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Arrays that are smaller, as a share of the machine's memory, are soon in it as a whole.
_LARGE = 1 / 32
# More at a time, as a share of that memory, would push out what was announced first.
_MOST = 1 / 2


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


def slices(stored: Any, starts: NDArray[np.integer], sizes: NDArray[np.integer]) -> NDArray[Any]:
    """Concatenate the slices ``starts[i]:starts[i] + sizes[i]`` of an array or a `Joined`."""
    spans = zip(starts.tolist(), (starts + sizes).tolist(), strict=True)
    return np.concatenate([stored[a:b] for a, b in spans] or [stored[0:0]])


def announce(stored: Any, starts: NDArray[np.integer], sizes: NDArray[np.integer]) -> None:
    """Ask the system to read slices of an array or a `Joined` from the disk, all at once.

    What is read from a memory-mapped file is otherwise waited for piece by piece, and with each
    piece the system reads much around it (128 KB by default in Linux) that nobody needs. A slice
    that is in memory already costs a microsecond, so arrays that are not mapped, or small beside
    the memory of the machine, are left alone.
    """
    whole = stored if isinstance(stored, Joined) else Joined([stored])
    size = sum(part.nbytes for part in whole._parts)
    asked = int(sizes.sum()) * (size // max(1, len(whole)))
    if size < _LARGE * _memory() or asked > _MOST * _memory():
        return
    which = np.searchsorted(whole._bounds[1:], starts, side="right")
    for number, part in enumerate(whole._parts):
        mine = np.flatnonzero((which == number) & (sizes > 0))
        if len(mine) and isinstance(part.base, np.memmap):
            own = starts[mine] - whole._bounds[number]
            _announce(part, own, own + sizes[mine])


@lru_cache(1)
def _memory() -> float:
    """Bytes of memory of this machine; infinite where nothing can be announced (Windows)."""
    if not hasattr(mmap, "MADV_WILLNEED"):
        return np.inf
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _announce(array: NDArray[Any], begins: NDArray[Any], ends: NDArray[Any]) -> None:
    mapped: Any = array.base
    step, head = array.strides[0], mapped.offset % mmap.ALLOCATIONGRANULARITY
    begins = (begins * step + head) // mmap.PAGESIZE * mmap.PAGESIZE
    lengths = np.minimum(ends * step + head, len(mapped.base)) - begins
    good = (begins >= 0) & (lengths > 0)  # a damaged index may name what is outside of its file
    begins, lengths = begins[good], lengths[good]
    with suppress(OSError):  # it is only advice: the slices are read all the same
        for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True):
            mapped.base.madvise(mmap.MADV_WILLNEED, begin, length)
