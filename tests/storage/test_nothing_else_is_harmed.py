"""Writing touches what it should: no folders of others, no targets of links, no pipes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw.errors import (
    ExistsError,
    FormatError,
    StorageError,
)
from bovw.storage import (
    check_target,
    diagnose,
    locked,
    new_folder,
)
from bovw.storage.contents import vocabulary_folder
from bovw.storage.folders import exchange

from ..support import names


@pytest.mark.parametrize("at_once", [True, False])
def test_overwriting_leaves_nothing_beside(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """Also where the system cannot let two folders change places."""
    assert empty.folder is not None
    beside = sorted(empty.folder.parent.iterdir())
    if not at_once:
        monkeypatch.setattr("bovw.storage.folders.exchange", lambda *_: False)
    empty.add(names(folder)[:2])
    old = bovw.Engine.open(empty.folder)
    empty.remove(names(folder)[0].name)
    old.save(empty.folder, overwrite=True)
    assert len(bovw.Engine.open(empty.folder, verify="full")) == 2
    assert old.search(names(folder)[1])[0].identifier == names(folder)[1].name
    assert sorted(empty.folder.parent.iterdir()) == beside


@pytest.mark.skipif(sys.platform != "linux", reason="others may not be able to")
def test_two_folders_change_places_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists() and (tmp_path / "b" / "a").exists()


def test_what_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ExistsError), new_folder(tmp_path / "i") as aside:
        (aside / "x").touch()
        (tmp_path / "i").mkdir()
        (tmp_path / "i" / "mine").write_text("precious")
    assert [p.name for p in tmp_path.iterdir()] == ["i"]
    (tmp_path / "i" / "manifest.json").write_text('{"manifest_version": 3}')
    with pytest.raises(ExistsError, match="neither a vocabulary nor an index"):
        check_target(tmp_path / "i", overwrite=True)


def test_what_links_lead_to_is_not_touched(empty: bovw.Engine, folder: Path) -> None:
    assert empty.folder is not None
    place, outside = empty.folder, folder.parent / "precious"
    outside.write_text("precious")
    for name in (".journal.new", "reading", "journal"):
        (place / name).symlink_to(outside)
    assert len(empty.add(names(folder)[:2]).added) == 2
    victim = folder.parent / "victim"
    shutil.copytree(place / "segments/0001", victim)
    (place / "segments/0007").symlink_to(victim)
    empty.add(names(folder)[2:3])
    n_files = len(names(place / "segments/0001"))
    assert outside.read_text() == "precious" and len(names(victim)) == n_files
    assert not os.path.lexists(place / "segments/0007")
    for name in ("candidates", "segments", "views"):
        if (place / name).exists():
            (place / name).rename(folder.parent / name)
        (place / name).symlink_to(victim)
        for use in (bovw.Engine.open, lambda path: diagnose(path, repair=True)):
            with pytest.raises(FormatError, match=f"{name} is a link"):
                found = use(place)
                raise FormatError(" ".join(found.problems))
        (place / name).unlink()
    (place / "writer.lock").unlink()
    (place / "writer.lock").symlink_to(outside)
    with pytest.raises(StorageError, match=r"writer\.lock"), locked(place):
        pass
    assert outside.read_text() == "precious" and len(names(victim)) == n_files


def test_pipes_are_not_waited_for(empty: bovw.Engine, folder: Path) -> None:
    assert empty.folder is not None
    for name in ("journal", "reading"):
        os.mkfifo(empty.folder / name)
    assert diagnose(empty.folder).is_sound
    assert len(empty.add(names(folder)[:2]).added) == 2


def test_what_is_replaced_while_it_is_loaded_is_loaded_again(
    vocabulary: bovw.Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not half of the one and half of the other."""
    other = bovw.Vocabulary.from_centers(vocabulary.centers_[::-1].copy(), n_words=1500)
    bovw.save_vocabulary(vocabulary, tmp_path / "v")
    original = vocabulary_folder.load_array

    def replacing(folder: Path, manifest: Any, name: str, *rest: Any) -> Any:
        found = original(folder, manifest, name, *rest)
        if name == "centers.npy" and len(done) == 0:
            done.append(name)
            bovw.save_vocabulary(other, tmp_path / "v", overwrite=True)
        return found

    done: list[str] = []
    monkeypatch.setattr(vocabulary_folder, "load_array", replacing)
    found = bovw.load_vocabulary(tmp_path / "v")
    assert np.array_equal(found.centers_, other.centers_)
    assert np.array_equal(found.embedding_.thresholds, other.embedding_.thresholds)


def test_another_kind_and_the_present_folder_are_not_overwritten(
    empty: bovw.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert empty.folder is not None
    with pytest.raises(ExistsError, match="is an index, and is not overwritten by a vocabulary"):
        bovw.save_vocabulary(empty.vocabulary, empty.folder, overwrite=True)
    monkeypatch.chdir(empty.folder)
    with pytest.raises(ExistsError, match="the folder you are in"):
        empty.save(".", overwrite=True)
