"""A note on disk of what is under way: who comes after a process that was killed knows at what."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import StorageError


class Diary:
    """Says which item a process was at that was killed.

    Parameters
    ----------
    path : path
        A file, which is there while something is under way. Its folder is made.
    name : callable
        Gives the name of an item, which tells it from others.
    """

    def __init__(self, path: str | os.PathLike[str], name: Callable[[Any], str]) -> None:
        self._path, self._name = Path(path), name
        self._last: bytes | None = None

    def __enter__(self) -> Diary:
        try:
            self._last = self._path.read_bytes()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._problem(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._path.unlink(missing_ok=True)

    def was_last(self, item: object) -> bool:
        """Whether a process was killed while it was at an item."""
        return self._bytes(item) == self._last

    def note(self, item: object) -> None:
        """Write down that an item is under way."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(self._bytes(item))
        except OSError as error:
            raise self._problem(error) from error

    def _bytes(self, item: object) -> bytes:
        return os.fsencode(self._name(item))

    def _problem(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write {self._path}: {error.strerror or error}; make room, or choose another "
            "folder"
        )
