"""Comparisons and runs as files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bovw.comparison import embedding_run, fused_run
from bovw.embeddings import Embeddings
from bovw.evaluation import GroundTruth, GroundTruthQuery, Run, compare_runs
from bovw.report import (
    comparison_csv,
    comparison_latex,
    comparison_text,
    write_runs,
)


def test_written_runs_give_other_tools_our_scores(tmp_path: Path) -> None:
    """Junk, the query itself, and a copy of it found by content are left out."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    rng = np.random.default_rng(0)
    images = [f"d{i:02d}" for i in range(40)]
    queries = tuple(
        GroundTruthQuery(
            images[i],
            positive=frozenset(rng.choice(images[20:30], 4, replace=False).tolist()),
            junk=frozenset(rng.choice(images[30:], 3, replace=False).tolist()),
        )
        for i in range(5)
    )
    truth = GroundTruth(frozenset(images), queries, in_base="junk", metrics=("ap",))
    names = [query.name for query in queries]
    run = Run.from_scores("r", images, names, rng.random((5, 40)))
    compared = compare_runs(truth, [run], same={names[0]: frozenset({"d19"})})
    write_runs(compared, tmp_path)
    judged: dict[str, dict[str, int]] = {}
    ranked: dict[str, dict[str, float]] = {}
    for line in (tmp_path / "qrels.txt").read_text().split("\n")[:-1]:
        query, _, name, value = line.split()
        judged.setdefault(query, {})[name] = int(value)
    for line in (tmp_path / "r.run").read_text().split("\n")[:-1]:
        query, _, name, _, score, _ = line.split()
        ranked.setdefault(query, {})[name] = float(score)
    theirs = pytrec_eval.RelevanceEvaluator(judged, {"map"}).evaluate(ranked)
    ours = compared.scores["r"].of("ap")
    assert [theirs[name]["map"] for name in names] == pytest.approx(ours.tolist())
    assert judged[names[0]]["d19"] == -1


def test_runs_whose_names_become_one_are_two_files(
    truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    run = embedding_run(net, truth, "a/b")
    write_runs(compare_runs(truth, [run, replace(run, name="a_b")], ["ap"]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_b.run", "a_b_.run", "qrels.txt"]


def test_the_tables(truth: GroundTruth, net: Embeddings) -> None:
    run = embedding_run(net, truth, "net_1")
    other = fused_run([run, replace(run, name="same")], "fused", "min-max")
    compared = compare_runs(truth, [run, other], ["ap", "p@5"])
    text = comparison_text(compared, everything=True)
    assert "10 queries in 6 groups, 30 pictures" in text
    assert "micro average" in text
    assert "d: effect size, in standard deviations" in text
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compared))))
    assert [row["system"] for row in rows] == ["net_1", "fused"]
    assert float(rows[0]["ap"]) == pytest.approx(compared.scores["net_1"].macro("ap"))
    latex = comparison_latex(compared)
    assert r"net\_1 & \textbf{" in latex
    assert latex.count(r"\\") == 3
    content = json.loads(json.dumps(compared.to_dict(n_answers=3), allow_nan=False))
    answers = content["queries"][0]["systems"]["fused"]["answers"]
    assert [a["rank"] for a in answers if a["truth"] != "junk"] == [1, 2, 3]


def test_plain_text_fits_a_screen(truth: GroundTruth, net: Embeddings) -> None:
    """By default the table, the differences of the first metric and the notes; 100 columns."""
    run = embedding_run(net, truth, "network")
    runs = [run, *(replace(run, name=f"network {i}") for i in range(3))]
    metrics = ["ap", "ap_trapezoid", "p@1", "p@5", "p@10", "r_precision", "ndcg@10"]
    compared = compare_runs(truth, runs, metrics, notes=["a note " * 15])
    short, everything = comparison_text(compared), comparison_text(compared, everything=True)
    for text in (short, everything):
        assert max(map(len, text.split("\n"))) <= 100
        assert "note: a note" in text and "10 queries" in text
    assert short.count(" > ") == 6 and everything.count(" > ") == 6 * len(metrics)
    assert "micro average" not in short and "wins a" not in short
    assert len(short.split("\n")) < 30
    long = [replace(run, name=f"{run.name} with a long name") for run in runs]
    text = comparison_text(compare_runs(truth, long, metrics))
    assert max(map(len, text.split("\n"))) <= 100


def test_what_is_not_known_is_bold_nowhere_and_null_in_json() -> None:
    queries = (GroundTruthQuery("q", positive=frozenset("a")), GroundTruthQuery("r"))
    truth = GroundTruth(frozenset("abc"), queries, metrics=("ap", "ndcg@1"))
    nothing = replace(truth, queries=queries[1:])
    runs = [Run.from_names(n, {"q": list("abc"), "r": list("abc")}) for n in ("one", "two")]
    runs[0] = replace(
        runs[0], facts={"milliseconds": float("nan"), "more": {"x": np.float32("inf")}}
    )
    for which in (truth, nothing):
        compared = compare_runs(which, runs)
        content = json.dumps(compared.to_dict(), allow_nan=False)
        assert json.loads(content)["systems"]["one"]["facts"]["milliseconds"] is None
        assert comparison_latex(compared).count("textbf") == (4 if which is truth else 0)


def test_the_best_mean_is_bold(rng: np.random.Generator) -> None:
    """Also where the mean over groups and that over queries are rounded differently."""
    images = [f"d{i:03d}" for i in range(40)]
    for _ in range(30):
        queries = tuple(
            GroundTruthQuery(f"q{i}", positive=frozenset(rng.choice(images, 7, replace=False)),
                             group=str(i % 3)) for i in range(11))  # fmt: skip
        truth = GroundTruth(frozenset(images), queries, metrics=("ap",))
        names = [query.name for query in queries]
        runs = [Run.from_scores(n, images, names, rng.random((11, 40))) for n in ("one", "two")]
        assert comparison_latex(compare_runs(truth, runs)).count("textbf") == 1
