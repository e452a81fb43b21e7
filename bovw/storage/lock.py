"""A lock for one writer at a time; the system releases it when its process ends or is killed.

On Unix it is taken by ``flock``, which belongs to the open file. POSIX record locks (``lockf``)
would not exclude two threads of one process, and would be lost as soon as any part of the process
closes the same file. But a forked child inherits open files, and with them such a lock. Therefore
the lock is released before its file is closed, and a child closes what it has inherited. It never
releases it, because that would release the lock of its parent.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import FormatError, LockedError, StorageError
from .looking import could_not_look, is_folder, looking, state_at

LOCK = "writer.lock"
_OURS = getattr(os, "O_NOFOLLOW", 0)  # do not follow a link to a file that is not ours
_CANNOT_LOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


class _Handle:
    """An open file that can be locked; in a forked child it is closed at once."""

    def __init__(self, path: Path, flags: int) -> None:
        with _fork.guard:  # no fork comes between the two steps
            self.number: int | None = os.open(path, flags, 0o666)
            _fork.handles.add(self)

    def close(self) -> None:
        """Release the lock, and close the file."""
        with _fork.guard:
            if self.number is None:  # this is a child
                return
            with suppress(OSError, ImportError):  # where nothing can be locked
                _release(self.number)
            with suppress(OSError):  # it is closed nevertheless
                os.close(self.number)
            self.number = None
            _fork.handles.discard(self)


class _Fork:
    """What a forked child must know: the open handles, and a guard of their list."""

    def __init__(self) -> None:
        self.guard = threading.RLock()
        self.handles: set[_Handle] = set()

    def before(self) -> None:
        self.guard.acquire()

    def in_parent(self) -> None:
        self.guard.release()

    def in_child(self) -> None:
        self.guard = threading.RLock()  # no other thread goes on in a child
        for handle in self.handles:
            if handle.number is not None:
                with suppress(OSError):
                    os.close(handle.number)
            handle.number = None
        self.handles.clear()


_fork = _Fork()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_fork.before, after_in_parent=_fork.in_parent, after_in_child=_fork.in_child
    )


@contextmanager
def locked(folder: Path, *, make: bool = False) -> Iterator[Callable[[], bool]]:
    """Hold the lock of a folder; give a function that says if the locked folder is still there.

    With `make`, a missing folder is created. The lock file is not removed when the lock is
    released: another process may have opened it already, and would then lock a file that nobody
    else sees. A forked child does not hold the lock; there the function says "no".

    Raises
    ------
    LockedError
        When another process, or another thread of this one, holds the lock.
    StorageError
        When the folder cannot be written.
    """
    path = folder / LOCK
    if not make and not is_folder(folder):
        raise FormatError(f"{folder}: no such folder; it was moved or removed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _Handle(path, os.O_RDWR | os.O_CREAT | _OURS)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; {_advice(error)}"
        ) from error
    try:
        with looking(path):
            _lock(handle, folder, path)
        yield lambda: _is_still(handle, path)
    finally:
        handle.close()


def _lock(handle: _Handle, folder: Path, path: Path) -> None:
    assert handle.number is not None
    number = handle.number
    if not stat.S_ISREG(os.fstat(number).st_mode):
        raise StorageError(f"{path} is not a file: remove it")
    os.lseek(number, 0, os.SEEK_SET)
    if not _take_soon(number, path):
        os.lseek(number, 1, os.SEEK_SET)  # Windows locks the first byte
        owner = os.read(number, 20).decode("ascii", "replace").strip()
        raise LockedError(
            f"{folder} is being changed by another process ({owner or 'unknown'}): wait until "
            "it is done"
        )
    if not _is_still(handle, path):  # another process has replaced the folder
        raise LockedError(f"{folder} was replaced by another process just now: try again")
    with suppress(OSError):  # only for messages; the disk may be full
        os.lseek(number, 1, os.SEEK_SET)
        os.write(number, f"{os.getpid():<20}".encode())


def _advice(error: OSError) -> str:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "allow more open files (ulimit -n), and try again"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room, and try again"
    if error.errno in (errno.EIO, errno.ESTALE, errno.ENOMEM):
        return "try again; if that does not help, check the disk"
    return "check permissions"


@contextmanager
def held(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Lock a folder for the block, and say whether that succeeded.

    With `wait`, wait for another process that holds it. Where folders cannot be locked (on
    Windows, on some disks, and where Python has no fcntl), a caller with `wait` goes on as if it
    held the folder, and a caller without it is told that another process holds it.
    """
    handle = None
    try:
        if sys.platform != "win32":
            with suppress(FileNotFoundError), looking(folder):
                handle = _Handle(folder, os.O_RDONLY)
        yield wait if handle is None else _take_folder(handle, wait)
    finally:
        if handle is not None:
            handle.close()


def _take_folder(handle: _Handle, wait: bool) -> bool:
    if sys.platform == "win32" or handle.number is None:
        return wait
    try:
        import fcntl
    except ImportError:
        return wait
    try:
        fcntl.flock(handle.number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return wait
    return True


def _is_still(handle: _Handle, path: Path) -> bool:
    if handle.number is None:
        return False
    found = state_at(path)
    return found is not None and os.path.samestat(os.fstat(handle.number), found)


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
    try:
        import fcntl
    except ImportError as error:
        raise StorageError(
            f"this Python ({sys.platform}) has no way to lock files, so {path.parent} may not be "
            "changed: make the changes on Linux, macOS or Windows, and copy the result; opening "
            "and searching need no lock"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise could_not_look(path, error) from error
        raise StorageError(
            f"the disk of {path} cannot lock files ({error.strerror}), so nothing there may be "
            "changed: make the changes on another disk, and copy the result"
        ) from error
    return True


def _release(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        return
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_UN)
