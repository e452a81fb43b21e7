"""Runs and judgements in memory, of ranx, ir_measures and pytrec_eval, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bovw.errors import GroundTruthError
from bovw.evaluation import GroundTruth, GroundTruthQuery, Run, score_run
from bovw.formats import qrels_of, run_from, scores_of, truth_from

SCORES = {"q1": {"a": 0.5, "b": 2.0, "c": 0.5}, "q2": {"c": 1.0}}
QRELS = {"q1": {"a": 1, "b": 0, "d": 3, "e": -1}, "q2": {"c": 2}}


def check_run(run: Run, name: str = "run") -> None:
    assert run.name == name
    assert run.ranked_names("q1", 3) == ["b", "a", "c"]  # equal scores by name
    assert run.count("q2") == 1 and run.ranked_names("q2", 1) == ["c"]
    assert run.scores["q1"][:3].tolist() == [2.0, 0.5, 0.5]


def check_truth(truth: GroundTruth) -> None:
    first, second = truth.queries
    assert (first.positive, first.junk) == ({"a", "d"}, {"e"})
    assert (first.gain("d"), second.gain("c")) == (3, 2)
    assert truth.images == {"a", "b", "c", "d", "e"}


def frame(of: dict[str, Any], columns: list[str]) -> Any:
    pandas = pytest.importorskip("pandas")
    rows = [(q, p, v) for q, found in of.items() for p, v in found.items()]
    return pandas.DataFrame(rows, columns=columns)


def test_dictionaries() -> None:
    check_run(run_from(SCORES))
    check_run(run_from(SCORES, "net"), "net")
    check_truth(truth_from(QRELS))


def test_data_frames() -> None:
    check_run(run_from(frame(SCORES, ["query_id", "doc_id", "score"])))
    check_run(run_from(frame(SCORES, ["qid", "docno", "score"])))
    check_truth(truth_from(frame(QRELS, ["q_id", "doc_id", "score"])))


def test_ir_measures() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    docs = [ir_measures.ScoredDoc(q, p, v) for q, found in SCORES.items() for p, v in found.items()]
    check_run(run_from(docs))
    judged = [ir_measures.Qrel(q, p, v) for q, found in QRELS.items() for p, v in found.items()]
    check_truth(truth_from(iter(judged)))


@pytest.mark.filterwarnings("ignore")  # of numba
def test_ranx(ranx: Any) -> None:
    check_run(run_from(ranx.Run(SCORES, name="theirs")), "theirs")
    positive = {q: {p: v for p, v in found.items() if v >= 0} for q, found in QRELS.items()}
    assert truth_from(ranx.Qrels(positive)).queries[0].positive == {"a", "d"}


def test_others_find_our_scores_in_what_they_are_given(rng: np.random.Generator) -> None:
    """With junk, queries in the base and equal scores; a query without positives is left out."""
    ir_measures = pytest.importorskip("ir_measures")
    images = [f"p{i:02d}" for i in range(30)]
    queries = [
        GroundTruthQuery(
            image, positive=frozenset(images[i : i + 6]), junk=frozenset(images[i + 6 : i + 9]),
            gains={images[i + 1]: 3.0},
        )
        for i, image in enumerate(images[:8])
    ]  # fmt: skip
    truth = GroundTruth(frozenset(images), (*queries, GroundTruthQuery("nobody")), in_base="junk")
    scores = rng.random((9, 30)).round(1)  # many are equal
    run = Run.from_scores("r", images, [q.name for q in truth.queries], scores)
    ours = score_run(run, truth, ("ap", "ndcg@10", "p@5"))
    given, judged = scores_of(run, truth), qrels_of(truth)
    assert "nobody" not in given and "nobody" not in judged
    for name, other in {"ap": "AP", "ndcg@10": "nDCG@10", "p@5": "P@5"}.items():
        measure = ir_measures.parse_measure(other)
        theirs = ir_measures.calc_aggregate([measure], judged, given)[measure]
        assert ours.macro(name) == pytest.approx(theirs, abs=1e-6), name
    whole = scores_of(run)
    assert set(whole) == {q.name for q in truth.queries} and len(whole["p00"]) == 30


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "is empty"),
        ({"q": [1]}, "expected {picture: number}"),
        ({"q": {"a": "x"}}, "and a number"),
        ({"q": {"a": float("nan")}}, "and a number"),
        ({1: {"a": 1.0}}, "expected names of a query"),
        ("no such thing", "an object of ranx"),
        (3, "an object of ranx"),
        ([("q", "a", 1.0)], "expected names of a query"),
    ],
)
def test_what_is_no_run_is_refused(given: Any, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        run_from(given)


def test_what_is_no_judgement_is_refused() -> None:
    with pytest.raises(GroundTruthError, match=r"relevance of 'a' is 0\.5"):
        truth_from({"q": {"a": 0.5}})
    with pytest.raises(GroundTruthError, match="columns query_id, score: expected"):
        truth_from(frame({"q": {"a": 1}}, ["query_id", "doc_id", "score"])[["query_id", "score"]])
    twice = frame({"q": {"a": 1}}, ["query_id", "doc_id", "score"])
    with pytest.raises(GroundTruthError, match="'q' has 'a' twice"):
        run_from(__import__("pandas").concat([twice, twice]))
