"""Several indexes become one that answers as if it had been built at once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw.cli import main
from bovw.engine import Union, words
from bovw.errors import (
    BovwError,
    ExistsError,
    FormatError,
    IncompatibleError,
    LockedError,
    SettingsError,
)
from bovw.search import Calibration
from bovw.storage import diagnose, union

from ..support import FEW, REPOSITORY, answers, names


@pytest.fixture(scope="module")
def made(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Twelve pictures and one that is none; an index of some, in several segments; the rest."""
    place = tmp_path_factory.mktemp("made")
    (place / "p").mkdir()
    for picture in pictures[:12]:
        shutil.copy(picture, place / "p")
    found = names(place / "p")
    (place / "p" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    engine = bovw.Engine.create(place / "one.bovw", vocabulary, settings=FEW)
    engine.add(found[1:7:2])
    engine.add(found[7::2])
    engine.add([found[0]])
    engine.remove(found[0].name)
    other = bovw.Engine.create(place / "other.bovw", vocabulary, settings=FEW)
    other.add([*found[0::2], place / "p" / "broken.jpg"])
    return place


@pytest.fixture
def folder(made: Path) -> Path:
    return made / "p"


@pytest.fixture
def halves(made: Path, tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one.bovw", tmp_path / "other.bovw"
    shutil.copytree(made / one.name, one)
    shutil.copytree(made / other.name, other)
    return one, other


def test_a_merged_index_answers_as_one_that_was_built_at_once(
    halves: tuple[Path, Path], vocabulary: bovw.Vocabulary, folder: Path, tmp_path: Path
) -> None:
    before = [json.loads((half / "manifest.json").read_text()) for half in halves]
    engine, made = bovw.merge_indexes(halves, tmp_path / "all.bovw")
    whole = bovw.Engine.build(folder, vocabulary=vocabulary, settings=FEW)
    queries = names(folder)[2::6]
    assert answers(engine, queries) == answers(whole, queries)
    assert engine.identifiers == whole.identifiers
    assert [f.identifier for f in engine.failures] == [f.identifier for f in whole.failures]
    assert made == Union((6, 6), (), ())
    assert [json.loads((half / "manifest.json").read_text()) for half in halves] == before
    assert diagnose(tmp_path / "all.bovw").is_sound
    # It lives on by itself: also when the others are gone, and when it is changed.
    for half in halves:
        shutil.rmtree(half)
    _, changes = bovw.update_index(tmp_path / "all.bovw", folder)
    assert len(changes.unchanged) == 12
    engine.compact()
    assert answers(engine, queries) == answers(whole, queries)


def test_files_are_shared_or_copied(
    halves: tuple[Path, Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bovw.merge_indexes(halves, tmp_path / "linked")
    assert (tmp_path / "linked/segments/0001/words.npy").stat().st_nlink == 2

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    bovw.merge_indexes(halves, tmp_path / "copied")
    assert (tmp_path / "copied/segments/0001/words.npy").stat().st_nlink == 1
    engines = [bovw.Engine.open(tmp_path / name, verify="full") for name in ("linked", "copied")]
    queries = names(folder)[1:2]
    assert answers(engines[0], queries) == answers(engines[1], queries)


def test_pictures_of_the_same_name(
    vocabulary: bovw.Vocabulary, folder: Path, tmp_path: Path
) -> None:
    found = names(folder)[1:]
    one, other = tmp_path / "one.bovw", tmp_path / "other.bovw"
    bovw.Engine.create(one, vocabulary, settings=FEW).add(found[:4])
    (tmp_path / "q").mkdir()
    same, clash = tmp_path / "q" / found[0].name, tmp_path / "q" / found[1].name
    same.write_bytes(found[0].read_bytes())
    clash.write_bytes(found[9].read_bytes())
    bovw.Engine.create(other, vocabulary, settings=FEW).add([same, clash])
    both = [one, other]
    with pytest.raises(SettingsError, match=rf"different pictures .* {clash.name}.*--prefix"):
        bovw.merge_indexes(both, tmp_path / "error")
    assert not (tmp_path / "error").exists()
    expected = Union((4, 2), (same.name,), (clash.name,))
    hashes = {}
    for which in ("first", "last"):
        engine, made = bovw.merge_indexes(both, tmp_path / which, clash=which)  # type: ignore[arg-type]
        assert made == expected and len(engine) == 4
        hashes[which] = engine.collection.records[engine.collection.position(clash.name)].path
    assert hashes == {"first": str(found[1]), "last": str(clash)}
    engine, made = bovw.merge_indexes(both, tmp_path / "prefixed", prefix=True)
    assert made == Union((4, 2), (), ())
    assert set(engine.identifiers) == {
        *(f"one/{path.name}" for path in found[:4]),
        *(f"other/{path.name}" for path in (same, clash)),
    }
    best = engine.search(clash, 1)[0]
    assert best.identifier == f"other/{clash.name}"
    assert diagnose(tmp_path / "prefixed").is_sound
    assert diagnose(one).is_sound  # its names stay as they are
    assert bovw.Engine.open(one, verify="full").identifiers == tuple(p.name for p in found[:4])


def test_what_does_not_fit_is_refused(
    halves: tuple[Path, Path], folder: Path, tmp_path: Path, vocabulary: bovw.Vocabulary
) -> None:
    one, other = halves
    target = tmp_path / "new"
    few = [names(folder)[1]]

    def refused(kind: type[BovwError], what: str, *sources: Path, to: Path = target) -> None:
        with pytest.raises(kind, match=what):
            bovw.merge_indexes(sources, to)
        assert to in halves or not to.exists()

    words = bovw.train_vocabulary(few, settings=FEW.changed(vocabulary={"n_words": 40}))
    bovw.Engine.create(tmp_path / "words", words, settings=FEW).add(few)
    refused(IncompatibleError, "different vocabularies", one, tmp_path / "words")
    less = FEW.changed(features={"max_features": 50})
    bovw.Engine.create(tmp_path / "less", vocabulary, settings=less).add(few)
    refused(IncompatibleError, "max_features=50", one, tmp_path / "less")
    refused(SettingsError, "at least two", one)
    refused(SettingsError, "same index twice", one, one)
    refused(ExistsError, "choose another output", one, other, to=one)
    refused(FormatError, "no such folder", one, tmp_path / "nothing")
    bovw.save_vocabulary(vocabulary, tmp_path / "v")
    refused(FormatError, "is a vocabulary, but an index is needed", one, tmp_path / "v")
    np.savez(tmp_path / "e.npz", names=["a"], vectors=np.eye(1))
    refused(FormatError, "not a folder", one, tmp_path / "e.npz")
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"version": 99}))
    refused(FormatError, "version 99", one, other)


def test_only_search_settings_may_differ(
    halves: tuple[Path, Path], vocabulary: bovw.Vocabulary, folder: Path, tmp_path: Path
) -> None:
    third = tmp_path / "third"
    settings = FEW.changed(geometry={"verify": 7})
    engine = bovw.Engine.create(third, vocabulary, settings=settings)
    with pytest.warns(UserWarning, match=r"searches with other settings \(geometry.verify=7\)"):
        made, _ = bovw.merge_indexes([*halves, third], tmp_path / "new")
    assert made.settings.geometry.verify == FEW.geometry.verify
    engine.keep(Calibration(9.5, 0.0, 0.1, 1, "q", 0))
    with pytest.warns(UserWarning, match="was measured on that index alone"):
        made, _ = bovw.merge_indexes([third, _like(third, tmp_path)], tmp_path / "m")
    assert made.index.calibration is None
    assert made.settings.geometry.match_evidence == FEW.geometry.match_evidence


def _like(index: Path, tmp_path: Path) -> Path:
    """A copy of an index, elsewhere."""
    shutil.copytree(index, tmp_path / "copy")
    return tmp_path / "copy"


def test_unfinished_work_is_not_passed_over(
    halves: tuple[Path, Path],
    vocabulary: bovw.Vocabulary,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = bovw.Engine.create(tmp_path / "third", vocabulary, settings=FEW)
    monkeypatch.setattr(words, "PICTURES_AT_ONCE", 2)

    def crash(*_: Any, **__: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(bovw.storage.IndexWriter, "commit", crash)
        with pytest.raises(MemoryError):
            engine.add(folder)
    sources = [*halves, tmp_path / "third"]
    with pytest.raises(LockedError, match="13 pictures in its journal"):
        bovw.merge_indexes(sources, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    engine.add(folder)
    merged, made = bovw.merge_indexes(sources, tmp_path / "new")
    assert len(merged) == len(made.same) == 12


def test_it_appears_complete_or_not_at_all(
    halves: tuple[Path, Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "new"
    bovw.merge_indexes(halves, target)
    before = (target / "manifest.json").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(union, "write_views", full)
        with pytest.raises(BovwError, match="No space left"):
            bovw.merge_indexes(halves, target, overwrite=True)
    assert (target / "manifest.json").read_bytes() == before
    with pytest.raises(ExistsError, match="exists already"):
        bovw.merge_indexes(halves, target)

    def changing(*arguments: Any) -> None:  # somebody else removes a picture meanwhile
        monkeypatch.undo()
        bovw.Engine.open(halves[1]).remove(names(folder)[1].name)

    monkeypatch.setattr(union, "write_views", changing)
    with pytest.raises(LockedError, match="changed meanwhile"):
        bovw.merge_indexes(halves, target, overwrite=True)
    assert (target / "manifest.json").read_bytes() == before
    engine, made = bovw.merge_indexes(halves, target, overwrite=True)
    assert len(engine) == 11 and made.n_pictures == (6, 5)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


@pytest.mark.filterwarnings("ignore:.* was made with OpenCV")
def test_indexes_of_version_2_are_merged(tmp_path: Path) -> None:
    golden = REPOSITORY / "tests/golden/v1/posters.bovw"
    one, other = (tmp_path / name for name in ("a", "b"))
    for place in (one, other):
        shutil.copytree(golden, place)
    engine = bovw.Engine.open(one)
    engine.remove(engine.identifiers[0])
    left = len(engine)
    merged, made = bovw.merge_indexes([one, other], tmp_path / "c")
    assert len(merged) == left + 1 and len(made.same) == left
    assert diagnose(tmp_path / "c").is_sound


def test_the_command_says_what_it_did(
    halves: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = map(str, halves)
    target = str(tmp_path / "new")
    assert main(["merge", one, other, "-o", target]) == 0
    assert capsys.readouterr().out == f"{target}: 12 pictures (6 + 6), 1800 features\n"
    assert main(["merge", one, other, "-o", target, "--overwrite", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["n_pictures"] == 12 and content["same"] == content["clashing"] == []
    assert [each["n_pictures"] for each in content["merged"]] == [6, 6]
    assert main(["merge", one, other, "-o", target]) == 1
    assert "exists already" in capsys.readouterr().err
