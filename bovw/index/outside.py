"""An index whose candidates are found by another engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..search import Base, CandidateIndex
from .index import Index

_AT_ONCE = 1024


@dataclass(frozen=True)
class OutsideBase(Base):
    """A base whose candidates are found by a `CandidateIndex`, and then scored exactly."""

    outside: CandidateIndex

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        keys = keys_of_identifiers(self)
        order = np.argsort(keys)
        return keys[order], order

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
        positions, scores = positions[scores > 0], scores[scores > 0]
        best = np.lexsort((positions, -scores))[:depth]
        return positions[best], scores[best]


@dataclass(frozen=True)
class OutsideIndex(Index):
    """An index whose candidates are found by a `CandidateIndex`."""

    outside: CandidateIndex | None = None

    @cached_property
    def base(self) -> Base:
        """The data that a search uses, and the other engine."""
        assert self.outside is not None
        return OutsideBase(self.collection, self.histograms, self.weights, self.outside)


def with_outside(index: Index, outside: CandidateIndex) -> OutsideIndex:
    """Return the same index, whose candidates another engine finds."""
    values = {each.name: getattr(index, each.name) for each in fields(Index)}
    return OutsideIndex(**{**values, "graphs": ()}, outside=outside)


def keys_of_identifiers(base: Base) -> NDArray[np.int64]:
    """Keys ``(n,)`` of the pictures of a collection for another engine, by their identifiers.

    They stay the same when segments are merged: 63 bits of a hash, which a hundred million pictures
    share with a probability of one in two thousand. Then one of two pictures is not found.
    """
    records = base.collection.records
    hashes = (
        hashlib.blake2b(records.identifier(i), digest_size=8).digest() for i in range(len(records))
    )
    return (np.frombuffer(b"".join(hashes), "<u8") >> np.uint64(1)).astype(np.int64)


def fill(outside: CandidateIndex, index: Index) -> None:
    """Add the histograms of all pictures of an index to another engine."""
    keys, filled = keys_of_identifiers(index.base), np.flatnonzero(index.histograms.is_filled)
    for first in range(0, len(filled), _AT_ONCE):
        some = filled[first : first + _AT_ONCE]
        outside.add(keys[some], index.histograms.source.rows(some))
