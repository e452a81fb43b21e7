"""What every metric promises, whatever the ranking."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bovw.evaluation import GroundTruth, GroundTruthQuery, Run, metric, score_run
from bovw.evaluation.metrics import Judged

from .strategies import GAINS

METRICS = (
    "ap", "ap_trapezoid", "ap_interpolated", "r_precision", "rr", "n_s", "ap@1", "ap@7", "p@1",
    "p@5", "recall@5", "hit@5", "ndcg", "ndcg@5", "ndcg_exp", "ndcg_exp@5",
)  # fmt: skip
AGREEING = {
    "ap": ("map", "AP"),
    "p@5": ("P_5", "P@5"),
    "r_precision": ("Rprec", "Rprec"),
    "recall@5": ("recall_5", "R@5"),
    "rr": ("recip_rank", "RR"),
    "ndcg": ("ndcg", "nDCG"),
    "ndcg@5": ("ndcg_cut_5", "nDCG@5"),
    "hit@5": ("success_5", "Success@5"),
}
"""Names of metrics in pytrec_eval and in ir_measures. Its 11pt_avg is missing: it rounds recall."""
MISSED = st.lists(st.integers(1, 3), max_size=4)
"""Gains of positives that a ranking does not hold."""


def judged(gains: list[int], missed: list[int]) -> Judged:
    ideal = [gain for gain in gains if gain] + missed
    return Judged(np.array(gains, np.float32), np.array(ideal, np.float32))


def values(ranking: Judged) -> dict[str, float]:
    return {name: metric(name).value(ranking) for name in METRICS}


@given(GAINS, MISSED)
def test_values_stay_within_their_bounds(gains: list[int], missed: list[int]) -> None:
    ranking = judged(gains, missed)
    for name, value in values(ranking).items():
        if ranking.n_positives == 0:
            assert math.isnan(value), name
        elif name == "n_s":
            assert 1 <= value <= 4
        else:
            assert 0 <= value <= 1 + 1e-12, name


@given(GAINS, MISSED)
def test_parts_give_the_value(gains: list[int], missed: list[int]) -> None:
    ranking = judged(gains, missed)
    for name in METRICS:
        parts = metric(name).parts
        if parts is not None and ranking.n_positives:
            above, below = parts(ranking)
            assert above / below == metric(name).value(ranking), name


@given(GAINS.filter(any))
def test_the_best_ranking_has_the_best_values(gains: list[int]) -> None:
    best, n = values(judged(sorted(gains, reverse=True), [])), sum(map(bool, gains))
    for name, value in best.items():
        expected = {"p@5": min(n, 5) / 5, "recall@5": min(n, 5) / n, "n_s": 1 + min(n, 3)}
        assert value == pytest.approx(expected.get(name, 1)), name


@given(GAINS, MISSED, st.data())
def test_a_better_answer_moved_up_lowers_nothing(
    gains: list[int], missed: list[int], data: st.DataObject
) -> None:
    climbs = [i for i, (a, b) in enumerate(pairwise(gains)) if a < b]
    if not climbs:
        return
    i = data.draw(st.sampled_from(climbs))
    moved = [*gains[:i], gains[i + 1], gains[i], *gains[i + 2 :]]
    before, after = values(judged(gains, missed)), values(judged(moved, missed))
    for name in METRICS:
        assert after[name] >= before[name] - 1e-12, name


@given(GAINS, MISSED)
def test_wrong_answers_at_the_end_change_nothing(gains: list[int], missed: list[int]) -> None:
    ranking, longer = values(judged(gains, missed)), values(judged([*gains, 0, 0, 0], missed))
    assert longer == pytest.approx(ranking, nan_ok=True)


@st.composite
def scored(draw: st.DrawFn) -> tuple[GroundTruth, dict[str, dict[str, float]]]:
    """Graded queries with junk, each with a positive, and distinct scores of all pictures."""
    images = [f"d{i}" for i in range(draw(st.integers(2, 12)))]
    queries, scores = [], {}
    for number in range(draw(st.integers(1, 4))):
        kinds = draw(st.lists(st.integers(-1, 3), min_size=len(images), max_size=len(images)))
        kinds[draw(st.integers(0, len(images) - 1))] = 2
        by_name = dict(zip(images, kinds, strict=True))
        queries.append(
            GroundTruthQuery(
                f"q{number}",
                positive=frozenset(name for name, kind in by_name.items() if kind > 0),
                junk=frozenset(name for name, kind in by_name.items() if kind < 0),
                gains={name: float(kind) for name, kind in by_name.items() if kind > 0},
            )
        )
        order = draw(st.permutations(range(len(images))))
        scores[f"q{number}"] = {n: float(s) for n, s in zip(images, order, strict=True)}
    return GroundTruth(frozenset(images), tuple(queries)), scores


def run_of(scores: dict[str, dict[str, float]], images: list[str], queries: list[str]) -> Run:
    table = np.array([[scores[query][name] for name in images] for query in queries])
    return Run.from_scores("r", images, queries, table)


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_pictures_and_queries_says_nothing(
    drawn: tuple[GroundTruth, dict[str, dict[str, float]]], chance: object
) -> None:
    truth, scores = drawn
    images, queries = sorted(truth.images), sorted(scores)
    straight = score_run(run_of(scores, images, queries), truth, METRICS)
    chance.shuffle(images)  # type: ignore[attr-defined]
    chance.shuffle(queries)  # type: ignore[attr-defined]
    turned = score_run(run_of(scores, images, queries), truth, METRICS)
    for name in METRICS:
        assert np.array_equal(turned.of(name), straight.of(name), equal_nan=True), name


@given(scored())
def test_other_tools_find_the_same(
    drawn: tuple[GroundTruth, dict[str, dict[str, float]]],
) -> None:
    """They know no junk, so it is taken out of the rankings that they are given."""
    truth, scores = drawn
    ours = score_run(run_of(scores, sorted(truth.images), sorted(scores)), truth, tuple(AGREEING))
    qrels = {q.name: {n: int(q.gain(n)) for n in q.positive} for q in truth.queries}
    seen = {
        q.name: {n: s for n, s in scores[q.name].items() if n not in q.junk} for q in truth.queries
    }
    with_pytrec_eval(ours.of, qrels, seen)
    with_ir_measures(ours.of, qrels, seen)


def with_pytrec_eval(of, qrels, seen) -> None:  # type: ignore[no-untyped-def]
    pytrec_eval = pytest.importorskip("pytrec_eval")
    asked = {"map", "P.5", "Rprec", "recall.5", "recip_rank", "ndcg", "ndcg_cut.5", "success.5"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(seen)
    for name, (other, _) in AGREEING.items():
        expected = [theirs[query][other] for query in qrels]
        assert of(name).tolist() == pytest.approx(expected, abs=1e-6), name


def with_ir_measures(of, qrels, seen) -> None:  # type: ignore[no-untyped-def]
    ir_measures = pytest.importorskip("ir_measures")
    asked = {ir_measures.parse_measure(other): name for name, (_, other) in AGREEING.items()}
    found: dict[str, dict[str, float]] = {name: {} for name in asked.values()}
    for each in ir_measures.iter_calc(list(asked), qrels, seen):
        found[asked[each.measure]][each.query_id] = each.value
    for name, by_query in found.items():
        expected = [by_query[query] for query in qrels]
        assert of(name).tolist() == pytest.approx(expected, abs=1e-6), name
