"""When the system fails for a moment, nothing is called damaged, and nothing is taken away."""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.cli import main
from bovw.errors import FormatError, LockedError, StorageError
from bovw.storage import diagnose, locked, read_journal, tidy

from ..support import SMALL

FEW = SMALL.changed(features={"max_features": 60}, candidates={"method": "lsa-hnsw"})


@pytest.fixture(scope="module")
def stored(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two segments and a graph."""
    path = tmp_path_factory.mktemp("looked") / "index"
    bovw.Engine.build(pictures[:4], vocabulary=vocabulary, settings=FEW).save(path)
    bovw.Engine.open(path).add(pictures[4:6])
    return path


@pytest.fixture
def index(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "index"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "writer.lock"
    }


def failing_reads(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Callable[[], Exception]
) -> None:
    """Let opening files of this name fail."""
    plain = io.open

    def opened(file: Any, *given: Any, **more: Any) -> Any:
        if not isinstance(file, int) and os.fspath(file).endswith(name):
            raise error()
        return plain(file, *given, **more)

    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(builtins, "open", opened)


def no_answer(number: int) -> Callable[[], Exception]:
    return lambda: OSError(number, os.strerror(number))


ERRORS = {
    "EIO": no_answer(errno.EIO),
    "ESTALE": no_answer(errno.ESTALE),
    "EMFILE": no_answer(errno.EMFILE),
    "EACCES": no_answer(errno.EACCES),
    "no memory": MemoryError,
}
NAMES = (
    "manifest.json",
    "vocabulary/manifest.json",
    "vocabulary/centers.npy",
    "segments/0001/failed.json",
    "segments/0001/pictures.npy",
    "segments/0002/words.npy",
    "segments/0002/keypoints.npy",
    "keys.npy",
    ".nmslib",
)


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_cannot_be_read_is_not_damaged(
    index: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: Callable[[], Exception]
) -> None:
    before = contents(index)
    with monkeypatch.context() as patch:
        failing_reads(patch, name, error)
        found = diagnose(index, repair=True)
        with pytest.raises(StorageError) as raised:
            bovw.Engine.open(index, verify="full")
    assert not found.problems and not found.repaired and not found.is_sound
    assert "could not be looked at" in found.unexamined[0]
    assert not isinstance(raised.value, FormatError)
    assert "repair" not in str(raised.value)
    assert contents(index) == before
    assert diagnose(index).is_sound


def test_damage_is_not_repaired_while_something_else_cannot_be_read(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = index / "segments/0001/words.npy"
    words.write_bytes(words.read_bytes()[:-1] + b"\xff")
    before = contents(index)
    with monkeypatch.context() as patch:
        failing_reads(patch, "segments/0002/words.npy", ERRORS["EIO"])
        found = diagnose(index, repair=True)
    assert found.problems and found.unexamined and not found.repaired
    assert contents(index) == before


def test_memory_that_cannot_be_mapped_is_no_damage(
    index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(index)

    def mapped(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    with monkeypatch.context() as patch:
        patch.setattr(mmap, "mmap", mapped)
        assert main(["doctor", str(index), "--repair"]) == 1
        said = capsys.readouterr().out
        with pytest.raises(StorageError, match="ulimit -v"):
            bovw.Engine.open(index)
    assert "not all could be checked, and nothing was changed" in said
    assert contents(index) == before


def test_a_disk_that_is_gone_proves_nothing(index: Path) -> None:
    """The folder is renamed while its doctor looks at it."""
    away = index.with_name("away")
    listed = os.listdir

    def going(path: Any = ".") -> list[str]:
        if index.exists():
            index.rename(away)
        return listed(path)

    before = contents(index)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "listdir", going)
        try:
            found = diagnose(index, repair=True)
        except StorageError:
            pass
        else:
            assert not found.repaired and not found.problems
    assert contents(away) == before


def test_what_a_repair_takes_out_is_set_aside(
    index: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = index / "segments/0002/words.npy"
    words.write_bytes(words.read_bytes()[:-1] + b"\xff")
    before = contents(index)
    repaired = diagnose(index, repair=True)
    assert repaired.repaired and list(repaired.lost) == [path.name for path in pictures[4:6]]
    aside = next((index / "set-aside").iterdir())
    kept = contents(aside)
    for name, content in before.items():
        if name == "manifest.json" or name.startswith(("segments/0002/", "candidates/")):
            assert kept[name] == content
    assert b"words.npy has changed" in kept["reasons.txt"]

    # It is named, and stays while the index is changed, merged and overwritten.
    assert main(["doctor", str(index)]) == 0
    said = capsys.readouterr().out
    assert str(aside) in said and "segments/0002" in said and "--purge" in said
    engine = bovw.Engine.open(index)
    engine.add(pictures[4:7])
    engine.compact()
    engine.save(index, overwrite=True)
    assert contents(aside) == kept
    assert len(bovw.Engine.open(index, verify="full")) == 7

    # It goes only when one says so.
    assert main(["doctor", str(index), "--purge"]) == 0
    assert "was deleted" in capsys.readouterr().out
    assert not (index / "set-aside").exists()
    assert diagnose(index).notes == ()


def test_nothing_is_purged_while_the_index_is_damaged(index: Path) -> None:
    words = index / "segments/0002/words.npy"
    words.write_bytes(words.read_bytes()[:-1] + b"\xff")
    diagnose(index, repair=True)
    kept = contents(index / "set-aside")
    offsets = index / "segments/0001/offsets.npy"
    offsets.write_bytes(offsets.read_bytes()[:-1] + b"\xff")
    found = diagnose(index, purge=True)
    assert not found.is_sound and "is kept" in " ".join(found.notes)
    assert contents(index / "set-aside") == kept


def test_what_cannot_be_set_aside_is_not_taken_out(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = index / "segments/0002/words.npy"
    words.write_bytes(words.read_bytes()[:-1] + b"\xff")
    before = contents(index)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", full)
        patch.setattr(shutil, "copy2", full)
        found = diagnose(index, repair=True)
    assert not found.repaired and "cannot be set aside" in found.unexamined[0]
    after = contents(index)
    assert {name: after.get(name) for name in before} == before
    assert diagnose(index, repair=True).repaired


@pytest.mark.parametrize(
    "name", ["manifest.json", "segments/0001/failed.json", "vocabulary/manifest.json"]
)
def test_files_beyond_measure_are_not_read(index: Path, name: str) -> None:
    os.truncate(index / name, 1 << 42)  # takes no room on the disk
    with pytest.raises(StorageError):
        bovw.Engine.open(index, verify="quick")
    assert not diagnose(index).is_sound


def test_a_journal_beyond_measure_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(StorageError, match="or remove it"):
        list(read_journal(tmp_path, 100))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is needed")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_lock_ends_with_its_owner_and_not_with_a_child(tmp_path: Path) -> None:
    with locked(tmp_path) as is_ours:
        pid = os.fork()
        if pid == 0:
            held_here = is_ours()
            time.sleep(0.3)
            os._exit(1 if held_here else 0)
        assert is_ours()
        with pytest.raises(LockedError), locked(tmp_path):
            pass
    with locked(tmp_path):  # the child lives, and does not hold it
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is needed")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_child_that_ends_does_not_release_its_parents_lock(tmp_path: Path) -> None:
    with locked(tmp_path):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        with pytest.raises(LockedError), locked(tmp_path):
            pass
        failure: list[BaseException] = []

        def other() -> None:
            try:
                with locked(tmp_path):
                    pass
            except LockedError as error:
                failure.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert failure


VERBS = {
    "info": ["info", "INDEX"],
    "search": ["search", "INDEX", "PICTURE"],
    "compress": ["compress", "INDEX", "-o", "OUT"],
    "compact": ["compact", "INDEX"],
    "doctor": ["doctor", "INDEX"],
    "remove": ["remove", "INDEX", "NAME"],
    "index": ["index", "PICTURE", "-o", "INDEX"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_leave_the_files_of_nmslib_alone(
    index: Path, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """What another has made may crash nmslib: with --untrusted its files are never loaded."""
    from bovw import nearest

    plain = nearest.NearestNeighbours._open

    def opened(self: Any) -> None:
        assert self._loaded is None, "a file of nmslib was loaded"
        plain(self)

    monkeypatch.setattr(nearest.NearestNeighbours, "_open", opened)
    words = {
        "INDEX": str(index),
        "PICTURE": str(pictures[5]),
        "OUT": str(tmp_path / "out"),
        "NAME": pictures[1].name,
    }
    given = [words.get(word, word) for word in VERBS[verb]]
    assert main([*given, "--untrusted"]) == 0


@pytest.mark.parametrize("at_once", [True, False])
def test_overwriting_keeps_what_was_set_aside(
    index: Path,
    vocabulary: bovw.Vocabulary,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    at_once: bool,
) -> None:
    """Also where two folders cannot be exchanged at once."""
    words = index / "segments/0002/words.npy"
    words.write_bytes(words.read_bytes()[:-1] + b"\xff")
    diagnose(index, repair=True)
    kept = contents(index / "set-aside")
    assert kept
    if not at_once:
        monkeypatch.setattr("bovw.storage.folders.exchange", lambda *_: False)
    for _ in range(2):
        bovw.update_index(index, pictures[:4], vocabulary=vocabulary, settings=FEW, overwrite=True)
        assert contents(index / "set-aside") == kept


def test_an_old_index_in_a_working_folder_within_one_is_not_lost(index: Path) -> None:
    aside = index.with_name(".index.abcdefgh.aside")
    shutil.copytree(index, aside / "new" / "was")
    (index / "manifest.json").write_text('{"format": "bovw-index" damaged')
    diagnose(index, repair=True)
    tidy(index)
    assert len(bovw.Engine.open(aside / "new" / "was")) == 6
    shutil.rmtree(index)
    tidy(index)  # nothing is at its place: the old one is put back
    assert len(bovw.Engine.open(index)) == 6


def test_what_somebody_keeps_between_the_segments_is_kept(index: Path) -> None:
    copy = index / "segments/0002.backup"
    shutil.copytree(index / "segments/0002", copy)
    engine = bovw.Engine.open(index)
    engine.remove(engine.collection.records[0].identifier)
    engine.compact()
    assert contents(copy)
    notes = diagnose(index, repair=True).notes
    assert contents(copy) and any("do not belong to the index" in note for note in notes)
