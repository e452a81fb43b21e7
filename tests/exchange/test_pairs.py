"""Pairs of pictures: found, written, and used in a reconstruction."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import bovw
from bovw.cli import main
from bovw.errors import SettingsError, UnknownPictureError
from bovw.exchange import Pair, pairs_text

from ..examples.test_examples_run import run
from .drawn_rooms import draw_room


def pair(query: str, identifier: str, rank: int = 1) -> Pair:
    return Pair(query, identifier, rank, 1.0, 0.5, 12, "match")


def test_a_pair_is_written_once() -> None:
    text, refused = pairs_text([pair("a", "b/c"), pair("b/c", "a"), pair("a", "d")], "colmap")
    assert text == "a b/c\na d\n" and refused == []
    assert pairs_text([], "hloc") == ("", [])


def test_names_with_blanks_are_refused_where_lines_are_split() -> None:
    pairs = [pair("a", "b c"), pair("#d", "a"), pair("a", "e")]
    for name in ("colmap", "hloc"):
        assert pairs_text(pairs, name) == ("a e\n", ["#d", "b c"])
    text, refused = pairs_text(pairs, "csv")
    assert [row["identifier"] for row in csv.DictReader(io.StringIO(text))] == ["b c", "a", "e"]
    assert json.loads(pairs_text(pairs, "json")[0])[0]["identifier"] == "b c" and not refused
    with pytest.raises(SettingsError, match="colmap, hloc, csv, json"):
        pairs_text(pairs, "xml")


def test_each_picture_is_paired_with_its_answers(engine: bovw.Engine) -> None:
    pairs = engine.pairs(2)
    assert len(pairs) == 2 * len(engine)
    assert [p.rank for p in pairs[:4]] == [1, 2, 1, 2]
    assert all(p.query[:9] == p.identifier[:9] and p.query != p.identifier for p in pairs)
    some = engine.pairs(9, of=["poster_02_1.jpg"], least="match")
    assert {p.query for p in some} == {"poster_02_1.jpg"}
    assert {p.identifier[:9] for p in some} == {"poster_02"} and len(some) == 4
    with pytest.raises(UnknownPictureError):
        engine.pairs(2, of=["nonsense"])
    with pytest.raises(SettingsError, match="needs verification"):
        engine.pairs(2, least="match", verify=0)
    with pytest.raises(SettingsError, match="least"):
        engine.pairs(2, least="perhaps")


def test_the_command_writes_pairs(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index, listed = str(compared / "posters.bovw"), tmp_path / "list.txt"
    listed.write_text("poster_01_1.jpg\nposter_03_2.jpg\n")
    assert main(["pairs", index, "-k", "2", "--of", f"@{listed}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0].startswith("poster_01_1.jpg poster_01_")
    out = tmp_path / "pairs.csv"
    arguments = ["pairs", index, "-k", "1", "--of", "poster_04*", "--format", "csv", "-o", str(out)]
    assert main(arguments) == 0
    assert "5 pairs" in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 6
    assert main(["pairs", index, "--json", "-k", "1", "--of", "poster_01_1.jpg"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["decision"] == "match"
    assert main(["pairs", index, "--json", "--format", "hloc"]) == 1


def test_features_and_pairs_by_commands(
    pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From pictures to pairs by way of a database, in which one name has a blank."""
    folder = tmp_path / "p"
    folder.mkdir()
    for picture in pictures[:4]:
        (folder / picture.name).write_bytes(picture.read_bytes())
    (folder / "with blank.jpg").write_bytes(pictures[4].read_bytes())
    (folder / "torn.jpg").write_bytes(pictures[5].read_bytes()[:500])
    database, index = str(tmp_path / "d.db"), str(tmp_path / "i.bovw")
    settings = tmp_path / "few.json"
    settings.write_text('{"features": {"max_features": 200}}')
    few = ["--preset", str(settings), "--jobs", "1"]
    assert main(["features", str(folder), "-o", database, *few]) == 3
    assert "5 pictures" in capsys.readouterr().out
    assert main(["index", database, "-o", index, "--root", str(folder)]) == 0
    said = capsys.readouterr()
    assert "5 added" in said.out and "files that were not read" not in said.err
    assert main(["index", database, "-o", index, "--root", str(folder)]) == 0
    assert "5 unchanged" in capsys.readouterr().out
    assert main(["pairs", index, "-k", "3"]) == 3
    said = capsys.readouterr()
    assert "left out: with blank.jpg" in said.err and "with blank" not in said.out
    assert main(["index", database, str(folder), "-o", index]) == 1
    assert "give it alone" in capsys.readouterr().err
    assert main(["index", database, "-o", index, "--preset", "fast"]) == 1
    assert "has a vocabulary and settings already" in capsys.readouterr().err
    assert main(["index", database, "-o", index, "--overwrite", "--preset", "fast"]) == 0
    assert bovw.Engine.open(index).settings.kernel.method == "asmk"


def test_an_hdf5_file_is_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], compared: Path
) -> None:
    """Whatever verb it is given to, it is answered by one clear line."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    path = str(tmp_path / "features.h5")
    with h5py.File(path, "w") as file:
        for i in range(300):
            file.create_group(f"{i}.jpg")["keypoints"] = [[0.0, 0.0]]
    index = str(compared / "posters.bovw")
    for arguments in (
        ["search", index, path],
        ["train", path, "-o", str(tmp_path / "v"), "--jobs", "1"],
        ["search", path, index],
        ["info", path],
        ["compare", str(compared / "gnd.json"), path],
    ):
        assert main(arguments) != 0
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and len(lines[0]) < 700 and "damaged" not in lines[0]


def test_a_reconstruction_registers_all_pictures(tmp_path: Path) -> None:
    """With a third of the pairs as many as with all of them: two rooms of six pictures each."""
    pytest.importorskip("pycolmap", reason="pycolmap is not installed")
    (tmp_path / "rooms").mkdir()
    for seed, name in enumerate(("a", "b"), 1):
        draw_room(tmp_path / "rooms", name, 6, seed)
    example = "docs/examples/reconstruct.py", tmp_path / "rooms", "-o"
    found = run(*example, tmp_path / "s", "-k", 3)
    every = run(*example, tmp_path / "all", "--exhaustive")
    ours = run(*example, tmp_path / "ours", "-k", 3, "--ours")
    n = int(found.split()[0])
    assert f"{n} of 66 pairs" in found and n < 33
    for text in (found, every, ours):
        assert [line.split()[2] for line in text.splitlines() if line.startswith("scene")] == [
            "6",
            "6",
        ]
