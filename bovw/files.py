"""Files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import StorageError


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a file beside `path` that takes its place, flushed, when the block succeeds.

    Folders above it are made. `sync` waits for the disk, so that a crash cannot leave half of it.

    Raises
    ------
    StorageError
        When it cannot be written; what was at `path` is untouched.
    """
    target = Path(path)
    aside = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        aside = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
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
            aside.unlink(missing_ok=True)


def is_regular(path: Path) -> bool:
    """Whether a file is there, and is no link, pipe (which waits for ever) or device."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8; bytes of names that are not UTF-8 appear as they were."""
    with replaced(path) as file:
        file.write(text.encode("utf-8", "surrogateescape"))
