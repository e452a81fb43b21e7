"""Metrics of one ranking, from which junk has been taken out.

`relevant` is a bool array ``(n,)``, best answer first; `n_positives` is how many positives there
are in all, found or not. Without a positive every metric is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def average_precision(relevant: NDArray[np.bool_], n_positives: int) -> float:
    """Sum of the precisions at the ranks of positives, over all positives (as trec_eval)."""
    if n_positives == 0:
        return float("nan")
    ranks = np.flatnonzero(relevant) + 1
    return float(np.sum(np.arange(1, len(ranks) + 1) / ranks) / n_positives)


def average_precision_trapezoid(relevant: NDArray[np.bool_], n_positives: int) -> float:
    """Area below the precision-recall curve by trapezoids (`compute_ap` of Oxford Buildings).

    The precision before the first answer counts as 1.
    """
    if n_positives == 0:
        return float("nan")
    ranks = np.flatnonzero(relevant)
    found = np.arange(len(ranks))
    before = np.where(ranks == 0, 1.0, found / np.maximum(ranks, 1))
    after = (found + 1) / (ranks + 1)
    return float(np.sum(before + after) / (2 * n_positives))


def precision_at(relevant: NDArray[np.bool_], n_positives: int, k: int) -> float:
    """Share of positives among the first `k`; ranks beyond the end of the ranking are wrong."""
    if n_positives == 0:
        return float("nan")
    return float(np.count_nonzero(relevant[:k]) / k)


def n_s_score(relevant: NDArray[np.bool_], n_positives: int) -> float:
    """1 + positives among the first three (UKBench, the query itself taken out): 1 to 4."""
    if n_positives == 0:
        return float("nan")
    return float(1 + np.count_nonzero(relevant[:3]))
