"""Folders that are written aside, flushed, and come into place at once.

What is written to ``NAME`` is made in ``.NAME.xxxxxxxx.aside/new`` beside it, whose owner holds a
lock: when nobody does, it was left by a process that was killed, and may go.
"""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ExistsError, StorageError
from ..parallel import uninterrupted
from .lock import held, is_free

MANIFEST = "manifest.json"
_ASIDE, _ANEW = ".aside", ".anew"
_HERE = -100  # AT_FDCWD: paths are relative to the present folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


@contextmanager
def new_folder(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its place when the block succeeds.

    When it does not, or is interrupted, what was at `target` is untouched.

    Raises
    ------
    ExistsError
        When `target` exists, and is not an empty folder, and `overwrite` is false; or when it is
        something that `bovw` did not write.
    StorageError
        When it cannot be written.
    """
    tidy(target)
    check_target(target, overwrite)
    try:
        with new_folder_at(target, overwrite) as aside:
            yield aside
        sync(target.parent)
    except OSError as error:
        if isinstance(error, InterruptedError):
            raise
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}; what was there is untouched, "
            "choose another place or make room"
        ) from error


@contextmanager
def new_folder_at(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder that takes the place of `target`, flushed, when the block succeeds.

    What has come there meanwhile is replaced only when `overwrite` is true.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}."
    aside = Path(tempfile.mkdtemp(prefix=prefix, suffix=_ASIDE, dir=target.parent))
    new = aside / "new"
    try:
        with held(aside):
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
    finally:
        _clear(aside, target)


def _replace(new: Path, target: Path) -> None:
    """Put a folder in the place of another, which is then somewhere beside it."""
    if exchange(new, target):
        return
    os.replace(target, new.with_name("was"))
    os.replace(new, target)


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


def abandoned(target: Path) -> list[Path]:
    """What killed processes have left beside a folder that they were writing."""
    found = target.absolute().parent.glob(f".{glob.escape(target.name)}.????????{_ASIDE}")
    return sorted(path for path in found if is_free(path))


def rooms_for_another(target: Path) -> list[Path]:
    """Folders in which an index that is to take the place of another is made."""
    found = target.absolute().parent.glob(f".{glob.escape(target.name)}.????????{_ANEW}")
    return sorted(found)


def room_for_another(target: Path, key: str) -> Path:
    """Name one of `rooms_for_another`; the first eight letters of `key` tell it from others."""
    return target.absolute().with_name(f".{target.name}.{key[:8]}{_ANEW}")


def tidy(target: Path) -> None:
    """Remove what killed processes have left beside a folder.

    Where folders cannot change places at once, what was at `target` may lie there: it goes back.
    """
    for path in abandoned(target):
        _clear(path, target)


def _clear(aside: Path, target: Path) -> None:
    was = aside / "was"
    if was.exists() and not os.path.lexists(target):
        try:
            os.replace(was, target)
        except OSError as error:
            raise StorageError(
                f"cannot move {was} back to {target} ({error.strerror or error}), where it was "
                "before an overwriting that failed: move it back yourself"
            ) from error
    shutil.rmtree(aside, ignore_errors=True)


def check_target(target: Path, overwrite: bool = False) -> None:
    """Raise an ExistsError when a folder may not be written to `target`."""
    if not os.path.lexists(target):
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    if not overwrite:
        raise ExistsError(f"{target} exists already: choose another place, or overwrite it")
    if not _is_ours(target):
        raise ExistsError(
            f"{target} exists and is neither a vocabulary nor an index, so it is not overwritten: "
            "choose another place"
        )


def _is_ours(target: Path) -> bool:
    """Whether a manifest of bovw lies there, sound or not; others call files so, too."""
    try:
        with (target / MANIFEST).open("rb") as file:
            return b'"bovw-' in file.read(1 << 16)
    except OSError:
        return False


def sync(path: Path) -> None:
    """Wait until a file, or the list of what a folder holds, is on the disk."""
    if sys.platform == "win32" and path.is_dir():
        return  # it cannot be opened there, and is written at once
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
