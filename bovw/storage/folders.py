"""Folders that are written aside, flushed, and come into place at once.

What is written to ``NAME`` is made in ``.NAME.xxxxxxxx.aside/new`` beside it, whose owner holds a
lock: when nobody does, it was left by a process that was killed, and may go. An index that is
indexed anew is made in ``.NAME.xxxxxxxx.anew/new``, which stays, so that the next run goes on.
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
_HERE = -100  # AT_FDCWD: paths are relative to the present folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


@contextmanager
def new_folder(target: Path, overwrite: bool = False, *, kind: str | None = None) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its place when the block succeeds.

    When it does not, or is interrupted, what was at `target` is untouched. `kind` is the format of
    what will be there.

    Raises
    ------
    ExistsError
        When `target` exists, and is not an empty folder, and `overwrite` is false; or when it is
        something that `bovw` did not write, or of another kind.
    LockedError
        When another process is changing or overwriting it.
    StorageError
        When it cannot be written.
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
    """Give an empty folder that takes the place of `target`, flushed, when the block succeeds.

    What has come there meanwhile is replaced only when `overwrite` is true.
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
    """Put what was made in a `room_for_another`, and is flushed, in the place of a folder."""
    check_target(target, overwrite)
    real = _real(target)
    with _named_problems(target), _aside(real) as aside, held(room, wait=True), uninterrupted():
        _replace(room / NEW, real)
        os.replace(room, aside / NEW)  # at once: who wants a room of this name may come now
        sync(real.parent)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Give a folder beside another that is there, and held, during the block."""
    while True:
        aside = Path(tempfile.mkdtemp(_ASIDE, f".{target.name}.", target.parent))
        with held(aside, wait=True):
            if not aside.exists():  # somebody has tidied up before it was held
                continue
            try:
                yield aside
            finally:
                _put_back(aside, target)
                shutil.rmtree(aside, ignore_errors=True)
            return


def _replace(new: Path, target: Path) -> None:
    """Put a folder in the place of another, which is then somewhere beside it."""
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
    """Let two folders change places at once; False where the system or the disk cannot."""
    system = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    function = getattr(ctypes.CDLL(None), system, None) if system else None
    if function is None:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux":
        return bool(function(_HERE, first, _HERE, second, _EXCHANGE) == 0)
    return bool(function(first, second, _EXCHANGE) == 0)


def _real(target: Path) -> Path:
    """Where a folder lies, or will lie, whatever links lead there."""
    return Path(os.path.realpath(target))


def _beside(target: Path, ending: str) -> list[Path]:
    real = _real(target)
    return sorted(real.parent.glob(f".{glob.escape(real.name)}.????????{ending}"))


def abandoned(target: Path) -> list[Path]:
    """What killed processes have left beside a folder that they were writing."""
    found = []
    for path in _beside(target, _ASIDE):
        with held(path) as is_free:
            if is_free:
                found.append(path)
    return found


def rooms_for_another(target: Path) -> list[Path]:
    """Folders in which an index that is to take the place of another is made."""
    return _beside(target, _ANEW)


def room_for_another(target: Path, key: str) -> Path:
    """Make one of `rooms_for_another`; the first eight letters of `key` tell it from others."""
    real = _real(target)
    room = real.with_name(f".{real.name}.{key[:8]}{_ANEW}")
    with _named_problems(target):
        room.mkdir(exist_ok=True)
    return room


def moved_away(target: Path) -> Path | None:
    """Where what was at a folder is, when its overwriting was interrupted between two renames."""
    found = (path / _WAS for path in _beside(target, "*") if path.suffix in (_ASIDE, _ANEW))
    return next((was for was in found if was.exists()), None)


def tidy(target: Path) -> None:
    """Remove what killed processes have left beside a folder.

    Where folders cannot change places at once, what was at `target` may lie there: it goes back.
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
                f"cannot move {was} back to {target} ({error.strerror or error}), where it was "
                "before an overwriting that failed: move it back yourself"
            ) from error


def check_target(target: Path, overwrite: bool = False, kind: str | None = None) -> None:
    """Raise an ExistsError when a folder (of some kind) may not be written to `target`."""
    if os.path.ismount(target):
        raise ExistsError(
            f"{target} is where a disk is mounted, which cannot be replaced: choose a folder in it"
        )
    if _is_here(target):
        raise ExistsError(
            f"{target} is the folder you are in, which cannot be replaced under your feet: choose "
            "a folder in it, or go elsewhere"
        )
    if is_vacant(target):
        return
    if not _is_ours(target):
        raise ExistsError(
            f"{target} exists and is neither a vocabulary nor an index, or a damaged one, so it is "
            "not overwritten: choose another place, or remove it yourself"
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
    """Whether nothing is there, or an empty folder."""
    return not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir()))


def _is_here(target: Path) -> bool:
    """Whether this process is in a folder, or one in it."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return False
    return _real(target) in (here, *here.parents)


def _is_ours(target: Path) -> bool:
    """Whether a manifest of bovw lies there, sound or not; others call files so, too."""
    return b'"bovw-' in _beginning(target)


def _kind_at(target: Path) -> str | None:
    """Format of what lies there, as far as that can be said."""
    found = re.search(rb'"format": ?"(bovw-[a-z]+)"', _beginning(target))
    return None if found is None else found[1].decode("ascii")


def _beginning(target: Path) -> bytes:
    try:
        with (target / MANIFEST).open("rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def called(kind: str | None) -> str:
    """What people call a format."""
    names = {"vocabulary": "a vocabulary", "index": "an index", "lsa": "a compressed index"}
    return names.get((kind or "").removeprefix("bovw-"), "a vocabulary or an index")


def sync(path: Path) -> None:
    """Wait until a file, or the list of what a folder holds, is on the disk."""
    if sys.platform == "win32" and path.is_dir():
        return  # it cannot be opened there, and is written at once
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
