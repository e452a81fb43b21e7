"""Qrels and runs in TREC's format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bovw.errors import GroundTruthError, StorageError
from bovw.evaluation import GroundTruth, GroundTruthQuery
from bovw.formats import (
    load_ground_truth,
    load_qrels,
    read_run,
    save_qrels,
    write_run,
)

from .ground_truth_files import written


def test_qrels(tmp_path: Path) -> None:
    path = written(tmp_path / "truth.qrels", "q 0 a 1\nq 0 b%20c 3\nq 0 d 0\nq 0 e -1\n\nr 0 a 1\n")
    truth = load_ground_truth(path)
    assert truth.images == {"a", "b c", "d", "e"}
    query = truth.queries[0]
    assert (query.positive, query.junk) == ({"a", "b c"}, {"e"})
    assert (query.gain("a"), query.gain("b c")) == (1, 3)
    save_qrels(truth, tmp_path / "again.txt")
    again = load_ground_truth(tmp_path / "again.txt")
    assert (again.images, again.queries) == (truth.images, truth.queries)


def test_saved_qrels_keep_the_protocol(tmp_path: Path) -> None:
    path = tmp_path / "truth.qrels"
    queries = (
        GroundTruthQuery("a b.jpg", positive=frozenset({"ü%.jpg"})),
        GroundTruthQuery("nothing"),
        GroundTruthQuery("\udcff", positive=frozenset({"a b.jpg"})),
    )
    images = frozenset({"a b.jpg", "ü%.jpg", "\udcff", "wrong"})
    save_qrels(GroundTruth(images, queries, in_base="junk"), path)
    assert path.read_text().isascii()
    truth = load_qrels(path)
    assert truth.images == images
    assert [(q.image, q.positive, q.junk) for q in truth.queries] == [
        ("a b.jpg", {"ü%.jpg"}, {"a b.jpg"}),
        ("\udcff", {"a b.jpg"}, {"\udcff"}),
    ]
    save_qrels(GroundTruth(images, queries, in_base="remove"), path)
    assert load_qrels(path).queries[0].junk == {"a b.jpg", "\udcff"}
    graded = GroundTruthQuery("q", positive=frozenset({"wrong"}), gains={"wrong": 0.5})
    with pytest.raises(GroundTruthError, match=r"'q': 'wrong' gains 0.5"):
        save_qrels(GroundTruth(images, (graded,)), path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 a\n", "line 1: 3 columns, expected 4"),
        ("q 0 a 1\nq 0 b high\n", "line 2: relevance is 'high'"),
        ("q 0 a 1\nq 0 a 0\n", "line 2: query 'q' judges 'a' twice, differently"),
        ("", "has no queries"),
    ],
)
def test_qrels_malformed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        load_qrels(written(tmp_path / "truth.qrels", text))


def test_run_by_hand(tmp_path: Path) -> None:
    text = "q Q0 b 1 0.5 me\nq Q0 c 9 2 me\nq Q0 a 3 0.5 me\n"
    assert read_run(written(tmp_path / "run", text)) == (
        {"q": (["c", "a", "b"], [2, 0.5, 0.5])},
        "me",
    )


def test_written_run_has_no_ties(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "run.txt"
    many = np.sort(rng.random(500).round(2))[::-1]
    close = 1 - np.arange(300) * 1e-9  # equal as 32 bit floats
    names = [f"{rng.integers(1 << 30)} %.jpg" for _ in range(500)]
    rankings = {
        "many": (names, many),
        "close": (names[:300], close),
        "zero": (names[:3], [0.0, 0.0, -np.inf]),
        "large": (names[:2], [np.inf, 1e30]),
        "none": (names[:3], None),
        "left out": (names[:2], [-np.inf, -np.inf]),
    }
    write_run(path, "my system", rankings)
    read, tag = read_run(path)
    assert tag == "my system"
    for query, (given, scores) in rankings.items():
        found, numbers = read[query]
        assert found == given
        for precision in (np.float32, np.float64):
            values = np.array(numbers, precision)
            assert np.isfinite(values).all()
            assert (values[1:] < values[:-1]).all()
        if query in ("many", "close"):
            np.testing.assert_allclose(numbers, scores, atol=1e-4)
    assert read["none"][1] == [3, 2, 1]
    assert os.listdir(tmp_path) == ["run.txt"]


def test_run_malformed(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    for scores, message in (
        ([1, 2], "scores increase"),
        ([np.nan, 1], "NaN"),
        ([1], "1 scores for 2"),
    ):
        with pytest.raises(GroundTruthError, match=rf"run 't', query 'q': .*{message}"):
            write_run(path, "t", {"q": (["a", "b"], scores)})
    with pytest.raises(GroundTruthError, match="without a name"):
        write_run(path, "", {"q": (["a"], None)})
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*; what was there is untouched"):
        write_run(tmp_path / "file" / "run.txt", "t", {"q": (["a"], None)})
    assert not path.exists()
    line = "q Q0 a 1 2 t\n"
    for text, message in {
        "": "is empty",
        "q Q0 a 1 x t": "line 1: the score is 'x'",
        line + line: "line 2: query 'q' ranks 'a' twice",
        line + "q Q0 b 1 2 u": "line 2: the run is called 't' above, 'u' here",
    }.items():
        with pytest.raises(GroundTruthError, match=message):
            read_run(written(path, text))
