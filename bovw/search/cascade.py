"""The stages of one search, from histogram to ranking.

Each stage is dearer for a picture than the one before, and sees fewer pictures: candidates,
match kernel, geometry, expansion, and all of them once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection.forward_store import Collection
from ..embeddings.query_expansion import (
    discriminative_weights,
    enrich_query,
    expansion_weights,
    weighted_sum,
)
from ..settings.settings import Settings
from .candidates import HistogramIndex
from .geometry.verification import Verification, verify
from .kernels.aggregated import Aggregated, aggregate_collection, score_aggregated
from .kernels.hamming import (
    KernelMatches,
    correspondences,
    find_matches,
    of_candidates,
    score_candidates,
)
from .query import (
    Query,
    QueryFeatures,
    join_features,
    picture_as_query,
)

# How an expansion weighs the answers.
_WEIGHTS: dict[str, Literal["rank", "similarity"]] = {"rank": "rank", "alpha": "similarity"}


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
    """What is searched.

    Attributes
    ----------
    collection : Collection
    histograms : HistogramIndex
        Of its pictures.
    idf : (n_words,) float32 ndarray
    """

    collection: Collection
    histograms: HistogramIndex
    idf: NDArray[np.float32]

    @cached_property
    def aggregated(self) -> Aggregated:
        """The collection with one feature for each word of a picture."""
        return aggregate_collection(self.collection, self.idf)


@dataclass(frozen=True)
class Found:
    """A verification, and how it came about.

    Attributes
    ----------
    verification : Verification
    picture : int
        Which of the query's pictures it is of.
    direct : bool
        Whether with the features of that picture alone, not with those that joined it.
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
    found : dict of int to Found
        By position, of those that were verified.
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    similarities: NDArray[np.float32]
    evidence: NDArray[np.float32]
    found: dict[int, Found]

    def direct_evidence(self, chance_share: float) -> float:
        """Most evidence of any answer that the query has by itself."""
        direct = (f.verification.evidence(chance_share) for f in self.found.values() if f.direct)
        return max(direct, default=0.0)


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
        Only these pictures may answer.
    stopwatch : Stopwatch, optional

    Returns
    -------
    Ranking
        By decreasing score, then increasing position.
    """
    search = _Search(query, base, settings, depth, allowed, stopwatch or Stopwatch())
    ranking = search.once(_Asked(query.histogram, query.pictures))
    if settings.expansion.method == "none":
        return ranking
    before: set[int] = set()
    for _ in range(settings.expansion.rounds):
        verified = np.flatnonzero(ranking.evidence >= settings.geometry.min_evidence)
        answers = ranking.positions[verified[: settings.expansion.n_answers]]
        if before.issuperset(answers.tolist()):
            break
        before.update(answers.tolist())
        ranking = search.once(search.expanded(ranking, len(answers)))
    return ranking


@dataclass(frozen=True)
class _Asked:
    """What one round asks with.

    Attributes
    ----------
    histogram : (1, n_words) csr_matrix
        For the candidates.
    pictures : sequence of QueryFeatures
        For the match kernel.
    weights : sequence of float, optional
        Of these pictures; without them all count the same.
    direction : (1, n_words) csr_matrix, optional
        Scores the histograms of the candidates anew.
    enriched : bool
        The pictures are those of the query with more features, and verify.
    """

    histogram: sparse.csr_matrix
    pictures: Sequence[QueryFeatures]
    weights: Sequence[float] | None = None
    direction: sparse.csr_matrix | None = None
    enriched: bool = False


@dataclass(frozen=True)
class _Search:
    """One search: what it asks, where, and what it has found so far."""

    query: Query
    base: Base
    settings: Settings
    depth: int
    allowed: NDArray[np.bool_] | None
    stopwatch: Stopwatch
    found: dict[int, Found] = field(default_factory=dict)
    # By identity of the picture, which is kept so that it stays its own.
    matched: dict[int, tuple[QueryFeatures, NDArray[np.int32], KernelMatches]] = field(
        default_factory=dict
    )

    def once(self, asked: _Asked) -> Ranking:
        """Go through all stages with a query, or with what it was expanded to."""
        with self.stopwatch("candidates"):
            positions, similarities = self._candidates(asked.histogram)
            if asked.direction is not None:
                rows = self.base.histograms.rows[positions]
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

    def _candidates(
        self, histogram: sparse.csr_matrix
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the nearest histograms; with a filter all are scored, since nmslib knows none."""
        if self.allowed is None:
            return self.base.histograms.search(histogram, self.depth)[0]
        positions, scores = self.base.histograms.search(histogram, len(self.base.histograms))[0]
        wanted = self.allowed[positions]
        return positions[wanted][: self.depth], scores[wanted][: self.depth]

    def _score(self, asked: _Asked, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        """Score candidates by the match kernel, the best of each picture 1."""
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
        """Score candidates by one picture, or by the mean of both kernels, the best 1."""
        kernel = self.settings.kernel
        if kernel.method == "hamming":
            return self._hamming(picture, positions)
        base = self.base
        scores = score_aggregated(picture, positions, base.aggregated, base.idf, kernel)
        shares = _shares(scores)
        if kernel.method == "asmk":
            return shares
        best = np.sort(np.lexsort((positions, -shares))[: kernel.n_both])
        shares[best] += self._hamming(picture, positions[best])
        return shares / np.float32(2)

    def _hamming(self, picture: QueryFeatures, positions: NDArray[np.int32]) -> NDArray[np.float32]:
        kernel, base = self.settings.kernel, self.base
        found = find_matches(picture, positions, base.collection, base.idf, kernel)
        self.matched[id(picture)] = picture, positions, found
        return _shares(score_candidates(found, picture, positions, base.collection, kernel))

    def _matches(self, picture: QueryFeatures, positions: NDArray[np.int32]) -> KernelMatches:
        """Match a picture with candidates, unless that was done to score them."""
        _, scored, found = self.matched.get(id(picture), (None, positions[:0], None))
        if found is not None and np.isin(positions, scored).all():
            return of_candidates(found, scored, positions)
        base = self.base
        return find_matches(picture, positions, base.collection, base.idf, self.settings.kernel)

    def _verify(self, asked: _Asked, positions: NDArray[np.int32]) -> None:
        """Verify what was not verified before."""
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
        kernel, base = self.settings.kernel, self.base
        tentative = None
        if kernel.method != "none":
            found = self._matches(picture, positions)
            tentative = correspondences(found, positions, base.collection, kernel)
        verifications = verify(
            picture.picture,
            [base.collection.picture(p) for p in positions],
            self.settings.geometry,
            tentative,
            picture.weights,
            kernel.center_sigma if picture.whole else 0.0,
        )
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
        """Put first what the query verified by itself, then what it verified expanded.

        Among either, evidence adds to the similarity, less and less.
        """
        geometry = self.settings.geometry
        evidence = np.array([self._evidence(p) for p in positions.tolist()], np.float32)
        scores = similarities.copy()
        for place in np.flatnonzero(evidence >= geometry.min_evidence):
            found = self.found[int(positions[place])]
            counted = found.verification.weight * evidence[place]
            # With negative examples a similarity may be below 0, too.
            similarity = max(scores[place], np.float32(0))
            more = counted / (counted + geometry.half_evidence)
            scores[place] = similarity + 1 + found.direct + more
        order = np.lexsort((positions, -scores))
        return Ranking(
            positions[order], scores[order], similarities[order], evidence[order], self.found
        )

    def expanded(self, ranking: Ranking, n_answers: int) -> _Asked:
        """Expand the query with its first, verified answers."""
        answers = ranking.positions[:n_answers]
        with self.stopwatch("expansion"):
            examples, weights = self._examples(ranking, answers)
            rows = sparse.vstack(
                [self.query.histogram, self.base.histograms.rows[examples]]
            ).tocsr()
            histogram = weighted_sum(rows, np.maximum(weights, 0))
            if self.settings.expansion.method == "hamming":
                return _Asked(histogram, self._enriched(answers), enriched=True)
            n = len(self.query.pictures)
            pictures = [picture_as_query(self.base.collection, int(p)) for p in examples]
            return _Asked(
                histogram,
                [*self.query.pictures, *pictures],
                [*[float(weights[0]) / n] * n, *weights[1:].tolist()],
                weighted_sum(rows, weights) if (weights < 0).any() else None,
            )

    def _examples(
        self, ranking: Ranking, answers: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Choose pictures of the collection, and weights for the query and for them."""
        expansion = self.settings.expansion
        if expansion.method == "discriminative":
            last = ranking.positions[len(answers) :][-expansion.n_negatives :]
            if len(last):
                rows = self.base.histograms.rows
                positives = sparse.vstack([self.query.histogram, rows[answers]]).tocsr()
                weights = discriminative_weights(positives, rows[last])
                examples = np.concatenate([answers, last])
                used = np.flatnonzero(weights[1:])
                return examples[used], weights[np.append(0, used + 1)]
        weights = expansion_weights(
            ranking.similarities[: len(answers)],
            by=_WEIGHTS.get(expansion.method, "none"),
            alpha=expansion.alpha if expansion.method == "alpha" else 1.0,
        )
        return answers, np.append(np.float32(1), weights)

    def _enriched(self, answers: NDArray[np.int32]) -> list[QueryFeatures]:
        """Add to each picture of the query the features of what was verified with it."""
        mine: list[list[int]] = [[] for _ in self.query.pictures]
        for position in answers.tolist():
            mine[self.found[position].picture].append(position)
        transforms = {p: self.found[p].verification.transforms[0] for p in answers.tolist()}
        return [
            enrich_query(
                picture,
                [picture_as_query(self.base.collection, p) for p in positions],
                [transforms[p] for p in positions],
                self.settings.expansion.answer_weight,
                self.settings.kernel.center_sigma if picture.whole else 0.0,
            )
            for picture, positions in zip(self.query.pictures, mine, strict=True)
        ]


def _shares(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale scores so that the best is 1."""
    return np.asarray(scores / max(scores.max(initial=0), 1e-12), np.float32)
