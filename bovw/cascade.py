"""The stages of one search, from histogram to ranking.

Each stage is dearer for a picture than the one before, and sees fewer pictures: candidates,
match kernel, geometry, expansion, and all of them once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .collection import Collection
from .expansion import enrich_kernel_query, expand_query, expansion_weights
from .geometry import PictureFeatures, Verification, verify
from .histogram_index import HistogramIndex
from .match_kernel import (
    KernelQuery,
    correspondences,
    find_matches,
    picture_as_query,
    score_candidates,
)
from .settings import Settings

# Evidence beyond this says nothing more.
_MUCH_EVIDENCE = 100
# How an expansion weighs the answers.
_WEIGHTS = {"rank": "rank", "alpha": "similarity"}


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
class Query:
    """What each stage asks with.

    Attributes
    ----------
    picture : PictureFeatures
        For verification: features in order of their words.
    histogram : (1, n_words) csr_matrix
        For the candidates.
    kernel : KernelQuery
        For the match kernel; the same features in the same order.
    """

    picture: PictureFeatures
    histogram: sparse.csr_matrix
    kernel: KernelQuery


@dataclass(frozen=True)
class Ranking:
    """Positions in a collection, best first.

    Attributes
    ----------
    positions : (n,) int32 ndarray
    scores, similarities, evidence : (n,) float32 ndarray
    verifications : dict of int to Verification
        By position, of those that were verified.
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    similarities: NDArray[np.float32]
    evidence: NDArray[np.float32]
    verifications: dict[int, Verification]


def rank(
    query: Query,
    histograms: HistogramIndex,
    collection: Collection,
    idf: NDArray[np.float32],
    settings: Settings,
    *,
    depth: int,
    allowed: NDArray[np.bool_] | None = None,
    stopwatch: Stopwatch | None = None,
) -> Ranking:
    """Rank a collection for a query.

    Parameters
    ----------
    query : Query
    histograms : HistogramIndex
    collection : Collection
    idf : (n_words,) float32 ndarray
    settings : Settings
    depth : int
        How many candidates are found and scored.
    allowed : (n,) bool ndarray, optional
        Only these pictures may answer.
    stopwatch : Stopwatch, optional

    Returns
    -------
    Ranking
        By decreasing score, then increasing position.
    """
    search = _Search(
        query, histograms, collection, idf, settings, depth, allowed, stopwatch or Stopwatch()
    )
    ranking = search.once(query.histogram, [(query.kernel, 1.0)])
    if settings.expansion.method != "none":
        verified = np.flatnonzero(ranking.evidence >= settings.geometry.min_evidence)
        verified = verified[: settings.expansion.n_answers]
        if len(verified):
            ranking = search.once(*search.expanded(ranking, verified))
    return ranking


@dataclass(frozen=True)
class _Search:
    """One search: what it asks, where, and what it has verified so far."""

    query: Query
    histograms: HistogramIndex
    collection: Collection
    idf: NDArray[np.float32]
    settings: Settings
    depth: int
    allowed: NDArray[np.bool_] | None
    stopwatch: Stopwatch
    verifications: dict[int, Verification] = field(default_factory=dict)

    def once(
        self, histogram: sparse.csr_matrix, kernels: Sequence[tuple[KernelQuery, float]]
    ) -> Ranking:
        """Go through all stages with a query, or with what it was expanded to."""
        with self.stopwatch("candidates"):
            positions, similarities = self._candidates(histogram)
        if self.settings.kernel.method != "none":
            with self.stopwatch("kernel"):
                positions, similarities = self._score(positions, kernels)
        with self.stopwatch("geometry"):
            self._verify(positions[: self.settings.geometry.verify])
        return self._by_evidence(positions, similarities)

    def _candidates(
        self, histogram: sparse.csr_matrix
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the nearest histograms; with a filter all are scored, since nmslib knows none."""
        if self.allowed is None:
            return self.histograms.search(histogram, self.depth)[0]
        positions, scores = self.histograms.search(histogram, len(self.histograms))[0]
        wanted = self.allowed[positions]
        return positions[wanted][: self.depth], scores[wanted][: self.depth]

    def _score(
        self, positions: NDArray[np.int32], kernels: Sequence[tuple[KernelQuery, float]]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Score candidates by the match kernel, the best of each query 1, and sort them."""
        positions = np.sort(positions)
        scores = np.zeros(len(positions), np.float32)
        for kernel, weight in kernels:
            matches = find_matches(
                kernel, positions, self.collection, self.idf, self.settings.kernel.max_distance
            )
            found = score_candidates(
                matches, kernel, positions, self.collection, self.settings.kernel
            )
            scores += np.float32(weight) * (found / (found.max(initial=0) or 1))
        scores /= np.float32(sum(weight for _, weight in kernels))
        order = np.lexsort((positions, -scores))
        return positions[order], scores[order]

    def _verify(self, positions: NDArray[np.int32]) -> None:
        """Verify what was not verified before."""
        new = np.array([p for p in positions.tolist() if p not in self.verifications], np.int32)
        pictures = [self.collection.picture(p) for p in new]
        matches = None
        if self.settings.kernel.method != "none":
            found = find_matches(
                self.query.kernel, new, self.collection, self.idf, self.settings.kernel.max_distance
            )
            matches = correspondences(found, new, self.collection, self.settings.kernel)
        found_ = verify(self.query.picture, pictures, self.settings.geometry, matches)
        self.verifications.update(zip(new.tolist(), found_, strict=True))

    def _by_evidence(
        self, positions: NDArray[np.int32], similarities: NDArray[np.float32]
    ) -> Ranking:
        """Put verified answers first; among them evidence adds to the similarity."""
        geometry = self.settings.geometry
        found = (self.verifications.get(p) for p in positions.tolist())
        evidence = np.array(
            [0.0 if v is None else v.evidence(geometry.chance_share) for v in found], np.float32
        )
        bonus = 1 + np.minimum(evidence / _MUCH_EVIDENCE, 1)
        scores = similarities + np.where(evidence >= geometry.min_evidence, bonus, 0)
        scores = scores.astype(np.float32)
        order = np.lexsort((positions, -scores))
        return Ranking(
            positions[order],
            scores[order],
            similarities[order],
            evidence[order],
            self.verifications,
        )

    def expanded(
        self, ranking: Ranking, verified: NDArray[np.integer]
    ) -> tuple[sparse.csr_matrix, list[tuple[KernelQuery, float]]]:
        """Expand the query with verified answers, for the candidates and for the kernel."""
        expansion = self.settings.expansion
        positions, similarities = ranking.positions[verified], ranking.similarities[verified]
        with self.stopwatch("expansion"):
            alpha = expansion.alpha if expansion.method == "alpha" else 1.0
            by = _WEIGHTS.get(expansion.method, "none")
            histogram = expand_query(
                self.query.histogram,
                self.histograms.rows[positions],
                similarities,
                by=by,  # type: ignore[arg-type]
                alpha=alpha,
            )
            if self.settings.kernel.method == "none":
                return histogram, []
            if expansion.method == "hamming":
                return histogram, [(self._enriched(positions), 1.0)]
            weights = expansion_weights(similarities, by=by, alpha=alpha)  # type: ignore[arg-type]
            answers = [picture_as_query(self.collection, p) for p in positions.tolist()]
            return histogram, [
                (self.query.kernel, 1.0),
                *zip(answers, weights.tolist(), strict=True),
            ]

    def _enriched(self, positions: NDArray[np.int32]) -> KernelQuery:
        return enrich_kernel_query(
            self.query.kernel,
            [picture_as_query(self.collection, p) for p in positions.tolist()],
            [self.verifications[p].transform for p in positions.tolist()],
            self.settings.expansion.answer_weight,
        )
