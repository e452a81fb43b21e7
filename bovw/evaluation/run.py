"""Runs: the rankings of one system for the queries of a ground truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GroundTruthError, some
from .ground_truth import GroundTruth


@dataclass(frozen=True, eq=False)
class Run:
    """Full rankings of a base (the pictures that may be found), one for each query.

    Attributes
    ----------
    name : str
        Name of the system.
    items : tuple of str
        Names of the pictures of the base, in increasing order.
    rankings : mapping of str to (n,) int32 ndarray
        By name of the query: positions in `items`, best first. Pictures that the system did not
        return come last, in order of name.
    scores : mapping of str to (n,) float ndarray
        By name of the query: scores in the order of its ranking, if the system gives scores; -inf
        for pictures that it did not return.
    facts : dict
        Other measurements of the system, such as ``milliseconds`` per query, and
        ``index_seconds`` and ``bytes`` per picture.
    n_ranked : mapping of str to int
        By name of the query: how many pictures the system itself returned; the rest of the ranking
        was added. When it is missing, all pictures with a score above -inf count as returned; all
        pictures when there are no scores.
    """

    name: str
    items: tuple[str, ...]
    rankings: Mapping[str, NDArray[np.int32]]
    scores: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    n_ranked: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_names(
        cls,
        name: str,
        ranked: Mapping[str, Sequence[str]],
        *,
        items: Sequence[str] | None = None,
        scores: Mapping[str, Sequence[float]] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Run:
        """Make a run from ranked names.

        Parameters
        ----------
        name : str
        ranked : mapping of str to sequence of str
            By name of the query: names of pictures, best first.
        items : sequence of str, optional
            The base; default: all pictures that are ranked for any query.
        scores : mapping of str to sequence of float, optional
            Scores of the names in `ranked`, in the same order.
        facts : mapping, optional

        Raises
        ------
        GroundTruthError
            When a query ranks a picture twice, or a picture that is not in the base.
        """
        known = set().union(*ranked.values()) if items is None else set(items)
        base = tuple(sorted(known))
        place = {item: i for i, item in enumerate(base)}
        rankings, values = {}, {}
        for query, names in ranked.items():
            try:
                found = np.array([place[n] for n in names], np.int32)
            except KeyError as error:
                raise GroundTruthError(
                    f"run {name!r}, query {query!r} ranks {error.args[0]!r}, which is not in the "
                    f"base of {len(base)} pictures"
                ) from None
            left = np.ones(len(base), bool)
            left[found] = False
            if np.count_nonzero(~left) != len(found):
                raise GroundTruthError(f"run {name!r}, query {query!r} ranks a picture twice")
            rankings[query] = np.concatenate([found, np.flatnonzero(left).astype(np.int32)])
            if scores is not None:
                rest = np.full(len(base) - len(found), -np.inf)
                values[query] = np.concatenate([np.asarray(scores[query], np.float64), rest])
        counts = {query: len(names) for query, names in ranked.items()}
        return cls(name, base, rankings, values, facts or {}, counts)

    @classmethod
    def from_scores(
        cls,
        name: str,
        items: Sequence[str],
        queries: Sequence[str],
        scores: NDArray[np.floating],
        facts: Mapping[str, Any] | None = None,
    ) -> Run:
        """Make a run from scores ``(n_queries, n_items)``; equal scores are sorted by name."""
        if scores.shape != (len(queries), len(items)) or np.isnan(scores).any():
            raise GroundTruthError(
                f"run {name!r}: scores of shape {scores.shape}, expected "
                f"({len(queries)}, {len(items)}) without NaN"
            )
        by_name = np.array(sorted(range(len(items)), key=lambda i: items[i]), np.intp)
        scores = scores[:, by_name]
        orders = [np.argsort(-row, kind="stable").astype(np.int32) for row in scores]
        return cls(
            name,
            tuple(items[i] for i in by_name),
            dict(zip(queries, orders, strict=True)),
            {q: row[order] for q, row, order in zip(queries, scores, orders, strict=True)},
            facts or {},
        )

    def restricted(self, items: set[str] | frozenset[str]) -> Run:
        """Return the run with only some pictures of the base."""
        kept = np.array([item in items for item in self.items], bool)
        number = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
        places = {q: np.flatnonzero(kept[ranking]) for q, ranking in self.rankings.items()}
        return replace(
            self,
            items=tuple(item for item in self.items if item in items),
            rankings={q: number[r[places[q]]] for q, r in self.rankings.items()},
            scores={q: s[places[q]] for q, s in self.scores.items()},
            n_ranked={q: int((p < self.count(q)).sum()) for q, p in places.items()},
        )

    def check_queries(self, queries: Sequence[str]) -> None:
        """Raise a GroundTruthError that names all queries without a ranking."""
        absent = [query for query in queries if query not in self.rankings]
        if absent:
            raise GroundTruthError(
                f"run {self.name!r} has no ranking for {len(absent)} of {len(queries)} queries: "
                + some(absent)
            )

    def n_undecided(self, truth: GroundTruth) -> int:
        """In how many queries equal scores leave open whether right or wrong answers come first."""
        undecided = 0
        for query in truth.queries:
            scores = self.scores.get(query.name)
            if scores is None or query.name not in self.rankings:
                continue
            n = self.count(query.name)
            names = [self.items[i] for i in self.rankings[query.name][:n].tolist()]
            judged = [
                (float(score), name in query.positive)
                for score, name in zip(scores[:n].tolist(), names, strict=True)
                if name not in query.junk
            ]
            undecided += any(a[0] == b[0] and a[1] != b[1] for a, b in pairwise(judged))
        return undecided

    def count(self, query: str) -> int:
        """How many pictures the system itself returned for a query."""
        if query in self.n_ranked:
            return self.n_ranked[query]
        if query in self.scores:
            return int(np.count_nonzero(self.scores[query] > -np.inf))
        return len(self.rankings[query])

    def ranked(self, query: str) -> NDArray[np.int32]:
        """Positions of the pictures that the system itself returned, best first."""
        return self.rankings[query][: self.count(query)]

    def by_item(self, query: str) -> NDArray[np.float64]:
        """Scores for a query in the order of `items`; -inf for pictures that were not returned.

        When the system gives no scores, minus the rank is used.
        """
        ranking, n = self.rankings[query], self.count(query)
        given = self.scores.get(query, -np.arange(len(ranking), dtype=np.float64))
        scores = np.full(len(ranking), -np.inf)
        scores[ranking[:n]] = given[:n]
        return scores

    def without(
        self, query: str, out: Collection[str]
    ) -> tuple[list[str], NDArray[np.floating] | None]:
        """Leave pictures out of a ranking, such as those that count neither as right nor as wrong.

        Returns
        -------
        names : list of str
            Names of the other pictures, best first.
        scores : (n,) float ndarray or None
            Their scores; None when the system gives no scores.
        """
        names, scores = self.ranked_names(query), self.scores.get(query)
        places = [i for i, name in enumerate(names) if name not in out]
        return [names[i] for i in places], None if scores is None else np.asarray(scores)[places]

    def ranked_names(self, query: str, k: int | None = None) -> list[str]:
        """Names of the first `k` answers to a query; all when `k` is None."""
        return [self.items[i] for i in self.rankings[query][:k].tolist()]
