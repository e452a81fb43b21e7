"""Significance of differences: bootstrap intervals, randomisation tests, effect sizes.

Queries of one group (a landmark, an object) are not independent. So the bootstrap draws whole
groups, and the randomisation test changes the sign of whole groups. All random numbers are seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from .scoring import Scores

ENOUGH_GROUPS = 20
"""With fewer groups than this, a difference is reported but never called real."""
_EXACT_UP_TO = 14
_SAMPLES, _MOST_SAMPLES = 10_000, 200_000
_AT_ONCE = 1 << 20


def check_level(level: float) -> None:
    """Raise a SettingsError unless a confidence level is between 0 and 1, such as 0.95."""
    if not 0 < level < 1:
        raise SettingsError(f"level={level}: expected a number between 0 and 1, such as 0.95")


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The difference between two systems in one metric.

    Attributes
    ----------
    better, worse : str
        Names of the systems. `better` has the larger mean; when the means are equal it is the
        system that was given first.
    metric : str
    difference : Interval
        Difference of the means over queries, with a bootstrap interval over groups.
    p_value : float
        p value of a two-sided paired randomisation test.
    adjusted : float
        The p value after Holm's correction for the number of comparisons.
    effect : float
        Effect size, in standard deviations of the differences of groups; see `effect_size`.
    wins, losses : int
        Number of queries for which `better` has the higher score, and the lower score.
    n_queries, n_groups : int
        Number of compared queries, and of their groups.
    real : bool
        Whether `adjusted` is at most ``1 - level`` and there are enough groups.
    """

    better: str
    worse: str
    metric: str
    difference: Interval
    p_value: float
    adjusted: float
    effect: float
    wins: int
    losses: int
    n_queries: int
    n_groups: int
    real: bool


def _grouped(
    values: NDArray[np.float64], groups: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum and the number of the values of each group, without NaN values."""
    known = ~np.isnan(values)
    members = np.unique(np.asarray(groups), return_inverse=True)[1][known]
    sums = np.bincount(members, values[known]).astype(np.float64)
    sizes = np.bincount(members).astype(np.float64)
    return sums[sizes > 0], sizes[sizes > 0]


def bootstrap_interval(
    values: NDArray[np.float64],
    groups: Sequence[str],
    *,
    level: float = 0.95,
    n_samples: int = 2000,
    random_state: int = 0,
) -> Interval:
    """Compute the percentile bootstrap interval of the mean over queries.

    Whole groups are drawn, with replacement. Efron 1979; for retrieval Sakai 2006.

    Parameters
    ----------
    values : (n,) float64 ndarray
        One value per query; NaN values are left out.
    groups : sequence of str
        Group of each query.
    level : float
        Confidence level.
    n_samples, random_state : int
        Number of bootstrap samples, and the seed.
    """
    sums, sizes = _grouped(values, groups)
    if len(sums) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(random_state)
    means = np.empty(n_samples)
    step = max(1, _AT_ONCE // len(sums))
    for start in range(0, n_samples, step):
        stop = min(start + step, n_samples)
        drawn = rng.integers(0, len(sums), (stop - start, len(sums)))
        means[start:stop] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sums.sum() / sizes.sum()), float(low), float(high))


def randomisation_test(
    differences: NDArray[np.float64],
    groups: Sequence[str],
    *,
    n_samples: int = _SAMPLES,
    random_state: int = 0,
) -> float:
    """Two-sided p value of a paired randomisation test (Fisher; Smucker et al. 2007).

    If both systems were equally good, the sign of the sum of each group would be random. With up
    to 14 groups all combinations of signs are tried. With more groups `n_samples` random
    combinations are tried, and the observed signs are counted as one more.

    Parameters
    ----------
    differences : (n,) float64 ndarray
        Difference of the two systems for each query; NaN values are left out.
    groups : sequence of str
        Group of each query.
    n_samples, random_state : int
        Number of random combinations, and the seed.
    """
    sums, _ = _grouped(differences, groups)
    return float(_p_values(sums[:, None], n_samples, random_state)[0])


def _p_values(sums: NDArray[np.float64], n_samples: int, random_state: int) -> NDArray[np.float64]:
    """Test sums of groups ``(n_groups, m)``; all `m` comparisons use the same random signs."""
    n_groups, m = sums.shape
    if n_groups == 0:
        return np.full(m, np.nan)
    observed = np.abs(sums.sum(axis=0)) - 1e-12 * np.abs(sums).sum(axis=0)
    if n_groups <= _EXACT_UP_TO:
        numbers = np.arange(1 << n_groups)[:, None] >> np.arange(n_groups)
        totals = np.abs((1 - 2.0 * (numbers & 1)) @ sums)
        return np.asarray(np.mean(totals >= observed, axis=0))
    rng = np.random.default_rng(random_state)
    extreme = np.ones(m)
    step = max(1, _AT_ONCE // max(n_groups, m))
    for start in range(0, n_samples, step):
        signs = rng.integers(0, 2, (min(step, n_samples - start), n_groups), np.int8)
        extreme += np.count_nonzero(np.abs((1 - 2.0 * signs) @ sums) >= observed, axis=0)
    return extreme / (n_samples + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for the number of comparisons (Holm 1979).

    This bounds the probability that any of the comparisons is wrongly called significant.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values)
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(value) for value in adjusted]


def effect_size(differences: NDArray[np.float64], groups: Sequence[str]) -> float:
    """Cohen's d for paired values: the mean divided by the standard deviation.

    The values are the sums of the differences of each group, as in `randomisation_test`. So the
    effect has the same sign as the mean over queries, and its unit is one standard deviation of
    these sums. It is 0 when all sums are 0, infinite when they are equal, and NaN when there is
    only one group.
    """
    sums, _ = _grouped(differences, groups)
    if not sums.any():
        return 0.0
    mean, spread = sums.mean(), sums.std(ddof=1) if len(sums) > 1 else float("nan")
    # Sums that differ only by rounding count as equal.
    return float(np.copysign(np.inf, mean) if spread < 1e-12 * abs(mean) else mean / spread)


def differences(
    scores: Sequence[tuple[str, Scores]],
    metrics: Sequence[str],
    *,
    level: float = 0.95,
    random_state: int = 0,
) -> list[Difference]:
    """Compare every pair of systems in every metric.

    Parameters
    ----------
    scores : sequence of (str, Scores)
        Names of systems, and their scores for the same queries.
    metrics : sequence of str
    level : float
        A difference is called real when its adjusted p value is at most ``1 - level`` and there
        are at least `ENOUGH_GROUPS` groups.
    random_state : int

    Notes
    -----
    With n random samples no p value is below ``1 / (n + 1)``, and Holm's correction multiplies the
    smallest one by the number m of comparisons. ``20 m / (1 - level)`` samples are drawn, so that
    differences can be significant even when m is large; but at least 10,000 and at most 200,000.
    """
    check_level(level)
    pairs = []
    for name in metrics:
        for number, first in enumerate(scores):
            for second in scores[number + 1 :]:
                swap = second[1].macro(name) > first[1].macro(name)
                pairs.append((name, second, first) if swap else (name, first, second))
    if not pairs:
        return []
    gaps = [one[1].of(name) - other[1].of(name) for name, one, other in pairs]
    groups = scores[0][1].groups
    n_samples = min(max(_SAMPLES, ceil(20 * len(gaps) / (1 - level))), _MOST_SAMPLES)
    # Queries without a positive are NaN for every system, so the groups are the same for all.
    sums = np.stack([_grouped(gap, groups)[0] for gap in gaps], axis=1)
    p_values = _p_values(sums, n_samples, random_state).tolist()
    found = []
    for (name, one, other), gap, p, adjusted in zip(
        pairs, gaps, p_values, holm(p_values), strict=True
    ):
        n_groups = len(_grouped(gap, groups)[0])
        found.append(
            Difference(
                better=one[0],
                worse=other[0],
                metric=name,
                difference=bootstrap_interval(gap, groups, level=level, random_state=random_state),
                p_value=p,
                adjusted=adjusted,
                effect=effect_size(gap, groups),
                wins=int(np.count_nonzero(gap > 0)),
                losses=int(np.count_nonzero(gap < 0)),
                n_queries=int(np.count_nonzero(~np.isnan(gap))),
                n_groups=n_groups,
                real=bool(adjusted <= 1 - level + 1e-12 and n_groups >= ENOUGH_GROUPS),
            )
        )
    return found
