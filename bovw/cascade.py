"""The stages of one search, from histogram to ranking.

Each stage is dearer for a picture than the one before, and sees fewer pictures: candidates,
geometry, expansion, and both once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .collection import Collection
from .expansion import expand_query
from .geometry import PictureFeatures, Verification, verify
from .histogram_index import HistogramIndex
from .settings import Settings

# Evidence beyond this says nothing more.
_MUCH_EVIDENCE = 100


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
    query: PictureFeatures,
    histogram: sparse.csr_matrix,
    histograms: HistogramIndex,
    collection: Collection,
    settings: Settings,
    *,
    depth: int,
    allowed: NDArray[np.bool_] | None = None,
    stopwatch: Stopwatch | None = None,
) -> Ranking:
    """Rank a collection for a query.

    Parameters
    ----------
    query : PictureFeatures
    histogram : (1, n_words) csr_matrix
    histograms : HistogramIndex
    collection : Collection
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
    stopwatch = stopwatch or Stopwatch()
    verifications: dict[int, Verification] = {}

    def candidates(row: sparse.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        with stopwatch("candidates"):
            return find_candidates(histograms, row, depth, allowed)

    def check(positions: NDArray[np.int32]) -> None:
        new = [int(p) for p in positions[: settings.geometry.verify] if p not in verifications]
        with stopwatch("geometry"):
            pictures = [collection.picture(p) for p in new]
            verifications.update(zip(new, verify(query, pictures, settings.geometry), strict=True))

    positions, similarities = candidates(histogram)
    check(positions)
    ranking = _by_evidence(positions, similarities, verifications, settings)
    if settings.expansion.method != "none":
        expanded = _expanded(histogram, ranking, histograms, settings, stopwatch)
        if expanded is not None:
            positions, similarities = candidates(expanded)
            check(positions)
            ranking = _by_evidence(positions, similarities, verifications, settings)
    return ranking


def find_candidates(
    histograms: HistogramIndex,
    histogram: sparse.csr_matrix,
    depth: int,
    allowed: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the nearest histograms; with a filter all are scored, since nmslib knows none."""
    if allowed is None:
        return histograms.search(histogram, depth)[0]
    positions, scores = histograms.search(histogram, len(histograms))[0]
    wanted = allowed[positions]
    return positions[wanted][:depth], scores[wanted][:depth]


def _expanded(
    histogram: sparse.csr_matrix,
    ranking: Ranking,
    histograms: HistogramIndex,
    settings: Settings,
    stopwatch: Stopwatch,
) -> sparse.csr_matrix | None:
    """Expand the query with its best verified answers; None when there are none."""
    with stopwatch("expansion"):
        verified = np.flatnonzero(ranking.evidence >= settings.geometry.min_evidence)
        verified = verified[: settings.expansion.n_answers]
        if len(verified) == 0:
            return None
        method = settings.expansion.method
        return expand_query(
            histogram,
            histograms.rows[ranking.positions[verified]],
            ranking.similarities[verified],
            by={"rank": "rank", "alpha": "similarity"}.get(method, "none"),  # type: ignore[arg-type]
            alpha=settings.expansion.alpha if method == "alpha" else 1.0,
        )


def _evidence(
    verifications: dict[int, Verification], positions: NDArray[np.int32], settings: Settings
) -> NDArray[np.float32]:
    """Evidence for each position; 0 where nothing was verified."""
    share = settings.geometry.chance_share
    found = (verifications.get(int(position)) for position in positions)
    return np.array([0.0 if v is None else v.evidence(share) for v in found], np.float32)


def _by_evidence(
    positions: NDArray[np.int32],
    similarities: NDArray[np.float32],
    verifications: dict[int, Verification],
    settings: Settings,
) -> Ranking:
    """Put verified answers first; among them evidence adds to the similarity."""
    evidence = _evidence(verifications, positions, settings)
    bonus = 1 + np.minimum(evidence / _MUCH_EVIDENCE, 1)
    scores = similarities + np.where(evidence >= settings.geometry.min_evidence, bonus, 0)
    scores = scores.astype(np.float32)
    order = np.lexsort((positions, -scores))
    return Ranking(
        positions[order], scores[order], similarities[order], evidence[order], verifications
    )
