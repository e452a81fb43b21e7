"""The examples of the documentation run, with the sample pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import bovw
from bovw.embeddings import load_embeddings
from bovw.evaluation import GroundTruth, GroundTruthQuery
from bovw.formats import save_json

from ..support import REPOSITORY, SAMPLE


def run(*arguments: object) -> str:
    """Run an example from the top of the project; return what it prints."""
    command = [sys.executable, *map(str, arguments)]
    package, before = str(Path(bovw.__file__).parents[1]), os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((package, before))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def copied(pictures: list[Path], folder: Path) -> list[Path]:
    """Copy pictures into a folder."""
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(picture, folder)) for picture in pictures]


def test_classes_are_told_apart(tmp_path: Path) -> None:
    for kind in ("covers", "labels", "logos", "posters"):  # two pictures of each object
        copied(sorted((SAMPLE / kind).glob("*_[13].jpg")), tmp_path / kind)
    found = run("docs/examples/classify.py", tmp_path, "--words", 100)
    accuracy = next(line for line in found.splitlines() if "accuracy" in line)
    assert float(accuracy.split()[1]) > 0.85


def test_an_own_extractor_finds_its_objects() -> None:
    found = run("docs/examples/own_extractor.py", SAMPLE / "posters").splitlines()
    assert [line.split()[1][:9] for line in found] == ["poster_01"] * 5


def test_a_new_mark_is_compared_with_a_register(tmp_path: Path) -> None:
    marks = copied(sorted(SAMPLE.glob("logos/*_1.jpg")), tmp_path / "register")
    table = tmp_path / "register.csv"
    rows = [f"{mark.name},Owner {i},{i % 3 + 1} 33" for i, mark in enumerate(marks)]
    table.write_text("\n".join(["mark,owner,classes", *rows]))
    new = tmp_path / "new.png"
    cv2.imwrite(str(new), cv2.imread(str(SAMPLE / "logos" / "logo_03_2.jpg"))[:, ::-1])
    arguments = ["docs/examples/trademark_register.py", tmp_path / "register", table, new]
    first, *others = run(*arguments).splitlines()[1:]
    assert first.split(",")[:4] == ["new.png", "1", "match", "mirror"]
    assert first.split(",")[5:] == ["logo_03_1.jpg", "Owner 2", "3 33"]
    assert not any("logo_03" in row for row in others)
    assert run(*arguments, "--classes", 1, 2).count("logo_03") == 0


def test_products_are_found_on_a_shelf(tmp_path: Path) -> None:
    copied(sorted(SAMPLE.glob("covers/*_1.jpg")), tmp_path / "covers")
    covers = [cv2.imread(str(SAMPLE / "covers" / f"cover_0{i}_3.jpg")) for i in (1, 3, 5)]
    shelf = np.hstack([cv2.resize(cover, (480, 480)) for cover in covers])
    cv2.imwrite(str(tmp_path / "shelf.jpg"), shelf)
    found = run("docs/examples/shelf.py", tmp_path / "covers", tmp_path / "shelf.jpg").splitlines()
    assert found[0] == "shelf.jpg: 3 products"
    lefts = {line.split()[0][:8]: float(line.split()[1]) for line in found[1:]}
    assert sorted(lefts, key=lefts.__getitem__) == ["cover_01", "cover_03", "cover_05"]


def test_a_network_is_set_beside_the_baseline(tmp_path: Path) -> None:
    """By two commands; the network is a mean of colours over a grid."""
    pytest.importorskip("onnxruntime", reason="no onnxruntime")
    onnx = pytest.importorskip("onnx", reason="no onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[16, 16], strides=[16, 16]),
            helper.make_node("Flatten", ["p"], ["y"]),
        ],
        "colours",
        [helper.make_tensor_value_info("x", kind, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("y", kind, ["n", 48])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    truth = GroundTruth(
        frozenset(p.name for p in (SAMPLE / "logos").iterdir()),
        tuple(
            GroundTruthQuery(f"logo_0{i}_1.jpg", box, frozenset({f"logo_0{i}_2.jpg"}))
            for i, box in ((1, None), (2, (20.0, 20.0, 300.0, 300.0)))
        ),
        in_base="junk",
    )
    save_json(truth, tmp_path / "gnd.json")
    out = tmp_path / "net.npz"
    said = run("docs/examples/onnx_embeddings.py", tmp_path / "net.onnx", SAMPLE / "logos", out,
               "--truth", tmp_path / "gnd.json")  # fmt: skip
    assert "30 pictures, 0 failed" in said and "2 queries" in said
    found = load_embeddings(out)
    assert found.vectors.shape == (30, 48) and found.identifiers[0] == "logo_01_1.jpg"
    table = run("-m", "bovw", "compare", tmp_path / "gnd.json", "--root", SAMPLE / "logos",
                f"net={out},queries={tmp_path}/net.queries.npz")  # fmt: skip
    assert "net" in table
