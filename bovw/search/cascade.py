"""The stages of one search, from the query's histogram to the ranking.

The stages are: candidates, match kernel, geometric verification. Each one costs more per picture
than the one before and sees fewer pictures. Query expansion then makes a new query from the
verified answers, and all stages run again. A match kernel is a function that scores a pair of
pictures by their matching features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..settings import Settings
from .decision import Found, weigh
from .expansion import expanded_query
from .kernels.hamming import (
    KernelMatches,
    correspondences,
    of_candidates,
    score_candidates,
)
from .query import (
    Asked,
    Query,
    QueryFeatures,
    join_features,
)
from .ranking import Base, Ranking, Stopwatch


def rank(
    query: Query,
    base: Base,
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
    base : Base
    settings : Settings
    depth : int
        How many candidates are found and scored.
    allowed : (n,) bool ndarray, optional
        Which pictures may be answers; default: all.
    stopwatch : Stopwatch, optional

    Returns
    -------
    Ranking
        By decreasing score, then increasing position.
    """
    search = _Search(query, base, settings, depth, allowed, stopwatch or Stopwatch())
    ranking = search.once(Asked(query.histogram, query.pictures))
    if settings.expansion.method == "none":
        return ranking
    before: set[int] = set()
    for _ in range(settings.expansion.rounds):
        verified = np.flatnonzero(ranking.evidence >= settings.geometry.min_evidence)
        answers = ranking.positions[verified[: settings.expansion.n_answers]]
        if before.issuperset(answers.tolist()):
            break
        before.update(answers.tolist())
        with search.stopwatch("expansion"):
            asked = expanded_query(query, base, settings, ranking, len(answers))
        ranking = search.once(asked)
    return ranking


@dataclass(frozen=True)
class _Search:
    """One search: its query, what it searches, and what it has found so far."""

    query: Query
    base: Base
    settings: Settings
    depth: int
    allowed: NDArray[np.bool_] | None
    stopwatch: Stopwatch
    found: dict[int, Found] = field(default_factory=dict)
    # Matches of each query picture, by its `id`. The picture is kept with them: while it is alive
    # no other object can get the same `id`.
    matched: dict[int, tuple[QueryFeatures, NDArray[np.int32], KernelMatches]] = field(
        default_factory=dict
    )

    def once(self, asked: Asked) -> Ranking:
        """Run all stages once, with the query or with the expanded query."""
        with self.stopwatch("candidates"):
            found = self.base.candidates(asked.histogram, self.depth, self.allowed)
            positions, similarities = found
            if asked.direction is not None:
                rows = self.base.histograms.source.rows(positions)
                similarities = (rows @ asked.direction.T).toarray().ravel().astype(np.float32)
        if self.settings.kernel.method != "none":
            with self.stopwatch("kernel"):
                positions = np.sort(positions)
                similarities = self._score(asked, positions)
        order = np.lexsort((positions, -similarities))
        positions, similarities = positions[order], similarities[order]
        with self.stopwatch("geometry"):
            self._verify(asked, positions[: self.settings.geometry.verify])
        return self._by_evidence(positions, similarities)

    def _score(self, asked: Asked, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        """Score candidates by the match kernel; scores are at most 1."""
        pictures = asked.pictures
        if asked.weights is None and self.query.combine == "joined" and len(pictures) > 1:
            pictures = [join_features(pictures)]
        scores = np.stack([self._kernel(picture, positions) for picture in pictures])
        if asked.weights is not None:
            weights = np.asarray(asked.weights, np.float32)
            return np.asarray(weights @ scores / np.abs(weights).sum(), np.float32)
        best = self.query.combine == "best"
        return np.asarray(scores.max(axis=0) if best else scores.mean(axis=0), np.float32)

    def _kernel(self, picture: QueryFeatures, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        """Score candidates for one query picture; the best score of each kernel becomes 1."""
        kernel = self.settings.kernel
        if kernel.method == "hamming":
            return self._hamming(picture, positions)
        shares = _shares(self.base.aggregated_scores(picture, positions, self.settings))
        if kernel.method == "asmk":
            return shares
        best = np.sort(np.lexsort((positions, -shares))[: kernel.n_both])
        shares[best] += self._hamming(picture, positions[best])
        return shares / np.float32(2)

    def _hamming(self, picture: QueryFeatures, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        found = self.base.matches(picture, positions, self.settings)
        self.matched[id(picture)] = picture, positions, found
        sizes = self.base.collection.sizes[positions]
        return _shares(score_candidates(found, picture, sizes, self.settings.kernel))

    def _matches(self, picture: QueryFeatures, positions: NDArray[np.int32]) -> KernelMatches:
        """Match a query picture with candidates, reusing the matches found for scoring."""
        _, scored, found = self.matched.get(id(picture), (None, positions[:0], None))
        if found is not None and np.isin(positions, scored).all():
            return of_candidates(found, scored, positions)
        return self.base.matches(picture, positions, self.settings)

    def _verify(self, asked: Asked, positions: NDArray[np.int32]) -> None:
        """Verify the candidates that were not verified before.

        An enriched query (one with added features) also tries those again whose evidence was too
        small.
        """
        indirect = asked.enriched and self.settings.expansion.indirect
        if indirect:
            least = self.settings.geometry.min_evidence
            new = positions[[self._evidence(p) < least for p in positions.tolist()]]
        else:
            new = positions[[p not in self.found for p in positions.tolist()]]
        for number, picture in enumerate(asked.pictures if indirect else self.query.pictures):
            self._verify_with(picture, number, new, direct=not indirect)

    def _verify_with(
        self, picture: QueryFeatures, number: int, positions: NDArray[np.int32], *, direct: bool
    ) -> None:
        kernel, tentative = self.settings.kernel, None
        if kernel.method != "none":
            tentative = correspondences(self._matches(picture, positions), kernel)
        verifications = self.base.verifications(picture, positions, tentative, self.settings)
        share = self.settings.geometry.chance_share
        for position, verification in zip(positions.tolist(), verifications, strict=True):
            better = verification.evidence(share) > self._evidence(position)
            if better or position not in self.found:
                self.found[position] = Found(verification, number, direct)

    def _evidence(self, position: int) -> float:
        if position not in self.found:
            return 0.0
        share = self.settings.geometry.chance_share
        return self.found[position].verification.evidence(share)

    def _by_evidence(
        self, positions: NDArray[np.int32], similarities: NDArray[np.float32]
    ) -> Ranking:
        """Sort by score: matches, other verified answers by their strength, then the rest."""
        geometry = self.settings.geometry
        sizes = [picture.size for picture in self.query.pictures]
        found = [self.found.get(p) for p in positions.tolist()]
        n_features = sum(map(len, self.query.pictures))
        weighed = weigh(found, similarities, sizes, n_features, geometry)
        scores = weighed.scores(similarities, geometry)
        order = np.lexsort((positions, -scores))
        return Ranking(
            positions[order],
            scores[order],
            similarities[order],
            weighed.evidence[order],
            weighed.contrast[order],
            self.found,
        )


def _shares(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale scores so that the best is 1."""
    return np.asarray(scores / max(scores.max(initial=0), 1e-12), np.float32)
