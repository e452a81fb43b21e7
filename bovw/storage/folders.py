"""Writes folders atomically: in a temporary folder, flushed, then moved into place at once.

A folder ``NAME`` is first written to ``.NAME.xxxxxxxx.aside/new`` in the same parent folder. The
process that writes it holds a lock on it. When nobody holds the lock, a killed process left it, and
it is removed. An index that will replace another one is built in ``.NAME.xxxxxxxx.anew/new``. That
working folder is kept after an interruption, so that the next run can continue.
"""

from __future__ import annotations

import ctypes
import glob
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ..errors import ExistsError, StorageError
from ..parallel import uninterrupted
from .lock import held, locked

MANIFEST = "manifest.json"
NEW, _WAS = "new", "was"
_ASIDE, _ANEW = ".aside", ".anew"
_HERE = -100  # AT_FDCWD: paths are relative to the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


@contextmanager
def new_folder(target: Path, overwrite: bool = False, *, kind: str | None = None) -> Iterator[Path]:
    """Give an empty temporary folder that replaces `target` when the block succeeds.

    When the block fails or is interrupted, `target` is unchanged. `kind` is the format of the new
    folder, such as "bovw-index".

    Raises
    ------
    ExistsError
        When `target` exists, is not an empty folder, and `overwrite` is false; or when `bovw` did
        not write it, or it has another format than `kind`.
    LockedError
        When another process is changing or overwriting `target`.
    StorageError
        When `target` cannot be written.
    """
    tidy(target)
    check_target(target, overwrite, kind)
    is_there = (target / MANIFEST).is_file()
    with locked(target) if is_there else nullcontext(), _named_problems(target):
        with new_folder_at(target, overwrite) as aside:
            yield aside
        sync(_real(target).parent)


@contextmanager
def new_folder_at(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder that is flushed and replaces `target` when the block succeeds.

    If another process creates `target` during the block, it is replaced only with `overwrite`.
    """
    target = _real(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _aside(target) as aside:
        new = aside / NEW
        new.mkdir()
        yield new
        for path in sorted(new.rglob("*")):
            sync(path)
        sync(new)
        with uninterrupted():
            if overwrite and target.exists():
                _replace(new, target)
            else:
                check_target(target)
                if target.exists():
                    target.rmdir()
                os.replace(new, target)


def replace_folder(target: Path, room: Path, overwrite: bool = True) -> None:
    """Replace a folder by the finished, flushed one in a working folder of `room_for_another`."""
    check_target(target, overwrite)
    real = _real(target)
    with _named_problems(target), _aside(real) as aside, held(room, wait=True), uninterrupted():
        _replace(room / NEW, real)
        os.replace(room, aside / NEW)  # frees the name `room` for other processes
        sync(real.parent)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Give a locked temporary folder in the same parent folder, and remove it after the block."""
    while True:
        aside = Path(tempfile.mkdtemp(_ASIDE, f".{target.name}.", target.parent))
        with held(aside, wait=True):
            if not aside.exists():  # another process removed it before it was locked
                continue
            try:
                yield aside
            finally:
                _put_back(aside, target)
                shutil.rmtree(aside, ignore_errors=True)
            return


def _replace(new: Path, target: Path) -> None:
    """Move a folder to `target`; the old one ends up where the new one was, or next to that."""
    if not exchange(new, target):
        if target.exists():
            os.replace(target, new.with_name(_WAS))
        os.replace(new, target)


@contextmanager
def _named_problems(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, InterruptedError):
            raise
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}; what was there is untouched, "
            "choose another place or make room"
        ) from error


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; return False where the system or the disk cannot."""
    system = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    function = getattr(ctypes.CDLL(None), system, None) if system else None
    if function is None:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux":
        return bool(function(_HERE, first, _HERE, second, _EXCHANGE) == 0)
    return bool(function(first, second, _EXCHANGE) == 0)


def _real(target: Path) -> Path:
    """Path of a folder, existing or not, with all links resolved."""
    return Path(os.path.realpath(target))


def _beside(target: Path, ending: str) -> list[Path]:
    real = _real(target)
    return sorted(real.parent.glob(f".{glob.escape(real.name)}.????????{ending}"))


def abandoned(target: Path) -> list[Path]:
    """Temporary folders that killed processes left while they wrote a folder."""
    found = []
    for path in _beside(target, _ASIDE):
        with held(path) as is_free:
            if is_free:
                found.append(path)
    return found


def rooms_for_another(target: Path) -> list[Path]:
    """Working folders in which an index is built that will replace the one at `target`."""
    return _beside(target, _ANEW)


def room_for_another(target: Path, key: str) -> Path:
    """Create one of the `rooms_for_another`; its name has the first eight letters of `key`."""
    real = _real(target)
    room = real.with_name(f".{real.name}.{key[:8]}{_ANEW}")
    with _named_problems(target):
        room.mkdir(exist_ok=True)
    return room


def moved_away(target: Path) -> Path | None:
    """Where the old folder is, if overwriting it was interrupted between two renames."""
    found = (path / _WAS for path in _beside(target, "*") if path.suffix in (_ASIDE, _ANEW))
    return next((was for was in found if was.exists()), None)


def tidy(target: Path) -> None:
    """Remove temporary folders that killed processes left.

    Where two folders cannot be exchanged atomically, the old folder may lie in one of them. Then it
    is moved back to `target`.
    """
    for path in [*_beside(target, _ASIDE), *rooms_for_another(target)]:
        with held(path) as is_free:
            if not is_free:
                continue
            _put_back(path, _real(target))
            is_needed = (path / _WAS).exists() and not _is_ours(target)
            if path.suffix == _ASIDE and not is_needed:
                shutil.rmtree(path, ignore_errors=True)


def _put_back(aside: Path, target: Path) -> None:
    was = aside / _WAS
    if was.exists() and is_vacant(target):
        try:
            if target.exists():
                target.rmdir()
            os.replace(was, target)
        except OSError as error:
            raise StorageError(
                f"cannot move {was} back to {target} ({error.strerror or error}); overwriting it "
                "had failed: move it back yourself"
            ) from error


def check_target(target: Path, overwrite: bool = False, kind: str | None = None) -> None:
    """Raise an ExistsError when a folder (of format `kind`) may not be written to `target`."""
    if os.path.ismount(target):
        raise ExistsError(
            f"{target} is where a disk is mounted, which cannot be replaced: choose a folder in it"
        )
    if _is_here(target):
        raise ExistsError(
            f"{target} is the folder you are in, which cannot be replaced while you are in it: "
            "choose a folder in it, or change to another folder"
        )
    if is_vacant(target):
        return
    if not _is_ours(target):
        raise ExistsError(
            f"{target} exists and is neither a vocabulary nor an index, or it is a damaged one, so "
            "it is not overwritten: choose another place, or remove it yourself"
        )
    if not overwrite:
        raise ExistsError(f"{target} exists already: choose another place, or overwrite it")
    found = _kind_at(target)
    if kind is not None and found not in (None, kind):
        raise ExistsError(
            f"{target} is {called(found)}, and is not overwritten by {called(kind)}: choose "
            "another place, or remove it yourself"
        )


def is_vacant(target: Path) -> bool:
    """Whether a path does not exist, or is an empty folder."""
    return not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir()))


def _is_here(target: Path) -> bool:
    """Whether the current folder of this process is `target`, or lies in it."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return False
    return _real(target) in (here, *here.parents)


def _is_ours(target: Path) -> bool:
    """Whether a folder has a manifest of bovw, intact or not; other programs use that name too."""
    return b'"bovw-' in _beginning(target)


def _kind_at(target: Path) -> str | None:
    """Format of the folder at `target`; None when its manifest does not say."""
    found = re.search(rb'"format": ?"(bovw-[a-z]+)"', _beginning(target))
    return None if found is None else found[1].decode("ascii")


def _beginning(target: Path) -> bytes:
    try:
        with (target / MANIFEST).open("rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def called(kind: str | None) -> str:
    """Name of a format in messages."""
    names = {"vocabulary": "a vocabulary", "index": "an index", "lsa": "a compressed index"}
    return names.get((kind or "").removeprefix("bovw-"), "a vocabulary or an index")


def sync(path: Path) -> None:
    """Wait until a file, or the list of files of a folder, is written to the disk."""
    if sys.platform == "win32" and path.is_dir():
        return  # Windows cannot open folders, and writes them at once
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
