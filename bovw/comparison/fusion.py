"""Fusion: combine the rankings of several systems into one.

All systems rank the same `n` items, which are given by their positions. Scores are finite, or -inf
for an item that a system did not rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from ..errors import SettingsError
from ..evaluation import Run

Normalisation = Literal["min-max", "z", "rank"]


def reciprocal_rank_fusion(
    rankings: Sequence[ArrayLike], k: float = 60.0, *, n_items: int | None = None
) -> NDArray[np.float64]:
    """Score items by the sum of ``1 / (k + rank)`` over systems; the first rank is 1.

    Cormack, Clarke & Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods" (SIGIR 2009).

    Parameters
    ----------
    rankings : sequence of (r,) integer array
        For each system, positions of items, best first; not necessarily of all items. -1 stands
        for no item, as in `Neighbours`.
    k : float
        The larger it is, the less the first ranks count more than later ones.
    n_items : int, optional
        Number of items; default: the largest position plus 1.

    Returns
    -------
    (n_items,) float64 ndarray
        Scores; 0 for an item that no system ranked.
    """
    positions = [_positions(ranking) for ranking in rankings]
    needed = max((int(ranking.max(initial=-1)) + 1 for ranking in positions), default=0)
    n = needed if n_items is None else n_items
    if not (n >= needed and 0 <= k < np.inf):
        raise SettingsError(
            f"k={k}, n_items={n_items}: expected k from 0, and at least {needed} items, as ranked"
        )
    scores = np.zeros(n)
    for ranking in positions:
        ranks = np.arange(1, len(ranking) + 1)
        listed = ranking >= 0
        scores[ranking[listed]] += 1 / (k + ranks[listed])
    return scores


def normalise_scores(scores: ArrayLike, method: Normalisation = "min-max") -> NDArray[np.float64]:
    """Bring the scores of one system to a scale that all systems share.

    Montague & Aslam, "Relevance score normalization for metasearch" (CIKM 2001).

    Parameters
    ----------
    scores : (n,) array
    method : {"min-max", "z", "rank"}
        "min-max": the smallest score becomes 0 and the largest 1. "z": the mean becomes 0 and the
        standard deviation 1. "rank": scores are replaced by ranks (equal scores get the mean of
        their ranks), scaled so that the last rank becomes 0 and the first becomes 1.

    Returns
    -------
    (n,) float64 ndarray
        When all scores are equal they become 0. Items that were not ranked get the smallest of
        the normalised scores.
    """
    if method not in {"min-max", "z", "rank"}:
        raise SettingsError(f"method={method!r}: expected 'min-max', 'z' or 'rank'")
    values = _scores(scores)
    normalised = np.zeros(len(values))
    ranked = values > -np.inf
    values = rankdata(values[ranked]) if method == "rank" else values[ranked]
    if len(values) and values.min() < values.max():
        if method == "z":
            values = (values - values.mean()) / values.std()
        else:
            values = (values - values.min()) / (values.max() - values.min())
        normalised[:] = values.min()
        normalised[ranked] = values
    return normalised


def weighted_fusion(
    scores: Sequence[ArrayLike],
    weights: Sequence[float] | None = None,
    normalisation: Normalisation = "min-max",
) -> NDArray[np.float64]:
    """Compute the weighted sum of the normalised scores of several systems.

    CombSUM of Fox & Shaw, "Combination of multiple searches" (TREC-2, 1994), with weights.

    Parameters
    ----------
    scores : sequence of (n,) array
        Scores of each system, for the same items.
    weights : sequence of float, optional
        Weight of each system, not negative; default: 1.
    normalisation : {"min-max", "z", "rank"}
        See `normalise_scores`.

    Returns
    -------
    (n,) float64 ndarray
    """
    normalised = [normalise_scores(each, normalisation) for each in scores]
    lengths = sorted({len(each) for each in normalised})
    if len(lengths) != 1:
        raise SettingsError(
            f"scores of {' and '.join(map(str, lengths)) or 'no'} items: expected scores of every "
            "system for the same items"
        )
    shares = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (len(scores),) or not ((shares >= 0) & (shares < np.inf)).all():
        raise SettingsError(
            f"weights {shares.tolist()} of {len(scores)} systems: expected one for each, finite "
            "and not negative"
        )
    return np.asarray(shares @ np.stack(normalised), np.float64)


def fused_ranking(scores: ArrayLike) -> NDArray[np.intp]:
    """Rank items: return positions ``(n,)`` by descending score, equal scores by position.

    When items are sorted by identifier, items with equal scores are thus ranked by identifier.
    """
    return np.argsort(-_scores(scores), kind="stable")


def put_first(ranking: ArrayLike, verified: ArrayLike) -> NDArray[np.intp]:
    """Move verified items to the front of a ranking; the others keep their order.

    Parameters
    ----------
    ranking : (n,) integer array
        Positions of items, best first; -1 stands for no item.
    verified : (v,) integer array
        Positions of the verified items, best first. They must be in `ranking`.

    Returns
    -------
    (n,) intp ndarray
    """
    whole, first = _positions(ranking), _positions(verified)
    first = first[first >= 0]
    unknown = first[~np.isin(first, whole)]
    if len(unknown):
        raise SettingsError(
            f"verified items {unknown[:5].tolist()} are not ranked: expected items of the ranking"
        )
    return np.concatenate([first, whole[~np.isin(whole, first)]])


def _positions(ranking: ArrayLike) -> NDArray[np.intp]:
    given: NDArray[Any] = np.asarray(ranking)
    if given.ndim != 1 or not (given.dtype.kind in "iu" or given.size == 0):
        raise SettingsError(
            f"a ranking of shape {given.shape} and type {given.dtype}: expected positions (n,), "
            "whole numbers"
        )
    positions = given.astype(np.intp)
    listed = positions[positions != -1]
    if listed.min(initial=0) < 0 or len(np.unique(listed)) < len(listed):
        raise SettingsError(
            "a ranking with negative or repeated positions: expected every item once, from 0"
        )
    return positions


def _scores(scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or np.isnan(values).any() or (values == np.inf).any():
        raise SettingsError(
            f"scores of shape {values.shape}: expected numbers (n,), finite or -inf (not ranked)"
        )
    return values


def fused_run(
    runs: Sequence[Run],
    name: str,
    method: str = "rrf",
    weights: Sequence[float] | None = None,
    *,
    queries: Sequence[str] | None = None,
) -> Run:
    """Fuse runs over the same base by reciprocal ranks, or by weighted, normalised scores.

    Parameters
    ----------
    runs : sequence of Run
        Runs without scores count by their ranks. A picture that a run did not return gets nothing
        from this run with "rrf", and its smallest normalised score with the other methods.
    name : str
        Name of the fused run.
    method : {"rrf", "min-max", "z", "rank"}
        "rrf": see `reciprocal_rank_fusion`. The others: weighted sum of the scores, normalised by
        this method; see `weighted_fusion`.
    weights : sequence of float, optional
        Weights of the runs; not used by "rrf".
    queries : sequence of str, optional
        Names of the queries whose rankings are fused; default: those of the first run.
    """
    methods = ("rrf", *get_args(Normalisation))
    if method not in methods:
        raise SettingsError(f"fusion {method!r}: expected one of {', '.join(methods)}")
    if len(runs) < 2 or any(run.items != runs[0].items for run in runs):
        raise SettingsError(
            f"fusion of {[run.name for run in runs]}: expected several runs over the same base"
        )
    asked = list(runs[0].rankings if queries is None else queries)
    for run in runs:
        run.check_queries(asked)
    table = np.empty((len(asked), len(runs[0].items)))
    for row, query in enumerate(asked):
        by_item = [run.by_item(query) for run in runs]
        if method == "rrf":
            ranked = [run.ranked(query) for run in runs]
            table[row] = reciprocal_rank_fusion(ranked, n_items=table.shape[1])
        else:
            table[row] = weighted_fusion(by_item, weights, cast(Normalisation, method))
        table[row, np.isneginf(by_item).all(axis=0)] = -np.inf  # no run returned these
    spent = sum(float(run.facts.get("milliseconds", np.nan)) for run in runs)
    size = sum(float(run.facts.get("bytes", np.nan)) for run in runs)
    return Run.from_scores(
        name, runs[0].items, asked, table, {"milliseconds": spent, "bytes": size}
    )
