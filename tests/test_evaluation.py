"""Metrics by hand, against scikit-learn, and against published average precisions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from bovw.errors import GroundTruthError
from bovw.evaluation import evaluate, load_ground_truth
from bovw.evaluation.metrics import (
    average_precision,
    average_precision_trapezoid,
    n_s_score,
    precision_at,
)


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
            assert ap == pytest.approx(float(value), abs=1e-5)
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
    assert result.map == pytest.approx(1 / 3)
    assert result.n_ranked == 5
    assert result.n_s is None


def test_an_index_made_elsewhere_is_matched_by_identifier(folder: Path) -> None:
    paths = {f"{n}.jpg": f"/elsewhere/{n}.jpg" for n in "abc"}
    truth = load_ground_truth(folder / "gnd.json")
    assert evaluate(lambda _: [["c.jpg"]], paths, truth, folder).map == 1


def test_missing_pictures_are_named(folder: Path) -> None:
    truth = load_ground_truth(folder / "gnd.json")
    paths = {"a.jpg": str(folder / "a.jpg")}
    with pytest.raises(GroundTruthError, match=r"2 of 3 pictures .* b\.jpg, c\.jpg"):
        evaluate(lambda _: [[]], paths, truth, folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected an object"),
        ("{", "not JSON"),
        ('{"images": ["a"], "queries": []}', "no queries"),
        ('{"images": ["a"], "queries": [{"image": "q", "positive": ["b"]}]}', "'b'"),
        ('{"images": ["a"], "queries": [{"image": "q", "positive": 3}]}', "list of names"),
        ('{"images": ["a"], "queries": [{"image": "q", "positive": [], "bbox": [1]}]}', "four"),
    ],
)
def test_malformed_ground_truths(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "gnd.json"
    path.write_text(content)
    with pytest.raises(GroundTruthError, match=message):
        load_ground_truth(path)
