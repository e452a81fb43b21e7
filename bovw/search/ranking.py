"""Input and output of a search: the base that is searched, verifications, and a ranking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import Collection
from ..settings import Settings
from .candidates import HistogramIndex
from .decision import Found
from .geometry.correspondences import Correspondences
from .geometry.verification import Verification, verify
from .histograms import Weights
from .kernels.aggregated import Aggregated, score_aggregated
from .kernels.hamming import KernelMatches, find_matches
from .query import QueryFeatures


@dataclass
class Stopwatch:
    """Adds up the milliseconds of named stages."""

    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - begun) * 1000
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + spent


@dataclass(frozen=True)
class Base:
    """The base: everything that a search reads, and the stages that read much of it.

    `bovw.cluster` has a subclass whose stages are done by other machines.

    Attributes
    ----------
    collection : Collection
    histograms : HistogramIndex
        Histograms of the pictures of the collection.
    weights : Weights
        Inverse document frequencies, and lengths of the pictures.
    """

    collection: Collection
    histograms: HistogramIndex
    weights: Weights

    @property
    def idf(self) -> NDArray[np.float32]:
        """Inverse document frequency of each word ``(n_words,)``."""
        return self.weights.idf

    @cached_property
    def aggregated(self) -> Aggregated:
        """The collection with all features of a picture that share a word joined into one."""
        return Aggregated.of(self.collection, self.weights.lengths[:, 1])

    def candidates(
        self, histogram: sparse.csr_matrix, depth: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the nearest histograms; see `HistogramIndex.search`."""
        return self.histograms.search(histogram, depth, allowed)[0]

    def aggregated_scores(
        self, picture: QueryFeatures, positions: NDArray[np.int32], settings: Settings
    ) -> NDArray[np.float32]:
        """Score candidates by their joined features; see `score_aggregated`."""
        return score_aggregated(picture, positions, self.aggregated, self.idf, settings.kernel)

    def matches(
        self, picture: QueryFeatures, positions: NDArray[np.int32], settings: Settings
    ) -> KernelMatches:
        """Match a query picture with candidates; see `find_matches`."""
        return find_matches(picture, positions, self.collection, self.idf, settings.kernel)

    def verifications(
        self,
        picture: QueryFeatures,
        positions: NDArray[np.int32],
        tentative: Correspondences | None,
        settings: Settings,
    ) -> list[Verification]:
        """Verify candidates against a query picture; see `verify`."""
        return verify(
            picture.picture,
            [self.collection.picture(p) for p in positions],
            settings.geometry,
            tentative,
            picture.weights,
            settings.kernel.center_sigma if picture.whole else 0.0,
        )


@dataclass(frozen=True)
class Ranking:
    """Positions in a collection, best first.

    Attributes
    ----------
    positions : (n,) int32 ndarray
    scores, similarities, evidence, contrast : (n,) float32 ndarray
        Of each position; see `Answer`.
    found : dict of int to Found
        By position: the verification of each picture that was verified.
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    similarities: NDArray[np.float32]
    evidence: NDArray[np.float32]
    contrast: NDArray[np.float32]
    found: dict[int, Found]

    @property
    def direct(self) -> NDArray[np.bool_]:
        """Whether each answer was verified with the query's own features ``(n,)``."""
        found = (self.found.get(p) for p in self.positions.tolist())
        return np.array([one is not None and one.direct for one in found], bool)

    @cached_property
    def initial_ranks(self) -> NDArray[np.int64]:
        """Rank of each answer by similarity alone, from 1 ``(n,)``."""
        ranks = np.empty(len(self.positions), np.int64)
        ranks[np.lexsort((self.positions, -self.similarities))] = np.arange(1, len(ranks) + 1)
        return ranks
