"""Finds the picture files in folders and lists, and gives them identifiers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

from ..errors import ImageError, SettingsError, some
from .decoding import SUFFIXES

Paths: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"


@dataclass(frozen=True)
class PictureFile:
    """A file, and its identifier in an index.

    Attributes
    ----------
    identifier : str
        Path relative to the folder in which it was found, with ``/`` as the separator.
    path : str
        Absolute path. Bytes that are not UTF-8 are kept as surrogate escapes.
    size, mtime_ns : int
        Size in bytes and modification time of the file; 0 until they are looked up.
    """

    identifier: str
    path: str
    size: int = 0
    mtime_ns: int = 0


def find_pictures(
    sources: Paths,
    *,
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
) -> list[PictureFile]:
    """Find pictures in folders, files and lists.

    Parameters
    ----------
    sources : path or iterable of paths
        Folders are searched recursively for files with a known ending (`SUFFIXES`). A subfolder
        that cannot be read is returned like a file, so that it is reported as a failure later.
        Files are taken whatever their ending. ``@list.txt`` names a text file with one path in
        each line, relative to the folder of the list.
    root : path, optional
        Identifiers are relative to this folder. Default: to the given folder in which a file was
        found, or to the folder of a file that was given itself.
    patterns : sequence of str, optional
        Shell patterns such as ``*.jpg``. From folders, take only files whose identifier or name
        matches one of them.

    Returns
    -------
    list of PictureFile
        In increasing order of identifier.

    Raises
    ------
    ImageError
        When a source does not exist.
    SettingsError
        When two files would get the same identifier, or no picture was found.
    """
    given = listed(sources)
    base = None if root is None else Path(os.path.abspath(root))
    found: dict[str, str] = {}
    for path, folder in _expanded(given, patterns):
        identifier = _relative(path, base or folder)
        if found.setdefault(identifier, str(path)) != str(path):
            raise SettingsError(
                f"{found[identifier]} and {path} would both be called {identifier!r}: "
                "give a common folder as root (--root), to which identifiers are relative"
            )
    if not found:
        names = some(os.fsdecode(source) for source in given) or "nothing"
        raise SettingsError(f"no pictures found in {names}: give folders or files with pictures")
    return [PictureFile(identifier, found[identifier]) for identifier in sorted(found)]


def listed(sources: Paths) -> list[str | os.PathLike[str]]:
    """Return paths as a list, for an iterator could be used only once."""
    if isinstance(sources, (str, bytes, os.PathLike)) or not isinstance(sources, Iterable):
        sources = [sources]
    given = list(sources)
    for source in given:
        if not isinstance(source, (str, bytes, os.PathLike)):
            raise SettingsError(f"{source!r}: expected the path of a folder or a file, or several")
    return given


def folders_of(sources: Paths) -> list[str]:
    """Absolute paths of those sources that are folders."""
    given = listed(sources)
    return [os.path.abspath(os.fsdecode(s)) for s in given if Path(os.fsdecode(s)).is_dir()]


def find_queries(sources: Paths) -> list[str]:
    """Find query pictures, like `find_pictures`, but in the given order and without identifiers.

    A file that does not exist, and a folder without pictures, are kept in the list, so that each
    is reported as a failed query later.
    """
    given = listed(sources)
    paths: list[str] = []
    for source in given:
        text = os.fsdecode(source)
        if text.startswith("@") or Path(text).is_dir():
            found = [str(path) for path, _ in sorted(_expanded([source], None))]
            if not found and text.startswith("@"):
                raise ImageError(text, "names no pictures", "give a text with one path a line")
            paths += found or [text]
        else:
            paths.append(text)
    return paths


def _relative(path: Path, base: Path) -> str:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        raise SettingsError(
            f"{path} does not lie in the root {base}: give a root that holds all pictures"
        ) from None


def _expanded(
    sources: Iterable[str | os.PathLike[str]], patterns: Sequence[str] | None
) -> Iterable[tuple[Path, Path]]:
    """Yield each file, with the folder to which its identifier is relative."""
    for source in sources:
        text = os.fsdecode(source)
        if text.startswith("@"):
            listing = Path(os.path.abspath(text[1:]))
            try:
                content = listing.read_bytes()
            except OSError as error:
                raise ImageError(text, str(error.strerror).lower(), "check the path") from error
            if b"\0" in content:
                raise ImageError(text, "not a list", "give a text with one path a line")
            lines = content.splitlines()
            entries = [listing.parent / os.fsdecode(line) for line in lines if line.strip()]
            yield from _expanded(entries, patterns)
            continue
        path = Path(os.path.abspath(text))
        if path.is_dir():
            closed: list[OSError] = []
            for parent, folders, names in os.walk(path, onerror=closed.append):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in names:
                    file = Path(parent, name)
                    if file.suffix.lower() in SUFFIXES and _wanted(file, path, patterns):
                        yield file, path
            # A folder that cannot be read is yielded like a file, and becomes a failure later.
            yield from ((Path(os.fsdecode(error.filename)), path) for error in closed)
        elif os.path.lexists(path):
            yield path, path.parent
        else:
            raise ImageError(text, "no such file or folder", "check the path")


def _wanted(file: Path, folder: Path, patterns: Sequence[str] | None) -> bool:
    if not patterns:
        return not file.name.startswith(".")
    identifier = file.relative_to(folder).as_posix()
    return any(fnmatch(identifier, p) or fnmatch(file.name, p) for p in patterns)
