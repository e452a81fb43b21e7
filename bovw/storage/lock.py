"""A lock for one writer at a time; the system releases it when its process ends or is killed."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import FormatError, LockedError, StorageError

LOCK = "writer.lock"
_OURS = getattr(os, "O_NOFOLLOW", 0)  # do not follow a link to a file that is not ours


@contextmanager
def locked(folder: Path, *, make: bool = False) -> Iterator[Callable[[], bool]]:
    """Hold the lock of a folder; give a function that says if the locked folder is still there.

    With `make`, a missing folder is created. The lock file is not removed when the lock is
    released: another process may have opened it already, and would then lock a file that nobody
    else sees.

    Raises
    ------
    LockedError
        When another process holds the lock.
    StorageError
        When the folder cannot be written.
    """
    path = folder / LOCK
    if not make and not folder.is_dir():
        raise FormatError(f"{folder}: no such folder; it was moved or removed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _OURS, 0o666)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; check permissions"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise StorageError(f"{path} is not a file: remove it")
        os.lseek(handle, 0, os.SEEK_SET)
        if not _take_soon(handle, path):
            os.lseek(handle, 1, os.SEEK_SET)  # Windows locks the first byte
            owner = os.read(handle, 20).decode("ascii", "replace").strip()
            raise LockedError(
                f"{folder} is being changed by another process ({owner or 'unknown'}): wait until "
                "it is done"
            )
        if not _is_still(handle, path):  # another process has replaced the folder
            raise LockedError(f"{folder} was replaced by another process just now: try again")
        with suppress(OSError):  # only for messages; the disk may be full
            os.lseek(handle, 1, os.SEEK_SET)
            os.write(handle, f"{os.getpid():<20}".encode())
        yield lambda: _is_still(handle, path)
    finally:
        os.close(handle)


@contextmanager
def held(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Lock a folder for the block, and say whether that succeeded.

    With `wait`, wait for another process that holds it. Where folders cannot be locked (on
    Windows, and on some disks), a caller with `wait` goes on as if it held the folder, and a
    caller without it is told that another process holds it.
    """
    handle = None
    try:
        if sys.platform != "win32":
            with suppress(FileNotFoundError):
                handle = os.open(folder, os.O_RDONLY)
        yield wait if handle is None else _take_folder(handle, wait)
    finally:
        if handle is not None:
            os.close(handle)


def _take_folder(handle: int, wait: bool) -> bool:
    if sys.platform == "win32":
        return wait
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return wait
    return True


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _take_soon(handle: int, path: Path) -> bool:
    """Take a lock; try a few times, for another process may hold it only to test it."""
    for _ in range(5):
        if _take(handle, path):
            return True
        time.sleep(0.02)
    return False


def _take(handle: int, path: Path) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StorageError(
            f"the disk of {path} cannot lock files ({error.strerror}), so nothing there may be "
            "changed: make the changes on another disk, and copy the result"
        ) from error
    return True
