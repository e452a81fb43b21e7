"""A file that notes the current item: after a process was killed, the next one knows the item."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..files import is_regular

READING = "reading"  # name of the file


class Diary:
    """Remembers on disk which items killed a process, for example by taking all memory.

    Errors of reading or writing the file are ignored; then nothing is remembered.

    Parameters
    ----------
    paths : sequence of path
        All these files are read, and the last one is written. It exists while an item is in
        progress, and it keeps the names of items that killed a worker.
    name : callable
        Returns the name of an item, which must be unique.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], name: Callable[[Any], str]) -> None:
        self._paths, self._name = [Path(path) for path in paths], name
        self._suspects: set[str] = set()
        self._killers: list[str] = []

    def __enter__(self) -> Diary:
        for path in self._paths:
            self._killers, reading = _read(path)
            self._suspects.update(self._killers, reading)
        if not is_regular(self._paths[-1]):  # a link or a pipe is not our file
            with suppress(OSError):
                self._paths[-1].unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._killers:
            self._write([])
        else:
            with suppress(OSError):
                self._paths[-1].unlink(missing_ok=True)

    def is_suspect(self, item: object) -> bool:
        """Whether a process was killed while it worked on an item."""
        return self._name(item) in self._suspects

    def note(self, item: object) -> None:
        """Write down that an item is in progress."""
        self._write([self._name(item)])

    def acquit(self, item: object) -> None:
        """Forget that an item killed a process; `convict` notes it again."""
        self._killers = [name for name in self._killers if name != self._name(item)]

    def convict(self, item: object) -> None:
        """Write down that an item killed a process again, so that it is always done in a worker."""
        self._killers.append(self._name(item))
        self._write([])

    def _write(self, reading: list[str]) -> None:
        with suppress(OSError):
            self._paths[-1].parent.mkdir(parents=True, exist_ok=True)
            content = {"killed": self._killers, "reading": reading}
            self._paths[-1].write_text(json.dumps(content), encoding="ascii")


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Read the names of items that killed a process, and of items that were in progress."""
    try:
        if not is_regular(path):
            return [], []
        content = json.loads(path.read_text(encoding="ascii"))
        killed, reading = content["killed"], content["reading"]
        return [str(name) for name in killed], [str(name) for name in reading]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return [], []
