"""Tells "could not look" from "looked, and it is wrong".

When the system has no memory, no file handle or no answer from a disk, this proves nothing about
the bytes there. Such errors become a `StorageError`, never a `FormatError`. A file counts as
damaged only when it is missing, is no regular file, or was read and has wrong bytes. `Path.is_file`
and the like are not used for this: some versions of Python say "no" for every error.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageError
from ..files import FileLimitError, read_up_to

# These errors say something about the path itself, and would come again at any time.
_OF_THE_PATH = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EILSEQ,
    }
)
_ADVICE = {
    errno.ENOMEM: "free some memory, or allow more (ulimit -v), and try again",
    errno.EMFILE: "allow more open files (ulimit -n), or compact the index, and try again",
    errno.ENFILE: "close other programs, and try again",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.ENOSPC: "make room, and try again",
    errno.EDQUOT: "make room, and try again",
}


def could_not_look(path: Path, error: BaseException) -> StorageError:
    """Make an error that says that a path could not be looked at, and what to do."""
    number = (error.errno or 0) if isinstance(error, OSError) else 0
    said = getattr(error, "strerror", None) or str(error)
    if isinstance(error, MemoryError):
        number, said = errno.ENOMEM, "not enough memory"
    elif isinstance(error, RuntimeError):
        number = errno.ENOMEM  # such as "can't start new thread"
    advice = _ADVICE.get(number or 0, "try again; if that does not help, check the disk")
    return StorageError(
        f"{path} could not be looked at ({said}), which does not mean that it is damaged: {advice}"
    )


@contextmanager
def looking(path: Path) -> Iterator[None]:
    """Turn errors that prove nothing about a path, or what lies in it, into `StorageError`s."""
    try:
        yield
    except MemoryError as error:
        raise could_not_look(path, error) from error
    except OSError as error:
        # Some have no number, such as numpy's own for a file that ends too early.
        if error.errno is None or error.errno in _OF_THE_PATH:
            raise
        raise could_not_look(path, error) from error
    except FileLimitError as error:
        raise StorageError(
            f"{path}: {error}, so it was not read: it was not written by bovw, or is too large for "
            "this version"
        ) from error
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        raise could_not_look(path, error) from error


def state_at(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """Return what the system says of a path; None when nothing is there."""
    try:
        with looking(path):
            return os.stat(path, follow_symlinks=follow)  # noqa: PTH116
    except (OSError, ValueError):  # a ValueError: no path of this system
        return None


def is_file(path: Path) -> bool:
    """Whether there is a regular file, or a link to one."""
    found = state_at(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_own_file(path: Path) -> bool:
    """Whether there is a regular file: no link, no device, no pipe (reading one may block)."""
    found = state_at(path, follow=False)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, or a link to one."""
    found = state_at(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_link(path: Path) -> bool:
    """Whether there is a symbolic link."""
    found = state_at(path, follow=False)
    return found is not None and stat.S_ISLNK(found.st_mode)


def is_there(path: Path) -> bool:
    """Whether there is anything at all."""
    return state_at(path, follow=False) is not None


def names_in(folder: Path) -> list[str]:
    """Names of what lies in a folder, in order; none when there is no folder."""
    try:
        with looking(folder):
            return sorted(os.listdir(folder))
    except (OSError, ValueError):
        return []


def files_below(folder: Path) -> list[Path]:
    """All that is no folder, in a folder and the folders in it, in order; links are not followed.

    `Path.rglob` would pass over what it could not look at.
    """
    found: list[Path] = []
    folders = [folder]
    while folders:
        inner = folders.pop()
        for name in names_in(inner):
            state = state_at(inner / name, follow=False)
            if state is not None:
                (folders if stat.S_ISDIR(state.st_mode) else found).append(inner / name)
    return sorted(found)


def check_missing(path: Path, root: Path) -> None:
    """Raise a StorageError unless it is proved that a file of the folder `root` is missing.

    It is proved when a folder on the way to it exists, can be listed and does not name it. A disk
    that was removed, or that does not answer for a moment, proves nothing.
    """
    inner = path
    while inner != root:
        inner = inner.parent
        state = state_at(inner)
        if state is not None and stat.S_ISDIR(state.st_mode):
            if path.name in names_in(path.parent) and not is_there(path):
                raise StorageError(f"the disk names {path}, and does not find it: try again")
            names_in(inner)
            return
    raise StorageError(f"{root} was moved or removed meanwhile: try again")


def content_of(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises
    ------
    StorageError
        When it could not be looked at, or is larger.
    OSError
        When it is missing, or no file.
    """
    with looking(path):
        return read_up_to(path, limit)
