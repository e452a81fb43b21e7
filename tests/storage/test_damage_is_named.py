"""What is damaged is found, named, and dropped when that saves the rest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.cli import main
from bovw.errors import FormatError, LockedError
from bovw.storage import diagnose, locked
from bovw.storage.manifest import digest

from ..support import SMALL

FEW = SMALL.changed(features={"max_features": 60}, candidates={"method": "lsa-hnsw"})


@pytest.fixture(scope="module")
def stored(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two segments, one picture removed, and a graph."""
    path = tmp_path_factory.mktemp("doctor") / "index"
    bovw.Engine.build(pictures[:5], vocabulary=vocabulary, settings=FEW).save(path)
    engine = bovw.Engine.open(path)
    engine.add(pictures[5:8])
    engine.remove(pictures[0].name)
    return path


@pytest.fixture
def index(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "index"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_sound_index(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose(index).is_sound and not diagnose(index).problems
    assert diagnose(index / "vocabulary").is_sound
    assert main(["doctor", str(index)]) == 0
    assert capsys.readouterr().out.strip().endswith("sound")


@pytest.mark.parametrize("name", ["words", "signatures", "keypoints", "offsets"])
def test_a_damaged_segment_is_dropped(index: Path, name: str, pictures: list[Path]) -> None:
    flip(index / f"segments/0002/{name}.npy")
    found = diagnose(index)
    assert not found.is_sound and found.can_be_repaired
    assert f"{name}.npy has changed" in found.problems[0]
    assert list(found.lost) == [p.name for p in pictures[5:8]]
    assert diagnose(index, repair=True).is_sound
    assert diagnose(index).problems == ()
    engine = bovw.Engine.open(index, verify="full")
    assert [r.identifier for r in engine.collection.records] == [p.name for p in pictures[1:5]]
    engine.add(pictures[:8])
    assert len(engine) == 8
    assert engine.search(pictures[6])[0].identifier == pictures[6].name


def test_a_damaged_graph_costs_nothing(index: Path, pictures: list[Path]) -> None:
    for path in index.glob("candidates/*/*.nmslib"):
        flip(path)
    assert diagnose(index).can_be_repaired and diagnose(index).lost == ()
    assert diagnose(index, repair=True).repaired
    assert diagnose(index).problems == ()
    engine = bovw.Engine.open(index, verify="full")
    assert engine.search(pictures[6])[0].identifier == pictures[6].name


def test_what_cannot_be_repaired(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(index / "vocabulary/centers.npy")
    found = diagnose(index, repair=True)
    assert not found.is_sound and not found.can_be_repaired and not found.repaired
    assert main(["doctor", str(index), "--repair"]) == 1
    assert "centers.npy has changed" in capsys.readouterr().out
    flip(index / "manifest.json")
    assert "manifest.json" in diagnose(index).problems[0]
    with pytest.raises(FormatError, match="no manifest"):
        diagnose(index.parent)


@pytest.mark.parametrize("change", [{"settings": []}, {"generation": "x"}, {"versions": 3}])
def test_an_odd_manifest_is_not_called_repaired(index: Path, change: dict[str, Any]) -> None:
    flip(index / "segments/0002/words.npy")
    manifest = {**json.loads((index / "manifest.json").read_text()), **change}
    (index / "manifest.json").write_text(json.dumps({**manifest, "digest": digest(manifest)}))
    found = diagnose(index, repair=True)
    assert not found.is_sound and not found.can_be_repaired
    assert "the manifest is not as expected" in found.problems[0]


def test_leftovers_are_noted_and_removed(index: Path) -> None:
    (index / "segments/0009").mkdir()
    (index / "journal").write_bytes(b"bvwj half")
    (index / "segments/0001/.DS_Store").touch()
    notes = " ".join(diagnose(index).notes)
    assert "1 files in" in notes and "segments/0001/.DS_Store" in notes
    assert "segments/0009 is left" in notes and "0 pictures" in notes
    with locked(index):
        assert diagnose(index).notes == (
            f"another process is changing {index}, and has not finished",
        )
        with pytest.raises(LockedError):
            diagnose(index, repair=True)
    assert diagnose(index, repair=True).is_sound
    assert not (index / "segments/0009").exists()


def test_a_compressed_index(index: Path, tmp_path: Path) -> None:
    from bovw.index import LsaIndex
    from bovw.storage import save_lsa_index

    save_lsa_index(LsaIndex.of(bovw.Engine.open(index).index, 4), tmp_path / "c")
    assert diagnose(tmp_path / "c").is_sound
    flip(tmp_path / "c" / "codes.npy")
    assert "codes.npy" in diagnose(tmp_path / "c").problems[0]
