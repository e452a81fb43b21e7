"""Where things lie: names of files and of working folders, and where an old index may have gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import StorageError
from .looking import is_there, names_in

MANIFEST = "manifest.json"
NEW, WAS = "new", "was"
ASIDE, ANEW = ".aside", ".anew"
_RANDOM = 8  # letters in the name of a working folder


def real(target: Path) -> Path:
    """Path of a folder, existing or not, with all links resolved."""
    return Path(os.path.realpath(target))


def beside(target: Path, *endings: str) -> list[Path]:
    """Find the working folders of a folder, which lie next to it."""
    place = real(target)
    try:
        names = names_in(place.parent)
    except StorageError as error:
        if not isinstance(error.__cause__, PermissionError):
            raise
        names = []  # the parent folder may not be listed: then nothing in it is removed
    start, rest = f".{place.name}.", _RANDOM
    return [
        place.parent / name
        for name in names
        for ending in endings
        if name.startswith(start)
        and name.endswith(ending)
        and len(name) == len(start) + rest + len(ending)
    ]


def rooms_for_another(target: Path) -> list[Path]:
    """Working folders in which an index is built that will replace the one at `target`."""
    return beside(target, ANEW)


def moved_away(target: Path) -> Path | None:
    """Where the old folder is, if overwriting it was interrupted between two renames."""
    found = (path / WAS for path in beside(target, ASIDE, ANEW))
    return next((was for was in found if is_there(was)), None)


def called(kind: str | None) -> str:
    """Name of a format in messages."""
    names = {"vocabulary": "a vocabulary", "index": "an index", "lsa": "a compressed index"}
    return names.get((kind or "").removeprefix("bovw-"), "a vocabulary or an index")


def sync(path: Path) -> None:
    """Wait until a file, or the list of files of a folder, is written to the disk."""
    if sys.platform == "win32" and path.is_dir():
        return  # Windows cannot open folders, and writes them at once
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
