"""Compare systems: scores, intervals, significance of differences, and overlaps of answers.

All systems rank the same base and are scored by the same code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..display import html_or_none
from ..errors import GroundTruthError
from .answers import first_answers, first_wrong
from .curves import Curves, curves
from .ground_truth import GroundTruth
from .notes import notes_on
from .run import Run
from .scoring import Scores, judged_rankings, score_run, taken_out
from .significance import (
    Difference,
    Interval,
    bootstrap_interval,
    check_level,
    differences,
)


@dataclass(frozen=True)
class Overlap:
    """Which positives two systems find among their first answers.

    Attributes
    ----------
    one, other : str
    k : int
    both, only_one, only_other, neither : int
        Number of positives, over all queries, that are among the first `k` answers of both
        systems, of only one of them, or of neither.
    oracle : float
        Mean score, in the first metric, if the better of the two systems were chosen for each
        query.
    """

    one: str
    other: str
    k: int
    both: int
    only_one: int
    only_other: int
    neither: int
    oracle: float


@dataclass(frozen=True)
class QueryDifference:
    """The scores of two systems for one query.

    Attributes
    ----------
    query, one, other : str
    value_of_one, value_of_other : float
        Scores in the first metric.
    """

    query: str
    one: str
    other: str
    value_of_one: float
    value_of_other: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """A comparison of several systems.

    Attributes
    ----------
    truth : GroundTruth
    metrics : tuple of str
    runs : tuple of Run
    taken : mapping of str to frozenset of str
        By name of the query: pictures that count neither as right nor as wrong.
    scores : mapping of str to Scores
        By name of the system.
    intervals : mapping of str to mapping of str to Interval
        By name of the system, then of the metric.
    differences : tuple of Difference
        Differences of every pair of systems in every metric.
    overlaps : tuple of Overlap
        Overlaps of every pair of systems.
    notes : tuple of str
        What a reader should know before relying on the scores.
    level : float
        Confidence level of the intervals, such as 0.95.
    conditions : dict
        Machine, versions and date.
    root : str or None
        The folder to which names of pictures are relative.
    paths : mapping of str to str
        Files of pictures that an index has under another path, by name.
    """

    truth: GroundTruth
    metrics: tuple[str, ...]
    runs: tuple[Run, ...]
    taken: Mapping[str, frozenset[str]]
    scores: Mapping[str, Scores]
    intervals: Mapping[str, Mapping[str, Interval]]
    differences: tuple[Difference, ...]
    overlaps: tuple[Overlap, ...]
    notes: tuple[str, ...]
    level: float
    conditions: Mapping[str, Any] = field(default_factory=dict)
    root: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict, repr=False)

    def _repr_html_(self) -> str | None:
        return html_or_none(self)

    def path_of(self, name: str) -> str:
        """Where a picture of the ground truth or of the base lies; "" when that is not known."""
        inside = None if self.root is None else Path(self.root, name)
        if inside is None or not inside.is_file():
            return self.paths.get(name, "" if inside is None else str(inside))
        return str(inside)

    def curves(self) -> dict[str, Curves]:
        """Curves of each system, by its name."""
        return {
            run.name: curves(judged_rankings(run, self.truth, self.taken), len(run.items))
            for run in self.runs
        }

    def query_differences(self, one: str, other: str) -> list[QueryDifference]:
        """Compare two systems query by query in the first metric; largest lead of `one` first."""
        mine, its = (self.scores[name].of(self.metrics[0]) for name in (one, other))
        gap = mine - its
        order = np.argsort(-gap, kind="stable")
        names = self.scores[one].queries
        return [
            QueryDifference(names[i], one, other, float(mine[i]), float(its[i]))
            for i in order.tolist()
            if not np.isnan(gap[i])
        ]

    def to_dict(self, *, n_answers: int = 10) -> dict[str, Any]:
        """Return plain values, for JSON: all that a page about the comparison needs.

        Parameters
        ----------
        n_answers : int
            First answers of each system to each query that are named, without junk.
        """
        drawn = self.curves()
        return {
            "format": "bovw-comparison",
            "version": 1,
            "ground_truth": self.truth.name,
            "in_base": self.truth.in_base,
            "level": self.level,
            "metrics": list(self.metrics),
            "systems": {
                run.name: {
                    **self.scores[run.name].to_dict(),
                    "intervals": {
                        name: [_plain(interval.low), _plain(interval.high)]
                        for name, interval in self.intervals[run.name].items()
                    },
                    "facts": _plain_values(run.facts),
                    "curves": drawn[run.name].to_dict(),
                }
                for run in self.runs
            },
            "differences": [_plain_values(asdict(d)) for d in self.differences],
            "overlaps": [_plain_values(asdict(overlap)) for overlap in self.overlaps],
            "notes": list(self.notes),
            "conditions": dict(self.conditions),
            "queries": [self._query(row, n_answers) for row in range(len(self.truth.queries))],
        }

    def _query(self, row: int, n_answers: int) -> dict[str, Any]:
        query = self.truth.queries[row]
        systems = {}
        for run in self.runs:
            taken = self.taken[query.name]
            wrong = first_wrong(run, query, taken)
            values = map(_plain, self.scores[run.name].values[row].tolist())
            systems[run.name] = {
                **dict(zip(self.metrics, values, strict=True)),
                "answers": [asdict(a) for a in first_answers(run, query, taken, n_answers)],
                "first_wrong": None if wrong is None else asdict(wrong),
            }
        return {
            "query": query.name,
            "image": query.image,
            "bbox": query.bbox,
            "group": query.group,
            "positive": sorted(query.positive),
            "n_positives": int(self.scores[self.runs[0].name].n_positives[row]),
            "systems": systems,
        }


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinities, which JSON does not have, by None; also in nested mappings."""
    return {
        k: _plain_values(v)
        if isinstance(v, Mapping)
        else _plain(float(v))
        if isinstance(v, (float, np.floating))
        else v
        for k, v in values.items()
    }


def compare_runs(
    truth: GroundTruth,
    runs: Sequence[Run],
    metrics: Sequence[str] | None = None,
    *,
    same: Mapping[str, frozenset[str]] | None = None,
    notes: Sequence[str] = (),
    conditions: Mapping[str, Any] | None = None,
    root: str | os.PathLike[str] | None = None,
    paths: Mapping[str, str] | None = None,
    k: int = 10,
    level: float = 0.95,
    random_state: int = 0,
) -> Comparison:
    """Compare runs on a ground truth.

    Parameters
    ----------
    truth : GroundTruth
    runs : sequence of Run
        With distinct names, over the same base.
    metrics : sequence of str, optional
        Default: those of the ground truth. The first one is used for oracles and for the
        comparison query by query.
    same : mapping, optional
        See `score_run`.
    notes : sequence of str
        Notes that come before those that are written here.
    conditions : mapping, optional
        Machine, versions and date, for the result.
    root, paths : optional
        Where pictures lie, for pages that show them; see `Comparison`.
    k : int
        How many first answers are compared in the overlaps.
    level : float
        Confidence level of intervals and tests.
    random_state : int
        Seed of the bootstrap and of the randomisation tests.

    Raises
    ------
    GroundTruthError
        When names repeat, or the runs rank different bases.
    """
    check_level(level)
    names = [run.name for run in runs]
    if not runs or len(set(names)) < len(names):
        raise GroundTruthError(f"systems {names}: expected one or more, with distinct names")
    for run in runs[1:]:
        if run.items != runs[0].items:
            mine, its = set(runs[0].items), set(run.items)
            raise GroundTruthError(
                f"{names[0]!r} ranks {len(mine)} pictures and {run.name!r} {len(its)}; "
                f"{len(mine ^ its)} are in one of them only, such as {min(mine ^ its)!r}: index "
                "the same pictures, or compare only those that all systems have (common)"
            )
    chosen = tuple(metrics or truth.metrics)
    scores = {run.name: score_run(run, truth, chosen, same=same) for run in runs}
    first = scores[names[0]]
    groups = first.groups
    intervals = {
        name: {
            m: bootstrap_interval(found.of(m), groups, level=level, random_state=random_state)
            for m in chosen
        }
        for name, found in scores.items()
    }
    taken = taken_out(truth, same, runs[0].items)
    pairs = [(a, b) for i, a in enumerate(runs) for b in runs[i + 1 :]]
    return Comparison(
        truth=truth,
        metrics=chosen,
        runs=tuple(runs),
        taken=taken,
        scores=scores,
        intervals=intervals,
        differences=tuple(
            differences(list(scores.items()), chosen, level=level, random_state=random_state)
        ),
        overlaps=tuple(_overlap(a, b, truth, taken, scores, chosen[0], k) for a, b in pairs),
        notes=(*notes, *notes_on(truth, first, same)),
        level=level,
        conditions=conditions or {},
        root=None if root is None else os.fspath(root),
        paths=paths or {},
    )


def _overlap(
    one: Run,
    other: Run,
    truth: GroundTruth,
    taken: Mapping[str, frozenset[str]],
    scores: Mapping[str, Scores],
    first: str,
    k: int,
) -> Overlap:
    counts = np.zeros((2, 2), int)
    for query in truth.queries:
        out = taken[query.name]
        right = query.positive - out
        found = []
        for run in (one, other):
            ranked = run.ranked_names(query.name, k + len(out))
            found.append(right & set([name for name in ranked if name not in out][:k]))
        counts[1, 1] += len(found[0] & found[1])
        counts[1, 0] += len(found[0] - found[1])
        counts[0, 1] += len(found[1] - found[0])
        counts[0, 0] += len(right - found[0] - found[1])
    better = np.fmax(scores[one.name].of(first), scores[other.name].of(first))
    known = better[~np.isnan(better)]
    return Overlap(
        one.name,
        other.name,
        k,
        both=int(counts[1, 1]),
        only_one=int(counts[1, 0]),
        only_other=int(counts[0, 1]),
        neither=int(counts[0, 0]),
        oracle=float(known.mean()) if len(known) else float("nan"),
    )
