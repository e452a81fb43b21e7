"""Systems that are in memory, and submissions, are compared as files are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.cli import main
from bovw.comparison import System, compare
from bovw.embeddings import Embeddings
from bovw.errors import BovwError, EmbeddingError, SettingsError
from bovw.evaluation import GroundTruth
from bovw.formats import scores_of

from ..support import SAMPLE


def test_whatever_holds_a_system(
    compared: Path, engine: bovw.Engine, truth: GroundTruth, net: Embeddings
) -> None:
    """An engine, vectors of any kind and scores of other tools give what their files give."""
    by_file = compare(
        truth, [f"i={compared}/posters.bovw", f"n={compared}/net.npz,pca=4"], root=SAMPLE
    )
    vectors = dict(zip(net.identifiers, net.vectors.tolist(), strict=True))
    given = {
        "engine": engine,
        "path": compared / "posters.bovw",
        "net": net,
        "mapping": vectors,
        "small": f"{compared}/net.npz,pca=4",
        "run": by_file.runs[1],
        "scores": scores_of(by_file.runs[0]),
    }
    found = compare(truth, given, root=SAMPLE, metrics=["ap"])
    assert [run.name for run in found.runs] == list(given)
    ap = {name: scores.macro("ap") for name, scores in found.scores.items()}
    index, small = (by_file.scores[name].macro("ap") for name in ("i", "n"))
    assert ap["engine"] == ap["path"] == ap["scores"] == index
    assert ap["net"] == ap["mapping"] and ap["small"] == ap["run"] == small


def test_what_is_no_system(truth: GroundTruth) -> None:
    for systems, error, message in (
        ({"": "x"}, SettingsError, "expected a name"),
        ({"net": np.eye(3)}, EmbeddingError, "system 'net': .*without names"),
        ({"net": "no.npz"}, SettingsError, "'net': no.npz does not exist"),
        ({}, SettingsError, "no systems"),
        ({"net": {"a": 1}}, EmbeddingError, "system 'net'"),
    ):
        with pytest.raises(error, match=message):
            compare(truth, systems)  # type: ignore[arg-type]
    with pytest.raises(BovwError):
        System.of("x", object())


def test_submissions_go_out_and_come_back(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first 100 answers are all of this base, so that the scores are the same."""
    base = ["compare", f"{compared}/gnd.json", "--root", f"{SAMPLE}", "--metrics", "ap,p@1"]
    out = tmp_path / "out"
    assert main([*base, f"{compared}/net.npz", "--submissions", f"{out}"]) == 0
    first = capsys.readouterr().out
    assert main([*base, f"{out}/net.csv"]) == 0
    again = capsys.readouterr().out
    row = next(line for line in first.splitlines() if line.startswith("net "))
    assert (
        row.split()[1:4]
        == next(line for line in again.splitlines() if line.startswith("net ")).split()[1:4]
    )
