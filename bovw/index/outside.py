"""An index whose candidates are found by another engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import Collection
from ..search import Base, CandidateIndex, Near, Sought, best_of
from .index import Index

_AT_ONCE = 1024


@dataclass(frozen=True)
class OutsideBase(Base):
    """A base whose candidates are found by a `CandidateIndex`, and then scored exactly."""

    outside: CandidateIndex

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """Keys ``(n,)`` of the pictures for the other engine."""
        return keys_of_identifiers(self.collection)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        order = np.argsort(self.keys)
        return self.keys[order], order

    def candidates(
        self, histogram: sparse.csr_matrix, depth: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find candidates; all pictures are ranked by our own postings."""
        if depth >= len(self.collection):
            return super().candidates(histogram, depth, allowed)
        keys, order = self._sorted
        may = None if allowed is None else keys[allowed[order]]
        found, _ = self.outside.search(histogram, depth, may)
        at = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
        positions = np.sort(order[at[keys[at] == found]]).astype(np.int32)
        if allowed is not None:
            positions = positions[allowed[positions]]
        scores = self.histograms.source.scores_of(histogram, positions)
        return best_of([Near(positions, scores)], Sought(depth, 0, 0))


@dataclass(frozen=True)
class OutsideIndex(Index):
    """An index whose candidates are found by a `CandidateIndex`."""

    outside: CandidateIndex | None = None

    @cached_property
    def base(self) -> OutsideBase:
        """The data that a search uses, and the other engine."""
        assert self.outside is not None
        return OutsideBase(self.collection, self.histograms, self.weights, self.outside)


def with_outside(index: Index, outside: CandidateIndex) -> OutsideIndex:
    """Return the same index, whose candidates another engine finds."""
    settings = index.settings.changed(candidates={"method": "exact"})  # it needs no graph of ours
    return index.as_kind(OutsideIndex, settings=settings, graphs=(), outside=outside)


def keys_of_identifiers(collection: Collection) -> NDArray[np.int64]:
    """Keys ``(n,)`` of the pictures of a collection for another engine, by their identifiers.

    They stay the same when segments are merged: 63 bits of a hash, which a hundred million pictures
    share with a probability of one in two thousand. Then one of two pictures is not found.
    """
    records = collection.records
    hashes = (
        hashlib.blake2b(records.identifier(i), digest_size=8).digest() for i in range(len(records))
    )
    return (np.frombuffer(b"".join(hashes), "<u8") >> np.uint64(1)).astype(np.int64)


def fill(index: OutsideIndex) -> None:
    """Add the histograms of all pictures of an index to its other engine."""
    outside, keys = index.base.outside, index.base.keys
    filled = np.flatnonzero(index.histograms.is_filled)
    for first in range(0, len(filled), _AT_ONCE):
        some = filled[first : first + _AT_ONCE]
        outside.add(keys[some], index.histograms.source.rows(some))
