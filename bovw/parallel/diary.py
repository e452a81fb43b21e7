"""A note on disk of what is under way: who comes after a process that was killed knows at what."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..files import is_regular

READING = "reading"  # the file


class Diary:
    """Says at which items processes were killed.

    A courtesy: where it cannot be written, nothing is known.

    Parameters
    ----------
    paths : sequence of path
        Files to be read; the last one is written. It is there while something is under way, and
        names those that have killed a worker since.
    name : callable
        Gives the name of an item, which tells it from others.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], name: Callable[[Any], str]) -> None:
        self._paths, self._name = [Path(path) for path in paths], name
        self._suspects: set[str] = set()
        self._killers: list[str] = []

    def __enter__(self) -> Diary:
        for path in self._paths:
            self._killers, reading = _read(path)
            self._suspects.update(self._killers, reading)
        if not is_regular(self._paths[-1]):  # what it leads to, or waits for, is not ours
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
        """Whether a process was killed while it was at an item."""
        return self._name(item) in self._suspects

    def note(self, item: object) -> None:
        """Write down that an item is under way."""
        self._write([self._name(item)])

    def acquit(self, item: object) -> None:
        """Do not keep an item, unless it kills again."""
        self._killers = [name for name in self._killers if name != self._name(item)]

    def convict(self, item: object) -> None:
        """Write down that an item has killed again, so that nobody does it unprotected."""
        self._killers.append(self._name(item))
        self._write([])

    def _write(self, reading: list[str]) -> None:
        with suppress(OSError):
            self._paths[-1].parent.mkdir(parents=True, exist_ok=True)
            content = {"killed": self._killers, "reading": reading}
            self._paths[-1].write_text(json.dumps(content), encoding="ascii")


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Read the names of what has killed, and of what was under way."""
    try:
        if not is_regular(path):
            return [], []
        content = json.loads(path.read_text(encoding="ascii"))
        killed, reading = content["killed"], content["reading"]
        return [str(name) for name in killed], [str(name) for name in reading]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return [], []
