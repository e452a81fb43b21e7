"""Curves of a system: precision against recall, and metrics against the number of answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metrics import Judged

RECALLS = np.arange(101) / 100
"""Recall at which the curve of precision has its values."""
_MOST = 1000  # answers that curves against k go to
_STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1000)


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves of one system, as means over the queries that have a positive.

    Attributes
    ----------
    precision : (101,) float64 ndarray
        Mean interpolated precision at the recalls 0, 0.01, ..., 1: the largest precision at this
        recall or a higher one (Manning, Raghavan & Schuetze 2008, section 8.4). NaN when no query
        has a positive.
    k : (n,) int64 ndarray
        Numbers of first answers, from 1 up to 1000 or the size of the base.
    recall_at, precision_at, hit_at : (n,) float64 ndarray
        Mean recall, precision and hit rate of the first `k` answers.
    """

    precision: NDArray[np.float64]
    k: NDArray[np.int64]
    recall_at: NDArray[np.float64]
    precision_at: NDArray[np.float64]
    hit_at: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; NaN becomes None (null)."""

        def plain(values: NDArray[Any]) -> list[float | None]:
            return [None if np.isnan(value) else round(float(value), 5) for value in values]

        return {
            "precision": plain(self.precision),
            "k": self.k.tolist(),
            "recall_at": plain(self.recall_at),
            "precision_at": plain(self.precision_at),
            "hit_at": plain(self.hit_at),
        }


def curves(judged: Iterable[Judged], n_ranked: int) -> Curves:
    """Average the curves of all queries of a run.

    Parameters
    ----------
    judged : iterable of Judged
        See `judged_rankings`.
    n_ranked : int
        Size of the base.
    """
    most = max(1, min(n_ranked, _MOST))
    k = np.array([step for step in _STEPS if step < most] + [most], np.int64)
    precision, at, n = np.zeros(len(RECALLS)), np.zeros((3, len(k))), 0
    for one in judged:
        if one.n_positives == 0:
            continue
        n += 1
        precision += interpolated_precision(one)
        right = np.zeros(most, bool)  # what was not ranked is wrong
        right[: len(one.gains)] = one.gains[:most] > 0
        found = np.cumsum(right)[k - 1]
        at += np.stack([found / one.n_positives, found / k, found > 0])
    if n == 0:
        precision[:], at[:], n = np.nan, np.nan, 1
    return Curves(precision / n, k, *(at / n))


def interpolated_precision(judged: Judged) -> NDArray[np.float64]:
    """Give the interpolated precision of one query at `RECALLS`, ``(101,)``; 0 beyond its end."""
    ranks = np.flatnonzero(judged.gains) + 1
    best = np.maximum.accumulate((np.arange(1, len(ranks) + 1) / ranks)[::-1])[::-1]
    # In whole numbers, since hundredths of recall are not exact as floats.
    needed = np.maximum(-(-np.arange(101) * judged.n_positives // 100), 1)
    reached = needed <= len(ranks)
    values = np.zeros(len(RECALLS))
    values[reached] = best[needed[reached] - 1]
    return values
