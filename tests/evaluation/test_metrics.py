"""Metrics by hand, against scikit-learn, and against published average precisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from bovw.errors import GroundTruthError, SettingsError
from bovw.evaluation import (
    GroundTruth,
    GroundTruthQuery,
    Run,
    Scores,
    evaluate,
    metric,
    metrics,
    notes_on,
    queries_in_base,
    score_run,
    taken_out,
)
from bovw.evaluation.metrics import (
    average_precision,
    average_precision_trapezoid,
    n_s_score,
    precision_at,
)
from bovw.formats import load_ground_truth


def test_by_hand() -> None:
    relevant = np.array([1, 0, 1, 0, 0], bool)
    assert average_precision(relevant, 3) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision_trapezoid(relevant, 3) == pytest.approx(
        ((1 + 1) / 2 + (1 / 2 + 2 / 3) / 2) / 3
    )
    assert precision_at(relevant, 3, 1) == 1
    assert precision_at(relevant, 3, 10) == 0.2
    assert n_s_score(relevant, 3) == 3
    assert np.isnan(average_precision(relevant, 0))


def test_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    for _ in range(20):
        relevant = rng.random(50) < 0.2
        if relevant.any():
            expected = average_precision_score(relevant, -np.arange(50))
            assert average_precision(relevant, int(relevant.sum())) == pytest.approx(expected)


def test_agrees_with_published_lists_of_oxford(data: Path) -> None:
    lists = sorted((data / "reference" / "ranked_lists").iterdir())
    truth = data / "reference" / "oxford5k_gt"
    compared = 0
    for system in (path for path in lists if path.is_dir()):
        for line in (system / "AP.txt").read_text().split("\n"):
            if "/" not in line:
                continue
            name, value = line.split()[:2]
            name = name.rsplit("/", 1)[1]
            names = {
                kind: set((truth / f"{name}_{kind}.txt").read_text().split())
                for kind in ("good", "ok", "junk")
            }
            ranked = next(p for p in system.iterdir() if p.stem.startswith(name)).read_text()
            kept = [item for item in ranked.split() if item not in names["junk"]]
            positive = names["good"] | names["ok"]
            relevant = np.array([item in positive for item in kept], bool)
            ap = average_precision_trapezoid(relevant, len(positive))
            assert ap == pytest.approx(float(value), abs=1e-6)
            compared += 1
    assert compared == 110


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abcdq":
        (tmp_path / f"{name}.jpg").touch()
    content = {
        "images": ["a.jpg", "b.jpg", "c.jpg"],
        "queries": [{"image": "q.jpg", "bbox": None, "positive": ["c.jpg"], "junk": ["a.jpg"]}],
    }
    (tmp_path / "gnd.json").write_text(json.dumps(content))
    return tmp_path


def test_protocol(folder: Path) -> None:
    """Junk and strangers from the folder are taken out; others count, and the rest is ranked."""
    paths = {f"{n}.jpg": str(folder / f"{n}.jpg") for n in "abcd"}
    paths["noise.jpg"] = "/elsewhere/noise.jpg"
    truth = load_ground_truth(folder / "gnd.json")
    result = evaluate(lambda _: [["d.jpg", "a.jpg", "noise.jpg"]], paths, truth, folder)
    # left: noise (wrong), then b, c in order of identifier
    assert result.macro("ap") == pytest.approx(1 / 3)
    assert result.n_ranked == 4
    assert "n_s" not in result.metrics


def test_an_index_made_elsewhere_is_matched_by_identifier(folder: Path) -> None:
    paths = {f"{n}.jpg": f"/elsewhere/{n}.jpg" for n in "abc"}
    truth = load_ground_truth(folder / "gnd.json")
    assert evaluate(lambda _: [["c.jpg"]], paths, truth, folder).macro("ap") == 1


def test_missing_pictures_are_named(folder: Path) -> None:
    truth = load_ground_truth(folder / "gnd.json")
    paths = {"a.jpg": str(folder / "a.jpg")}
    with pytest.raises(GroundTruthError, match=r"2 of 3 pictures .* b\.jpg, c\.jpg"):
        evaluate(lambda _: [[]], paths, truth, folder)


ONE = GroundTruth(
    frozenset("abcdq"),
    (
        GroundTruthQuery("q", positive=frozenset("ac"), junk=frozenset("b"), group="one"),
        GroundTruthQuery("a", positive=frozenset("c"), gains={"c": 0.5}, group="two"),
        GroundTruthQuery("d", group="two"),
    ),
)
RANKED = {"q": list("qbadc"), "a": list("acbdq"), "d": list("abcdq")}


def test_averages_by_hand() -> None:
    """Junk is taken out; a query without a positive is counted and left out of every mean."""
    run = Run.from_names("r", RANKED)
    scores = score_run(run, ONE, ["ap", "p@2", "recall@2", "r_precision", "ndcg@1"])
    # q: [q] a d c without b: wrong, right, wrong, right; a: a, then c
    assert scores.of("ap")[:2].tolist() == pytest.approx([(1 / 2 + 2 / 4) / 2, 1 / 2])
    assert np.isnan(scores.of("ap")[2])
    assert scores.n_without_positives == 1
    assert scores.macro("p@2") == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert scores.macro("recall@2") == pytest.approx((1 / 2 + 1) / 2)
    assert scores.micro("recall@2") == pytest.approx(2 / 3)
    assert scores.micro("r_precision") == pytest.approx(1 / 3)
    assert np.isnan(scores.micro("ap"))
    assert scores.by_group("ap") == pytest.approx({"one": 0.5, "two": 0.5})
    assert scores.to_dict()["micro"]["p@2"] == pytest.approx(2 / 4)


@pytest.mark.parametrize(("in_base", "expected"), [("keep", 0.5), ("junk", 1.0), ("remove", 1.0)])
def test_what_becomes_of_a_query_in_the_base(in_base: str, expected: float) -> None:
    truth = GroundTruth(ONE.images, ONE.queries[1:2], in_base=in_base)  # type: ignore[arg-type]
    assert score_run(Run.from_names("r", RANKED), truth, ["ap"]).macro("ap") == expected


def test_what_is_taken_out_is_in_the_base_and_shared() -> None:
    queries = tuple(GroundTruthQuery(f"q{i}", positive=frozenset("b")) for i in range(3))
    asked = (*queries, GroundTruthQuery("a", junk=frozenset("c")))
    truth = GroundTruth(frozenset("abc"), asked, in_base="remove")
    out = taken_out(truth)
    assert out["q0"] == {"a"} and out["q0"] is out["q1"] is out["q2"]
    assert out["a"] == {"a", "c"}
    assert taken_out(truth, {"q1": frozenset("x")}, "abcx")["q0"] == {"a", "x"}
    # A run that ranks a query which the base does not hold is not punished for it.
    run = Run.from_names("r", {query.name: ["q0", "b", "a", "c"] for query in asked})
    assert score_run(run, truth, ["ap"]).macro("ap") == 1


def test_queries_in_the_base_that_their_junk_names_are_counted() -> None:
    queries = (
        GroundTruthQuery("a", positive=frozenset("b"), junk=frozenset("a")),
        GroundTruthQuery("b", positive=frozenset("a")),
        GroundTruthQuery("q", positive=frozenset("c")),
    )
    truth = GroundTruth(frozenset("abc"), queries, metrics=("ap",))
    scores = score_run(Run.from_names("r", {q.name: list("abc") for q in queries}), truth)
    noted = notes_on(truth, scores)[-1]
    assert noted == "2 queries are in the base: kept, but for 1 that their junk names"
    noted = notes_on(truth, scores, {"q": frozenset("a"), "a": frozenset("ab")})[-1]
    assert noted == "3 queries are in the base: kept"


def test_queries_are_found_in_the_base_by_name_and_by_content() -> None:
    base = {"a": "1", "b": "2", "c": "2", "d": ""}
    found = queries_in_base(ONE, base, {"q": "2", "d": ""})
    assert found == {"q": {"b", "c"}, "a": {"a"}, "d": {"d"}}
    truth = GroundTruth(ONE.images, ONE.queries[:1], in_base="junk")
    run = Run.from_names("r", RANKED)
    assert score_run(run, truth, ["ap"], same={"q": frozenset("d")}).macro("ap") == 1


def test_what_is_not_ranked_stands_last_in_order_of_name() -> None:
    run = Run.from_names("r", {"q": ["c"]}, items="dcba")
    assert run.ranked_names("q") == ["c", "a", "b", "d"]
    assert Run.from_scores("r", "ba", ["q"], np.zeros((1, 2))).ranked_names("q") == ["a", "b"]
    assert run.restricted({"a", "c"}).ranked_names("q") == ["c", "a"]
    with pytest.raises(GroundTruthError, match="twice"):
        Run.from_names("r", {"q": ["c", "c"]})
    with pytest.raises(GroundTruthError, match="no ranking for 2 of 3 queries: a, d"):
        score_run(Run.from_names("r", {"q": list("abcdq")}), ONE)


def test_queries_that_share_an_answer_are_one_group() -> None:
    queries = [
        GroundTruthQuery(q, positive=frozenset(p))
        for q, p in (("1", "a"), ("2", "b"), ("3", "c"), ("4", "ac"))
    ]
    queries.append(GroundTruthQuery("5", positive=frozenset("b"), group="named"))
    truth = GroundTruth(frozenset("abc"), tuple(queries))
    assert truth.groups == ("1", "2", "1", "1", "named")


def test_edges_by_hand() -> None:
    relevant = np.array([0, 1, 0, 1], bool)
    assert metrics.reciprocal_rank(relevant, 2) == 0.5
    assert metrics.reciprocal_rank(relevant[:1], 2) == 0
    assert metrics.reciprocal_rank(relevant[:0], 2) == 0
    assert metrics.average_precision_at(relevant, 5, 3) == pytest.approx(0.5 / 3)
    assert metrics.average_precision_at(relevant, 1, 3) == pytest.approx(0.5)
    # precision 1/2 at recall 1/2 and 1
    assert metrics.average_precision_interpolated(relevant, 2) == pytest.approx(0.5)
    assert metrics.average_precision_interpolated(relevant, 4) == pytest.approx(0.5 * 6 / 11)
    assert metrics.cumulative_matches(relevant, 2, 3).tolist() == [0, 1, 1]
    assert metrics.cumulative_matches(relevant, 2, 1).tolist() == [0]
    assert metrics.cumulative_matches(np.array([0, 0]), 1, 5).tolist() == [0] * 5
    assert metrics.hit_at(relevant, 2, 1) == 0
    assert metrics.recall_at(relevant, 4, 10) == 0.5
    gains = np.array([1.0, 0, 3])
    assert metrics.ndcg_at(gains, np.array([3.0, 1]), 3) == pytest.approx(
        (1 + 3 / 2) / (3 + 1 / np.log2(3))
    )
    assert metrics.ndcg_at(gains, np.array([3.0, 1]), 3, "exponential") == pytest.approx(
        (1 + 7 / 2) / (7 + 1 / np.log2(3))
    )
    huge = np.array([1.0, 5000, 4999])
    assert metrics.ndcg_at(huge, huge, None, "exponential") == pytest.approx(
        (1 / np.log2(3) + 0.5 / 2) / (1 + 0.5 / np.log2(3))
    )
    for name in ("ap", "ap_trapezoid", "ap_interpolated", "ap@5", "p@5", "r_precision", "recall@5",
                 "hit@5", "rr", "ndcg@5", "ndcg_exp", "n_s"):  # fmt: skip
        none = metrics.Judged(np.zeros(3, np.float32), np.zeros(0, np.float32))
        assert np.isnan(metric(name).value(none)), name
    for name in ("rr@5", "p", "p@0", "map", "ndcg@"):
        with pytest.raises(SettingsError, match="expected one of ap, "):
            metric(name)


def _random(rng: np.random.Generator) -> tuple[GroundTruth, dict[str, dict[str, float]]]:
    """A graded ground truth and distinct scores of all pictures."""
    images = [f"d{i:02d}" for i in range(60)]
    queries, scores = [], {}
    for q in range(8):
        right = rng.choice(images, rng.integers(1, 15), replace=False).tolist()
        gains = {name: float(rng.integers(1, 4)) for name in right}
        queries.append(GroundTruthQuery(f"q{q}", positive=frozenset(right), gains=gains))
        scores[f"q{q}"] = dict(zip(images, rng.permutation(60) / 60.0, strict=True))
    return GroundTruth(frozenset(images), tuple(queries)), scores


OURS = ("ap", "p@5", "r_precision", "recall@5", "rr", "ndcg@10", "hit@5", "ap_interpolated")


def _ours(truth: GroundTruth, scores: dict[str, dict[str, float]]) -> Scores:
    images = sorted(truth.images)
    table = np.array([[scores[q.name][i] for i in images] for q in truth.queries])
    return score_run(
        Run.from_scores("r", images, [q.name for q in truth.queries], table), truth, OURS
    )


def test_agrees_with_pytrec_eval(rng: np.random.Generator) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    truth, scores = _random(rng)
    qrels = {q.name: {n: int(q.gain(n)) for n in q.positive} for q in truth.queries}
    theirs_by_name = ("map", "P_5", "Rprec", "recall_5", "recip_rank", "ndcg_cut_10", "success_5",
                      "11pt_avg")  # fmt: skip
    measures = {"map", "P.5", "Rprec", "recall.5", "recip_rank", "ndcg_cut.10", "success.5",
                "11pt_avg"}  # fmt: skip
    theirs = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(scores)
    ours = _ours(truth, scores)
    for name, other in zip(OURS, theirs_by_name, strict=True):
        expected = [theirs[q.name][other] for q in truth.queries]
        assert ours.of(name).tolist() == pytest.approx(expected, abs=1e-6), name


def test_agrees_with_ir_measures(rng: np.random.Generator) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    truth, scores = _random(rng)
    qrels = {q.name: {n: int(q.gain(n)) for n in q.positive} for q in truth.queries}
    ours = _ours(truth, scores)
    measures = {"ap": "AP", "p@5": "P@5", "rr": "RR", "ndcg@10": "nDCG@10", "recall@5": "R@5"}
    for name, other in measures.items():
        measure = ir_measures.parse_measure(other)
        expected = ir_measures.calc_aggregate([measure], qrels, scores)[measure]
        assert ours.macro(name) == pytest.approx(expected, abs=1e-6), name


@pytest.mark.filterwarnings("ignore")  # of numba
def test_agrees_with_ranx(ranx: Any, rng: np.random.Generator) -> None:
    truth, scores = _random(rng)
    qrels = ranx.Qrels({q.name: {n: int(q.gain(n)) for n in q.positive} for q in truth.queries})
    names = {"ap": "map", "p@5": "precision@5", "rr": "mrr", "ndcg@10": "ndcg@10",
             "ndcg_exp@10": "ndcg_burges@10", "recall@5": "recall@5", "hit@5": "hit_rate@5",
             "r_precision": "r-precision"}  # fmt: skip
    theirs = ranx.evaluate(qrels, ranx.Run(scores), list(names.values()))
    images = sorted(truth.images)
    table = np.array([[scores[q.name][i] for i in images] for q in truth.queries])
    run = Run.from_scores("r", images, [q.name for q in truth.queries], table)
    ours = score_run(run, truth, list(names))
    for name, other in names.items():
        assert ours.macro(name) == pytest.approx(theirs[other], abs=1e-6), name


def test_ndcg_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    gains = rng.integers(0, 4, 30).astype(float)
    expected = ndcg_score([gains], [-np.arange(30.0)], k=10)
    assert metrics.ndcg_at(gains, gains[gains > 0], 10) == pytest.approx(expected)
