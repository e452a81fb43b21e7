"""Shards of an index, and the stages of a search that workers do on them.

A shard is some segments of an index. A worker holds it memory-mapped from the shared folder. Every
shard answers for its own pictures, with the document frequencies and lengths of the whole index;
its answers are joined with those of others to what one machine would have found.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import split_keys
from ..errors import IncompatibleError
from ..index import Index
from ..search import (
    Base,
    CollectionRows,
    Correspondences,
    HistogramIndex,
    KernelMatches,
    Near,
    QueryFeatures,
    Verification,
    best_of,
    join_matches,
)
from ..settings import CandidateSettings, Settings
from . import worker
from .connection import Cluster
from .worker import identity, plain, plain_row

_PER_WORKER = 2  # shards, so that those of a lost worker can go to several others
_LOOK_EVERY = 1.0  # seconds after which workers are counted again


class Shards:
    """The shards of one generation of an index, and which worker holds each.

    Parameters
    ----------
    cluster : Cluster
    index : Index
    folder : path
        Where the index lies, for all workers.
    trusted : bool
        See `Engine.open`.
    """

    def __init__(self, cluster: Cluster, index: Index, folder: Path, trusted: bool) -> None:
        self.cluster, self.folder, self.trusted = cluster, folder, trusted
        self._lock = threading.Lock()
        self._holders: list[str] = []
        self._looked = -np.inf
        workers = cluster.workers()
        numbers, _ = split_keys(index.collection.keys)
        sizes = {s.number: int(s.offsets[-1]) for s in index.segments}
        self.groups = spread(sizes, _PER_WORKER * max(1, len(workers)))
        self._common = {
            "folder": str(folder),
            "digest": index.digest,
            "trusted": trusted,
            "identity": identity(),
        }
        self.members = [
            np.flatnonzero(np.isin(numbers, group)).astype(np.int32) for group in self.groups
        ]
        # Of each picture: its shard, and its position there.
        self.shard = np.zeros(len(numbers), np.int32)
        self.place = np.zeros(len(numbers), np.int32)
        for number, members in enumerate(self.members):
            self.shard[members] = number
            self.place[members] = np.arange(len(members))

    def __len__(self) -> int:
        return len(self.groups)

    def ask(
        self,
        function: Callable[..., Any],
        candidates: CandidateSettings,
        arguments: dict[int, tuple[Any, ...]],
    ) -> dict[int, Any]:
        """Call a function of `worker.py` for some shards; `arguments` are by number of shard."""
        holders = self._present()
        futures = {
            number: self.cluster.submit(
                function,
                {**self._common, "segments": self.groups[number], "candidates": asdict(candidates)},
                *some,
                worker=holders[number],
            )
            for number, some in arguments.items()
        }
        try:
            return {number: self.cluster.result(future) for number, future in futures.items()}
        except BaseException:
            self.cluster.cancel(list(futures.values()))
            raise

    def divided(self, positions: NDArray[np.int32]) -> dict[int, NDArray[np.intp]]:
        """For each shard that has some of these pictures: which of them."""
        owner = self.shard[positions]
        return {int(n): np.flatnonzero(owner == n) for n in np.unique(owner)}

    def _present(self) -> list[str]:
        """Addresses of the workers that hold the shards; those of lost workers go to others."""
        with self._lock:
            if time.monotonic() - self._looked > _LOOK_EVERY:
                self._holders = placed(self._holders, len(self), list(self.cluster.workers()))
                self._looked = time.monotonic()
            return self._holders


def spread(sizes: dict[int, int], n_groups: int) -> list[list[int]]:
    """Divide segments among groups of about the same number of features, the largest first."""
    groups: list[list[int]] = [[] for _ in range(min(n_groups, len(sizes)))]
    loads = [0] * len(groups)
    for number in sorted(sizes, key=lambda number: (-sizes[number], number)):
        least = min(range(len(groups)), key=loads.__getitem__)
        groups[least].append(number)
        loads[least] += max(1, sizes[number])
    return [sorted(group) for group in groups]


def placed(before: Sequence[str], n_shards: int, workers: Sequence[str]) -> list[str]:
    """Say which worker holds each shard: the same as before, or else one that holds few."""
    if not workers:  # the scheduler waits for some
        return list(before) or [""] * n_shards
    held = [name if name in workers else "" for name in before] or [""] * n_shards
    for number, name in enumerate(held):
        if not name:
            held[number] = min(workers, key=lambda worker: (held.count(worker), worker))
    return held


@dataclass(frozen=True)
class ShardedBase(Base):
    """A base whose large stages are done by the workers that hold its shards."""

    shards: Shards
    index: Index

    @cached_property
    def _of_shards(self) -> CandidateSettings:
        """Settings by which each shard uses its graphs if the whole index does."""
        settings = self.index.settings.candidates
        if settings.method != "auto":
            return settings
        chosen = settings.chosen(len(self.collection))
        return replace(settings, graph_from=1 << 62 if chosen == "exact" else 1)

    def _ask(
        self, function: Callable[..., Any], arguments: dict[int, tuple[Any, ...]]
    ) -> dict[int, Any]:
        return self.shards.ask(function, self._of_shards, arguments)

    def candidates(
        self, histogram: sparse.csr_matrix, depth: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the nearest histograms of all shards."""
        sought = self.histograms.sought(histogram, depth, self.index.graphs, allowed)
        asked = {
            **plain(sought),
            "heavy": None if sought.heavy is None else plain_row(sought.heavy),
        }
        query, members = plain_row(histogram), self.shards.members
        found = self._ask(
            worker.near,
            {
                number: (query, asked, None if allowed is None else allowed[own])
                for number, own in enumerate(members)
                if len(own)
            },
        )
        parts = [Near(**part) for part in found.values()]
        there = [
            replace(part, positions=members[number][part.positions])
            for number, part in zip(found, parts, strict=True)
        ]
        return best_of(there, sought)

    def aggregated_scores(
        self, picture: QueryFeatures, positions: NDArray[np.int32], settings: Settings
    ) -> NDArray[np.float32]:
        """Score candidates by their joined features."""
        scores = np.zeros(len(positions), np.float32)
        for own, part in self._parts(worker.aggregated_scores, picture, positions, settings):
            scores[own] = part
        return scores

    def matches(
        self, picture: QueryFeatures, positions: NDArray[np.int32], settings: Settings
    ) -> KernelMatches:
        """Match a query picture with candidates."""
        found = self._parts(worker.matches, picture, positions, settings)
        if not found:
            return super().matches(picture, positions, settings)
        return join_matches([KernelMatches(**part) for _, part in found], [own for own, _ in found])

    def verifications(
        self,
        picture: QueryFeatures,
        positions: NDArray[np.int32],
        tentative: Correspondences | None,
        settings: Settings,
    ) -> list[Verification]:
        """Verify candidates against a query picture."""

        def pairs(own: NDArray[np.intp]) -> dict[str, Any] | None:
            return None if tentative is None else plain(tentative.of_groups(own, len(positions)))

        results: dict[int, Verification] = {}
        for own, part in self._parts(worker.verifications, picture, positions, settings, pairs):
            results.update(zip(own.tolist(), (Verification(**one) for one in part), strict=True))
        return [results[i] for i in range(len(positions))]

    def _parts(
        self,
        stage: Callable[..., Any],
        picture: QueryFeatures,
        positions: NDArray[np.int32],
        settings: Settings,
        *more: Callable[[NDArray[np.intp]], Any],
    ) -> list[tuple[NDArray[np.intp], Any]]:
        """Let each shard do a stage with its candidates.

        Each function of `more` gives one more argument, for the candidates of a shard. Returned
        are, for each shard that has some: which candidates, and the result of the stage.
        """
        mine = self.shards.divided(positions)
        asked, how, places = plain(picture), settings.to_dict(), self.shards.place[positions]
        arguments = {
            number: (asked, places[own], how, *(argument(own) for argument in more))
            for number, own in mine.items()
        }
        return [(mine[number], part) for number, part in self._ask(stage, arguments).items()]


@dataclass(frozen=True)
class ShardedIndex(Index):
    """An index on disk whose segments are read by workers; see `Shards`."""

    shards: Shards | None = None

    @cached_property
    def histograms(self) -> HistogramIndex:
        """The histograms, without graphs: workers have these."""
        method = self.settings.candidates.method
        if method not in ("auto", "exact"):
            raise IncompatibleError(
                f"candidates.method={method!r}: one graph over all pictures cannot be divided "
                "among workers; use 'auto', which has one for each large segment, or 'exact'"
            )
        rows = CollectionRows(self.collection, self.weighting, self.weights)
        return HistogramIndex(rows, self.settings.candidates, keys=self.collection.keys)

    @cached_property
    def base(self) -> Base:
        """The stages of a search, done by workers."""
        assert self.shards is not None  # ShardedEngine gives them
        return ShardedBase(self.collection, self.histograms, self.weights, self.shards, self)
