"""Metrics of one ranking, from which junk has already been removed.

* `gains` is an array ``(n,)``, best answer first: 0 for a wrong answer, above 0 for a right one
  (1, or how relevant it is). It may be a bool array.
* `n_positives` (also called R) is the number of positives in all, found or not. When it is 0 every
  metric is NaN.
* Ranks beyond the end of a ranking count as wrong.
* Ties are already broken: rankings are by decreasing score, then increasing identifier.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..settings import checked_arguments

Gains: TypeAlias = "NDArray[np.bool_] | NDArray[np.floating] | NDArray[np.integer]"
NAN = float("nan")


def average_precision(gains: Gains, n_positives: int) -> float:
    """Average precision: sum of the precisions at the ranks of positives, divided by R.

    ``sum_r P@r [r is right] / R``. It is `map` of trec_eval, and scikit-learn's
    `average_precision_score` when all pictures are ranked without ties.
    """
    if n_positives == 0:
        return NAN
    ranks = np.flatnonzero(gains) + 1
    return float(np.sum(np.arange(1, len(ranks) + 1) / ranks) / n_positives)


def average_precision_trapezoid(gains: Gains, n_positives: int) -> float:
    """Average precision: area below the precision-recall curve, by trapezoids.

    It is `compute_ap` of Oxford Buildings (Philbin et al. 2007), which is also used for Paris and
    for Revisited Oxford and Paris. The precision before the first answer counts as 1.
    """
    if n_positives == 0:
        return NAN
    ranks = np.flatnonzero(gains)
    found = np.arange(len(ranks))
    before = np.where(ranks == 0, 1.0, found / np.maximum(ranks, 1))
    after = (found + 1) / (ranks + 1)
    return float(np.sum(before + after) / (2 * n_positives))


def average_precision_at(gains: Gains, n_positives: int, k: int) -> float:
    """Sum of the precisions at the positives among the first `k`, divided by ``min(R, k)``.

    Google Landmarks v2 uses it with `k` = 100 (Weyand et al. 2020).
    """
    if n_positives == 0:
        return NAN
    return average_precision(gains[:k], 1) / min(n_positives, k)


def average_precision_interpolated(gains: Gains, n_positives: int) -> float:
    """Mean of the interpolated precision at recall 0, 0.1, ..., 1.

    The interpolated precision is the largest precision at that recall or a higher one. This is
    the 11-point average of TREC and of Pascal VOC 2007. trec_eval rounds: where a tenth of R is not
    exact as a float, such as 0.7 of 3, it takes the precision at one positive less.
    """
    if n_positives == 0:
        return NAN
    ranks = np.flatnonzero(gains) + 1
    found = np.arange(1, len(ranks) + 1)
    best_from = np.maximum.accumulate((found / ranks)[::-1])[::-1]
    # In whole numbers, since tenths of recall are not exact as floats.
    needed = np.maximum(-(-np.arange(11) * n_positives // 10), 1)
    reached = needed <= len(ranks)
    return float(best_from[needed[reached] - 1].sum() / 11)


def precision_parts(gains: Gains, n_positives: int, k: int) -> tuple[int, int]:
    """Return the number of positives among the first `k`, and `k`."""
    return int(np.count_nonzero(gains[:k])), k


def precision_at(gains: Gains, n_positives: int, k: int) -> float:
    """Share of positives among the first `k`."""
    return _ratio(precision_parts(gains, n_positives, k), n_positives)


def r_precision_parts(gains: Gains, n_positives: int) -> tuple[int, int]:
    """Return the number of positives among the first R, and R."""
    return int(np.count_nonzero(gains[:n_positives])), n_positives


def r_precision(gains: Gains, n_positives: int) -> float:
    """Precision at rank R, where it equals recall."""
    return _ratio(r_precision_parts(gains, n_positives), n_positives)


def recall_parts(gains: Gains, n_positives: int, k: int) -> tuple[int, int]:
    """Return the number of positives among the first `k`, and R."""
    return int(np.count_nonzero(gains[:k])), n_positives


def recall_at(gains: Gains, n_positives: int, k: int) -> float:
    """Share of all positives that are among the first `k`."""
    return _ratio(recall_parts(gains, n_positives, k), n_positives)


def hit_at(gains: Gains, n_positives: int, k: int) -> float:
    """Return 1 when a positive is among the first `k`, else 0.

    Its mean over queries is the hit rate. `cumulative_matches` gives its values for all `k`.
    """
    return NAN if n_positives == 0 else float(np.any(gains[:k]))


def cumulative_matches(gains: Gains, n_positives: int, k: int) -> NDArray[np.float64]:
    """Cumulative match characteristic of one query at ranks 1 to `k`: ``(k,)``, zeros, then ones.

    The mean over queries is the CMC curve of re-identification (Gray & Tao 2008).
    """
    if n_positives == 0:
        return np.full(k, NAN)
    curve = np.zeros(k)
    hits = np.flatnonzero(gains[:k])
    if len(hits):
        curve[hits[0] :] = 1
    return curve


def reciprocal_rank(gains: Gains, n_positives: int) -> float:
    """Return 1 over the rank of the first positive; 0 when no positive was found."""
    if n_positives == 0:
        return NAN
    right = np.asarray(gains, bool)
    first = int(right.argmax()) if len(right) else 0
    return 1 / (first + 1) if len(right) and right[first] else 0.0


def ndcg_at(
    gains: Gains,
    ideal: NDArray[np.floating],
    k: int | None = None,
    gain: Literal["linear", "exponential"] = "linear",
) -> float:
    """nDCG: discounted cumulative gain of the first `k`, divided by that of the best ranking.

    The discounted cumulative gain is ``sum_r g_r / log2(r + 1)``.

    Parameters
    ----------
    gains : (n,) ndarray
    ideal : (n_positives,) ndarray
        Gains of all positives, in any order.
    k : int, optional
        Default: the whole ranking.
    gain : {"linear", "exponential"}
        "linear": ``g`` is the gain itself (Jarvelin & Kekalainen 2002, as in trec_eval and
        scikit-learn). "exponential": ``g`` is ``2 ** gain - 1`` (Burges et al. 2005).
    """
    if len(ideal) == 0:
        return NAN
    first = np.sort(np.asarray(ideal, np.float64))[::-1][:k]
    return _discounted(gains[:k], gain, first[0]) / _discounted(first, gain, first[0])


def _discounted(gains: Gains, gain: str, most: float) -> float:
    right = np.flatnonzero(gains)
    values = np.asarray(gains[right], np.float64)
    if gain == "exponential":
        # (2 ** g - 1) / 2 ** most. Without the divisor, which cancels out, it could overflow.
        values = np.exp2(values - most) - np.exp2(-most)
    return float(np.sum(values / np.log2(right + 2.0)))


def n_s_score(gains: Gains, n_positives: int) -> float:
    """N-S score of UKBench: 1 + number of positives among the first three, so 1 to 4.

    Nister & Stewenius 2006 count the query among the first four. Here the query is removed from
    the ranking, and the 1 stands for it.
    """
    return NAN if n_positives == 0 else float(1 + np.count_nonzero(gains[:3]))


def _ratio(parts: tuple[int, int], n_positives: int) -> float:
    return NAN if n_positives == 0 else parts[0] / parts[1]


@dataclass(frozen=True)
class Judged:
    """One ranking, judged by the ground truth.

    Attributes
    ----------
    gains : (n,) float32 ndarray
        Gains of the ranked pictures, best first, without junk.
    ideal : (n_positives,) float32 ndarray
        Gains of all positives.
    """

    gains: NDArray[np.float32]
    ideal: NDArray[np.float32]

    @property
    def n_positives(self) -> int:
        """Number of positives in all."""
        return len(self.ideal)


@dataclass(frozen=True)
class Metric:
    """A metric and its name.

    Attributes
    ----------
    name : str
    value : callable
        Takes a `Judged` and returns a float.
    parts : callable or None
        Takes a `Judged` and returns numerator and denominator; None when the metric has no micro
        average.
    """

    name: str
    value: Callable[[Judged], float]
    parts: Callable[[Judged], tuple[int, int]] | None = None


_PLAIN: dict[str, Callable[..., Any]] = {
    "ap": average_precision,
    "ap_trapezoid": average_precision_trapezoid,
    "ap_interpolated": average_precision_interpolated,
    "r_precision": r_precision,
    "rr": reciprocal_rank,
    "n_s": n_s_score,
}
_AT: dict[str, Callable[..., Any]] = {
    "ap": average_precision_at,
    "p": precision_at,
    "recall": recall_at,
    "hit": hit_at,
}
_PARTS: dict[str, Callable[..., tuple[int, int]]] = {
    "r_precision": r_precision_parts,
    "p": precision_parts,
    "recall": recall_parts,
}
_NDCG: dict[str, Literal["linear", "exponential"]] = {"ndcg": "linear", "ndcg_exp": "exponential"}
NAMES = (*_PLAIN, *(f"{name}@K" for name in (*_AT, *_NDCG)), *_NDCG)
"""Names that `metric` accepts; K is a whole number."""


@checked_arguments
def metric(name: str) -> Metric:
    """Find a metric by its name, such as ``"ap_trapezoid"``, ``"p@10"`` or ``"ndcg@10"``.

    Raises
    ------
    SettingsError
        When there is no metric of this name.
    """
    match = re.fullmatch(r"(\w+?)(?:@([1-9][0-9]*))?", name)
    stem, cutoff = match.groups() if match else ("", None)
    k = None if cutoff is None else int(cutoff)
    if stem in _NDCG:
        return Metric(name, lambda judged: ndcg_at(judged.gains, judged.ideal, k, _NDCG[stem]))
    table, at = (_PLAIN, ()) if k is None else (_AT, (k,))
    if stem not in table:
        raise SettingsError(f"metric {name!r}: expected one of {', '.join(NAMES)}")
    value, parts = table[stem], _PARTS.get(stem)
    return Metric(
        name,
        lambda judged: float(value(judged.gains, judged.n_positives, *at)),
        None if parts is None else lambda judged: parts(judged.gains, judged.n_positives, *at),
    )
