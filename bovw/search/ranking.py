"""Input and output of a search: the base that is searched, verifications, and a ranking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..collection import Collection
from .candidates import HistogramIndex
from .geometry.verification import Verification
from .kernels.aggregated import Aggregated, aggregate_collection


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
    """The base: everything that a search reads.

    Attributes
    ----------
    collection : Collection
    histograms : HistogramIndex
        Histograms of the pictures of the collection.
    idf : (n_words,) float32 ndarray
        Inverse document frequency of each word.
    """

    collection: Collection
    histograms: HistogramIndex
    idf: NDArray[np.float32]

    @cached_property
    def aggregated(self) -> Aggregated:
        """The collection with all features of a picture that share a word joined into one."""
        return aggregate_collection(self.collection, self.idf)


@dataclass(frozen=True)
class Found:
    """A verification, and which features gave it.

    Attributes
    ----------
    verification : Verification
    picture : int
        Number of the query picture that was verified against the candidate.
    direct : bool
        Whether that picture's own features were used, without features added from other answers.
    """

    verification: Verification
    picture: int
    direct: bool


@dataclass(frozen=True)
class Ranking:
    """Positions in a collection, best first.

    Attributes
    ----------
    positions : (n,) int32 ndarray
    scores, similarities, evidence : (n,) float32 ndarray
        Of each position; see `Answer`.
    found : dict of int to Found
        By position: the verification of each picture that was verified.
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    similarities: NDArray[np.float32]
    evidence: NDArray[np.float32]
    found: dict[int, Found]

    def direct_evidence(self, chance_share: float) -> float:
        """Largest evidence of the answers that were verified with the query's own features."""
        direct = (f.verification.evidence(chance_share) for f in self.found.values() if f.direct)
        return max(direct, default=0.0)
