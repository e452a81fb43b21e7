"""Fusion of several rankings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bovw.comparison import (
    fused_run,
    normalise_scores,
    put_first,
    reciprocal_rank_fusion,
    weighted_fusion,
)
from bovw.comparison.fusion import fused_ranking
from bovw.errors import GroundTruthError, SettingsError
from bovw.evaluation import Run


def test_reciprocal_ranks_by_hand() -> None:
    scores = reciprocal_rank_fusion([[2, 0, 1], np.array([2, 1])])
    assert scores == pytest.approx([1 / 62, 1 / 63 + 1 / 62, 2 / 61])
    assert fused_ranking(scores).tolist() == [2, 1, 0]
    assert reciprocal_rank_fusion([[1]], 0, n_items=3).tolist() == [0, 1, 0]


def test_rankings_with_gaps_and_without_items() -> None:
    assert reciprocal_rank_fusion([[1, -1, 0, -1]], 1).tolist() == [1 / 4, 1 / 2]
    assert reciprocal_rank_fusion([[]], n_items=2).tolist() == [0, 0]
    assert reciprocal_rank_fusion([]).tolist() == []


@pytest.mark.parametrize(
    ("ranking", "options"),
    [
        ([0, 0], {}),
        ([0, -2], {}),
        ([0.5], {}),
        ([[0, 1]], {}),
        ([3], {"n_items": 3}),
        ([0], {"k": -1}),
        ([0], {"k": float("nan")}),
    ],
)
def test_odd_rankings_are_refused(ranking: Any, options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        reciprocal_rank_fusion([ranking], **options)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("min-max", [0.25, 0, 1, 0.25, 0]),
        ("z", np.array([-1, -3, 5, -1, -3]) / 3),
        ("rank", [0.5, 0, 1, 0.5, 0]),
    ],
)
def test_normalisation_by_hand(method: Any, expected: Any) -> None:
    scores = normalise_scores([2, 0, 8, 2, -np.inf], method)
    assert scores.dtype == np.float64
    assert scores == pytest.approx(expected)


@pytest.mark.parametrize("method", ["min-max", "z", "rank"])
def test_equal_scores_say_nothing(method: Any) -> None:
    for scores in ([0.1, 0.1, 0.1], [-np.inf, 0.1], [-np.inf, -np.inf], []):
        assert normalise_scores(scores, method).tolist() == [0] * len(scores)


def test_ranks_of_equal_scores_stay_within_0_and_1() -> None:
    assert normalise_scores([1, 1, 3, 3], "rank").tolist() == [0, 0, 1, 1]


def test_normalisation_ignores_scale_and_shift(rng: np.random.Generator) -> None:
    scores = rng.standard_normal(50)
    for method in ("min-max", "z", "rank"):
        found = normalise_scores(3 * scores + 7, method)  # type: ignore[arg-type]
        assert found == pytest.approx(normalise_scores(scores, method))  # type: ignore[arg-type]


def test_weighted_fusion_by_hand() -> None:
    first, second = [0, 5, 10], [4.0, 2.0, -np.inf]
    assert weighted_fusion([first, second]).tolist() == [1, 0.5, 1]
    fused = weighted_fusion([first, second], [2, 0.5])
    assert fused.tolist() == [0.5, 1, 2]
    assert fused_ranking(fused).tolist() == [2, 1, 0]
    alone = weighted_fusion([first, second], [0, 1], "rank")
    assert alone.tolist() == normalise_scores(second, "rank").tolist()


@pytest.mark.parametrize(
    ("scores", "weights"),
    [
        ([[1, 2], [1, 2, 3]], None),
        ([], None),
        ([[1, 2]], [1, 2]),
        ([[1, 2]], [-1]),
        ([[1, 2]], [float("nan")]),
        ([[1, float("nan")]], None),
        ([[1, float("inf")]], None),
        ([[[1, 2]]], None),
    ],
)
def test_odd_scores_are_refused(scores: Any, weights: Any) -> None:
    with pytest.raises(SettingsError, match="expected"):
        weighted_fusion(scores, weights)


def test_unknown_normalisation_is_refused() -> None:
    with pytest.raises(SettingsError, match="'min-max', 'z' or 'rank'"):
        normalise_scores([1], "softmax")  # type: ignore[arg-type]


def test_equal_scores_are_ranked_by_position() -> None:
    assert fused_ranking([1, 3, -np.inf, 3, 1]).tolist() == [1, 3, 0, 4, 2]
    with pytest.raises(SettingsError):
        fused_ranking([1, np.nan])


def test_verified_items_come_first() -> None:
    assert put_first([4, 2, 0, 1, 3], [1, 2]).tolist() == [1, 2, 4, 0, 3]
    assert put_first([4, 2, 0], []).tolist() == [4, 2, 0]
    assert put_first([1, 0, -1, -1], [0, -1]).tolist() == [0, 1, -1, -1]
    with pytest.raises(SettingsError, match=r"\[7\] are not ranked"):
        put_first([4, 2, 0], [7, 2])
    with pytest.raises(SettingsError, match="every item once"):
        put_first([4, 2, 0], [2, 2])


def test_what_a_system_left_out_gains_nothing_by_its_name() -> None:
    """Otherwise `a`, which nobody ranked, would stand before `c`, which one system did."""
    one = Run.from_names("one", {"q": ["z"]}, items="abcz")
    other = Run.from_names("other", {"q": ["z", "c"]}, items="abcz", scores={"q": [2, 1]})
    for method in ("rrf", "min-max", "z", "rank"):
        fused = fused_run([one, other], "fused", method)
        assert fused.ranked_names("q") == ["z", "c", "a", "b"]
        assert fused.count("q") == 2
    assert fused_run([fused, fused], "again").ranked_names("q") == ["z", "c", "a", "b"]
    assert other.by_item("q").tolist() == [-np.inf, -np.inf, 1, 2]
    assert one.restricted({"a", "z"}).count("q") == 1


def test_only_the_queries_that_are_asked_for_are_fused() -> None:
    one = Run.from_names("one", {"q": ["a"], "more": ["a"]}, items="ab")
    other = Run.from_names("other", {"q": ["b"]}, items="ab")
    assert fused_run([one, other], "fused", queries=["q"]).rankings.keys() == {"q"}
    with pytest.raises(GroundTruthError, match="'other' has no ranking for 1 of 2 queries: more"):
        fused_run([one, other], "fused")
