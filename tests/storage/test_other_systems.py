"""Windows, and systems that cannot lock files, tried by taking from Python what they lack."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import bovw
from bovw.errors import LockedError, StorageError
from bovw.storage import diagnose, folders, lock, places

from ..support import names

fcntl = pytest.importorskip("fcntl")


class LikeWindows(ModuleType):
    """`msvcrt`, as far as we use it: a lock of the file, which nobody waits for."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def locking(self, handle: int, mode: int, n_bytes: int) -> None:
        assert n_bytes == 1 and os.lseek(handle, 0, os.SEEK_CUR) == 0  # always the same byte
        free = mode == self.LK_UNLCK
        fcntl.flock(handle, fcntl.LOCK_UN if free else fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", LikeWindows("msvcrt"))
    for module in (lock, folders, places):
        monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))


@pytest.mark.usefixtures("windows")
def test_an_index_lives_without_fcntl(empty: bovw.Engine, folder: Path) -> None:
    """It is filled, changed, overwritten and searched, by one writer at a time."""
    assert empty.folder is not None
    pictures = names(folder)
    empty.add(pictures[:4])
    with lock.locked(Path(empty.folder)), pytest.raises(LockedError, match="another process"):
        empty.add(pictures[4:])
    empty.add(pictures[4:6])
    empty.remove(pictures[0].name)
    empty.compact()
    empty.save(Path(empty.folder).with_name("copy"))
    empty.save(Path(empty.folder).with_name("copy"), overwrite=True)
    opened = bovw.Engine.open(Path(empty.folder).with_name("copy"), verify="full")
    assert opened.search(pictures[3], 1)[0].identifier == pictures[3].name
    assert diagnose(empty.folder).is_sound


def test_where_nothing_can_be_locked_nothing_is_changed(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error; opening and searching work."""
    assert empty.folder is not None
    pictures = names(folder)
    empty.add(pictures[:4])
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(StorageError, match="has no way to lock files"):
        empty.add(pictures[4:])
    opened = bovw.Engine.open(empty.folder)
    assert opened.search(pictures[3], 1)[0].identifier == pictures[3].name
