"""Score a run against a ground truth.

The junk of a query is removed from its ranking. All other pictures that are not positive count as
wrong, also those that the ground truth does not mention.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ground_truth import GroundTruth
from .metrics import Judged, metric
from .run import Run


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a run for each query, and their averages.

    Attributes
    ----------
    metrics, queries : tuple of str
    values : (n_queries, n_metrics) float64 ndarray
        Value of each metric for each query; NaN for queries without a positive.
    n_positives : (n_queries,) int64 ndarray
    groups : tuple of str
        Group of each query; see `GroundTruth.groups`.
    parts : mapping of str to (n_queries, 2) float64 ndarray
        Numerators and denominators of the metrics that have a micro average.
    n_ranked : int
        Number of pictures in the base.
    """

    metrics: tuple[str, ...]
    queries: tuple[str, ...]
    values: NDArray[np.float64]
    n_positives: NDArray[np.int64]
    groups: tuple[str, ...]
    parts: Mapping[str, NDArray[np.float64]] = field(repr=False)
    n_ranked: int = 0

    @property
    def n_without_positives(self) -> int:
        """Number of queries without a right answer; they are left out of all averages."""
        return int(np.count_nonzero(self.n_positives == 0))

    def of(self, name: str) -> NDArray[np.float64]:
        """Values of one metric, ``(n_queries,)``."""
        return self.values[:, self.metrics.index(name)]

    def macro(self, name: str) -> float:
        """Mean over the queries that have a positive, such as mAP; NaN when there are none."""
        return _mean(self.of(name))

    def micro(self, name: str) -> float:
        """Micro average: sum of the numerators divided by the sum of the denominators.

        Only precision@k, R-precision and recall@k have a micro average; NaN for other metrics.
        """
        if name not in self.parts:
            return float("nan")
        above, below = self.parts[name][self.n_positives > 0].sum(axis=0)
        return float(above / below) if below else float("nan")

    def by_group(self, name: str) -> dict[str, float]:
        """Mean of each group, in order of the names of the groups."""
        values, groups = self.of(name), np.array(self.groups)
        return {str(g): _mean(values[groups == g]) for g in np.unique(groups)}

    def macro_over_groups(self, name: str) -> float:
        """Mean of the means of the groups, so that each group (class) counts the same."""
        return _mean(np.array(list(self.by_group(name).values())))

    def to_dict(self, *, per_query: bool = False) -> dict[str, Any]:
        """Return plain values, for JSON; NaN becomes None (null)."""
        content: dict[str, Any] = {
            "n_queries": len(self.queries),
            "n_without_positives": self.n_without_positives,
            "n_ranked": self.n_ranked,
            "macro": {name: _plain(self.macro(name)) for name in self.metrics},
            "micro": {name: _plain(self.micro(name)) for name in self.parts},
        }
        if per_query:
            content["queries"] = [
                {
                    "query": query,
                    "group": group,
                    "n_positives": int(n),
                    **dict(zip(self.metrics, map(_plain, row.tolist()), strict=True)),
                }
                for query, group, n, row in zip(
                    self.queries, self.groups, self.n_positives, self.values, strict=True
                )
            ]
        return content


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def score_run(
    run: Run,
    truth: GroundTruth,
    metrics: Sequence[str] | None = None,
    *,
    same: Mapping[str, frozenset[str]] | None = None,
) -> Scores:
    """Score a run.

    Parameters
    ----------
    run : Run
    truth : GroundTruth
    metrics : sequence of str, optional
        See `metric`; default: those of the ground truth.
    same : mapping of str to frozenset of str, optional
        By name of the query: pictures of the base that have the same content as the query
        picture, as `queries_in_base` finds them. Those with the same name are found without it.

    Raises
    ------
    GroundTruthError
        When the base of the run lacks pictures of the ground truth, or the run has no ranking for
        a query.
    """
    truth.check_images(set(run.items), f"in the base of {run.name!r}")
    run.check_queries([query.name for query in truth.queries])
    chosen = [metric(name) for name in (metrics or truth.metrics)]
    values = np.empty((len(truth.queries), len(chosen)))
    n_positives = np.empty(len(truth.queries), np.int64)
    parts: dict[str, list[tuple[int, int]]] = {m.name: [] for m in chosen if m.parts}
    for row, judged in enumerate(judged_rankings(run, truth, taken_out(truth, same, run.items))):
        n_positives[row] = judged.n_positives
        values[row] = [m.value(judged) for m in chosen]
        for m in chosen:
            if m.parts:
                parts[m.name].append(m.parts(judged))
    return Scores(
        tuple(m.name for m in chosen),
        tuple(query.name for query in truth.queries),
        values,
        n_positives,
        truth.groups,
        {name: np.array(pairs, np.float64).reshape(-1, 2) for name, pairs in parts.items()},
        len(run.items),
    )


def judged_rankings(
    run: Run, truth: GroundTruth, taken: Mapping[str, frozenset[str]]
) -> Iterator[Judged]:
    """Judge the ranking of each query, in the order of the ground truth.

    Parameters
    ----------
    run : Run
    truth : GroundTruth
    taken : mapping of str to frozenset of str
        By name of the query: pictures that count neither as right nor as wrong; see `taken_out`.
    """
    place = {item: i for i, item in enumerate(run.items)}
    gains = np.zeros(len(run.items), np.float32)
    ignored = np.zeros(len(run.items), bool)
    for query in truth.queries:
        out = taken[query.name]
        right = sorted(query.positive - out)
        at, gone = [place[name] for name in right], [place[n] for n in out if n in place]
        gains[at] = ideal = np.array([query.gain(name) for name in right], np.float32)
        ranking = run.rankings[query.name]
        if gone:
            ignored[gone] = True
            ranking = ranking[~ignored[ranking]]
            ignored[gone] = False
        yield Judged(gains[ranking], ideal)
        gains[at] = 0


def taken_out(
    truth: GroundTruth,
    same: Mapping[str, frozenset[str]] | None = None,
    items: Collection[str] | None = None,
) -> dict[str, frozenset[str]]:
    """Return, by name of the query, the pictures that count neither as right nor as wrong.

    These are the junk of the query and, depending on ``truth.in_base``, query pictures that are in
    the base.

    Parameters
    ----------
    truth : GroundTruth
    same : mapping of str to frozenset of str, optional
        See `score_run`.
    items : collection of str, optional
        The ranked pictures; query pictures that are not among them are not returned. Default: the
        base of the ground truth.
    """
    if truth.in_base == "keep":
        return {query.name: query.junk for query in truth.queries}
    base = truth.images if items is None else frozenset(items)
    own = {
        query.name: base.intersection({query.image, *(same or {}).get(query.name, ())})
        for query in truth.queries
    }
    if truth.in_base == "remove":
        every = frozenset().union(*own.values())  # shared by all queries without junk
        return {q.name: q.junk | every if q.junk else every for q in truth.queries}
    return {q.name: q.junk | own[q.name] for q in truth.queries}


def queries_in_base(
    truth: GroundTruth, base: Mapping[str, str], queries: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    """Find the queries whose picture is in the base, by name or by content.

    Parameters
    ----------
    truth : GroundTruth
    base : mapping of str to str
        Hash of the content of each picture of the base; "" when it is not known.
    queries : mapping of str to str
        Hash of the content of the query picture, by name of the query. Some may be missing.

    Returns
    -------
    dict of str to frozenset of str
        By name of the query: pictures of the base that are the query picture.
    """
    holders: dict[str, set[str]] = {}
    for name, content in base.items():
        if content:
            holders.setdefault(content, set()).add(name)
    found = {}
    for query in truth.queries:
        mine = set(holders.get(queries.get(query.name, ""), ()))
        if query.image in base:
            mine.add(query.image)
        if mine:
            found[query.name] = frozenset(mine)
    return found
