"""Writes files atomically: a file appears complete, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import StorageError


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a temporary file that replaces `path` when the block succeeds.

    Missing parent folders are created. With `sync`, the data are flushed to the disk before the
    replacement, so that a crash cannot leave half a file.

    Raises
    ------
    StorageError
        When the file cannot be written; an earlier file at `path` is unchanged.
    """
    with replaced_path(path) as aside, aside.open("wb") as file:
        yield file
        if sync:
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def replaced_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of an empty temporary file that replaces `path` when the block succeeds.

    This is for writers that take only a path; see `replaced`.
    """
    target = Path(path)
    aside = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        aside = Path(name)
        yield aside
        mask = os.umask(0)
        os.umask(mask)
        aside.chmod(0o666 & ~mask)
        os.replace(aside, target)
    except OSError as error:
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}; what was there is untouched, "
            "choose another place or make room"
        ) from error
    finally:
        if aside is not None:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)


def is_regular(path: Path) -> bool:
    """Whether a path is a regular file: no link, no device, no pipe (reading one may block)."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text in UTF-8; bytes of file names that are not UTF-8 are written unchanged."""
    with replaced(path) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


class FileLimitError(Exception):
    """A file is not regular, or is larger than its reader takes."""


def read_up_to(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; its size is looked at before it is read.

    Raises
    ------
    FileLimitError
        When it is larger, or no regular file (a pipe is waited for, a device may have no end).
    OSError
        When it cannot be read.
    """
    size = _size(path)
    if size > limit:
        raise FileLimitError(f"{size} bytes, more than the {limit} that are read")
    with Path(path).open("rb") as file:
        content = file.read(size + 1)  # as much memory is taken at once
        if len(content) > size:
            content += file.read(limit + 1 - len(content))
    if len(content) > limit:  # it has grown since
        raise FileLimitError(f"more than the {limit} bytes that are read")
    return content


def read_start(path: str | os.PathLike[str], n: int) -> bytes:
    """Read the first `n` bytes of a regular file, or all of a shorter one.

    Raises
    ------
    FileLimitError
        When it is no regular file.
    OSError
        When it cannot be read.
    """
    _size(path)
    with Path(path).open("rb") as file:
        return file.read(n)


def _size(path: str | os.PathLike[str]) -> int:
    found = Path(path).stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(found.st_mode):
        raise FileLimitError("not a regular file")
    return found.st_size
