"""Faults of the system for `limits.py`: memory, file handles, disk space and reads that fail.

Some faults are limits of the whole process. The others let one call of Python fail, or that call
and all later ones; only calls that concern a file below a given folder count.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator
Error = Callable[[], BaseException]

READS = ("open", "stat", "lstat", "listdir", "scandir", "read", "mmap")
WRITES = ("open to write", "write", "fsync", "replace", "rename", "mkdir", "link")


class Calls:
    """Counts the calls of some kinds that concern files below a folder, and lets one fail.

    Parameters
    ----------
    folder : Path
    kinds : tuple of str
        Of `READS` and `WRITES`.
    """

    def __init__(self, folder: Path, kinds: tuple[str, ...]) -> None:
        self._folder, self._kinds = str(folder), kinds
        self._place, self._lasting, self._error = 0, False, OSError
        self.n_calls = 0

    def fail(self, place: int, lasting: bool, error: Any) -> None:
        """Let the call with this number fail; with `lasting`, all later ones, too."""
        self._place, self._lasting, self._error = place, lasting, error

    def _strike(self, kind: str, path: Any) -> None:
        if kind not in self._kinds or not self._concerns(path):
            return
        self.n_calls += 1
        if self.n_calls == self._place or (self._lasting and 0 < self._place < self.n_calls):
            raise self._error(kind, path)

    def _concerns(self, path: Any) -> bool:
        if path is None:
            return True
        if isinstance(path, int):  # a descriptor: of which file?
            try:
                path = Path(f"/proc/self/fd/{path}").readlink()
            except OSError:
                return False
        return os.fsdecode(path).startswith(self._folder)

    def begin(self) -> None:
        """Watch the calls of this process from now on."""
        for module, name in (
            *((os, name) for name in ("stat", "lstat", "listdir", "scandir", "fsync")),
            *((os, name) for name in ("replace", "rename", "mkdir", "link")),
        ):
            setattr(module, name, self._watched(getattr(module, name), name))
        self._watch_open()
        mapped = mmap.mmap
        mmap.mmap = self._watched(mapped, "mmap", all_of_them=True)  # type: ignore[misc]

    def _watched(self, call: Any, kind: str, *, all_of_them: bool = False) -> Any:
        def watched(*given: Any, **more: Any) -> Any:
            self._strike(kind, None if all_of_them or not given else given[0])
            return call(*given, **more)

        return watched

    def _watch_open(self) -> None:
        plain, low = io.open, os.open

        def watched(file: Any, mode: str = "r", *given: Any, **more: Any) -> Any:
            to_write = any(letter in mode for letter in "wxa+")
            self._strike("open to write" if to_write else "open", file)
            opened = plain(file, mode, *given, **more)
            for name in ("read", "readinto", "write"):
                if hasattr(opened, name):
                    kind = "write" if name == "write" else "read"
                    call = self._watched_file(getattr(opened, name), kind, file)
                    setattr(opened, name, call)
            return opened

        def watched_low(path: Any, flags: int, *given: Any, **more: Any) -> Any:
            if more.get("dir_fd") is None:
                self._strike("open to write" if flags & os.O_CREAT else "open", path)
            return low(path, flags, *given, **more)

        builtins.open = io.open = watched  # type: ignore[assignment]
        os.open = watched_low  # type: ignore[assignment]

    def _watched_file(self, call: Any, kind: str, file: Any) -> Any:
        def watched(*given: Any) -> Any:
            self._strike(kind, file)
            return call(*given)

        return watched


def _of_memory(kind: str, path: Any) -> BaseException:
    return OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) if kind == "mmap" else MemoryError()


def _numbered(number: int) -> Any:
    def error(kind: str, path: Any) -> OSError:
        name = path if isinstance(path, str | bytes | os.PathLike) else None
        return OSError(number, os.strerror(number), name)

    return error


KINDS = {
    "memory refused": ("read", "mmap"),
    "no space": WRITES,
    "EIO": READS,
    "ESTALE": READS,
}
"""Which calls a fault strikes."""
_ERRORS = {
    "memory refused": _of_memory,
    "no space": _numbered(errno.ENOSPC),
    "EIO": _numbered(errno.EIO),
    "ESTALE": _numbered(errno.ESTALE),
}
FAULTS = (*KINDS, "memory limit", "handle limit", "size limit")


def begin(fault: str, folder: Path, rng: Rng, n_calls: int) -> str:
    """Start a fault in this process; say what it is.

    Parameters
    ----------
    fault : str
        One of `FAULTS`.
    folder : Path
        Only calls that concern files below it may fail.
    rng : Generator
    n_calls : int
        How many calls such a fault could strike.
    """
    if fault in KINDS:
        place, lasting = int(rng.integers(1, n_calls + 1)), bool(rng.random() < 0.5)
        calls = Calls(folder, KINDS[fault])
        calls.fail(place, lasting, _ERRORS[fault])
        calls.begin()
        return f"{fault} at call {place} of {n_calls}{' and after it' if lasting else ''}"
    if fault == "memory limit":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        more = int(np.exp(rng.uniform(np.log(1 << 12), np.log(1 << 24))))
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return f"{more} bytes of memory more"
    if fault == "handle limit":
        more = int(rng.integers(0, 14))
        used = {int(name) for name in os.listdir("/proc/self/fd")}
        limit, free = 0, 0  # the lowest free numbers are taken first
        while free < more or limit < 3:
            free += limit not in used
            limit += 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        return f"{more} file handles more"
    size = int(np.exp(rng.uniform(0, np.log(1 << 14))))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return f"no file may have more than {size} bytes"
