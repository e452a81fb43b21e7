"""Curves of a run, and what the ground truth says of its answers."""

from __future__ import annotations

import numpy as np
import pytest

from bovw.evaluation import (
    RECALLS,
    GroundTruth,
    GroundTruthQuery,
    Run,
    compare_runs,
    first_answers,
    first_wrong,
    score_run,
)


def make() -> tuple[GroundTruth, Run]:
    """Two queries with right answers, and one without."""
    images = frozenset("abcdefgh")
    queries = (
        GroundTruthQuery("q1", positive=frozenset("ac"), junk=frozenset("b")),
        GroundTruthQuery("q2", positive=frozenset("h")),
        GroundTruthQuery("q3"),
    )
    ranked = {"q1": "bacdefgh", "q2": "abcdefgh", "q3": "ab"}
    run = Run.from_names("r", {q: list(names) for q, names in ranked.items()}, items=sorted(images))
    return GroundTruth(images, queries), run


def test_curves_by_hand() -> None:
    truth, run = make()
    found = compare_runs(truth, [run], ["ap"]).curves()["r"]
    # q1: both right answers first (junk does not count); q2: its one right answer is the last of 8.
    assert found.precision == pytest.approx(np.full(len(RECALLS), (1 + 1 / 8) / 2))
    assert found.k.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found.recall_at == pytest.approx([0.25, *[0.5] * 6, 1])
    assert found.hit_at == pytest.approx([*[0.5] * 7, 1])
    assert found.precision_at[1] == pytest.approx((1 + 0) / 2)


def test_curves_agree_with_metrics(truth: GroundTruth, rng: np.random.Generator) -> None:
    names = [query.name for query in truth.queries]
    items = sorted(truth.images)
    run = Run.from_scores("r", items, names, rng.random((len(names), len(items))))
    found = compare_runs(truth, [run], ["ap"]).curves()["r"]
    metrics = [f"{m}@{k}" for k in (1, 5, 10) for m in ("recall", "p", "hit")]
    scores = score_run(run, truth, ["ap_interpolated", *metrics])
    assert found.precision[::10].mean() == pytest.approx(scores.macro("ap_interpolated"))
    for k in (1, 5, 10):
        at = found.k.tolist().index(k)
        ours = found.recall_at[at], found.precision_at[at], found.hit_at[at]
        assert ours == pytest.approx([scores.macro(f"{m}@{k}") for m in ("recall", "p", "hit")])


def test_no_right_answer_anywhere_is_not_zero() -> None:
    truth = GroundTruth(frozenset("ab"), (GroundTruthQuery("q"),))
    run = Run.from_names("r", {"q": ["a", "b"]})
    content = compare_runs(truth, [run], ["ap"]).to_dict()
    assert set(content["systems"]["r"]["curves"]["precision"]) == {None}


def test_answers_are_judged() -> None:
    truth, run = make()
    q1, _, q3 = truth.queries
    found = first_answers(run, q1, q1.junk, 3)
    assert [(a.name, a.rank, a.truth) for a in found] == [
        ("b", None, "junk"),
        ("a", 1, "right"),
        ("c", 2, "right"),
        ("d", 3, "wrong"),
    ]
    wrong = first_wrong(run, q1, q1.junk)
    assert wrong is not None and (wrong.name, wrong.rank) == ("d", 3)
    assert [a.name for a in first_answers(run, q3, (), 9)] == ["a", "b"]  # what it returned itself
    assert first_wrong(run, q3, {"a", "b"}) is None
