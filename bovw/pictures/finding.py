"""Finds the picture files in folders and lists, and gives them identifiers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import TypeAlias

from ..errors import ImageError, SettingsError, some
from ..settings import checked_arguments
from .endings import readable_endings
from .sources import read_bytes

Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""Folders, files and lists (``@list.txt``), one or several; see `find_pictures`."""


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


@checked_arguments
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
        Folders are searched recursively for files with an ending of `readable_endings`. A subfolder
        that cannot be read is returned like a file, so that it is reported as a failure later.
        Files are taken whatever their ending. ``@list.txt`` names a text file with one path in
        each line, relative to the folder of the list.
    root : path, optional
        Identifiers are relative to this folder. Default: to the given folder in which a file was
        found, or to the folder of a file that was given itself.
    patterns : sequence of str, optional
        Shell patterns such as ``*.jpg``. From folders, take only files whose identifier or name
        matches one of them. A pattern that names an ending, such as ``*.psd``, or a whole name,
        takes files with other endings than those of `readable_endings` too.

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


def passed_over(sources: Paths, *, patterns: Sequence[str] | None = None) -> dict[str, int]:
    """Count the files in folders that `find_pictures` does not return, by their ending.

    Parameters
    ----------
    sources, patterns
        As for `find_pictures`. With patterns nothing is counted: what they leave out was meant to
        be left out. Hidden files and folders are not counted either.

    Returns
    -------
    dict of str to int
        Endings in lower case, such as ``.txt``, with the most frequent first; "" is the ending of
        files that have none.
    """
    counts: Counter[str] = Counter()
    for folder in () if patterns else _without_lists(listed(sources)):
        if _is_folder(folder):
            counts.update(
                file.suffix.lower()
                for file in _files_in(folder, [])
                if not file.name.startswith(".") and not _wanted(file, folder, None)
            )
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def listed(sources: Paths) -> list[str | os.PathLike[str]]:
    """Return paths as a list, because an iterator can be used only once."""
    if isinstance(sources, (str, bytes, os.PathLike)) or not isinstance(sources, Iterable):
        sources = [sources]
    given = list(sources)
    for source in given:
        if not isinstance(source, (str, bytes, os.PathLike)):
            raise SettingsError(f"{source!r}: expected the path of a folder or a file, or several")
        if not os.fspath(source):
            raise SettingsError("an empty path: expected that of a folder or a file ('.' for here)")
    return given


def folders_of(sources: Paths) -> list[str]:
    """Absolute paths of those sources that are folders."""
    given = listed(sources)
    return [os.path.abspath(os.fsdecode(s)) for s in given if _is_folder(Path(os.fsdecode(s)))]


@checked_arguments
def find_queries(sources: Paths) -> list[str]:
    """Find query pictures, like `find_pictures`, but in the given order and without identifiers.

    A file that does not exist, and a folder without pictures, are kept in the list, so that each
    is reported as a failed query later.
    """
    given = listed(sources)
    paths: list[str] = []
    for source in given:
        text = os.fsdecode(source)
        if text.startswith("@") or _is_folder(Path(text)):
            found = [str(path) for path, _ in sorted(_expanded([source], None))]
            if not found and text.startswith("@"):
                raise ImageError(text, "names no pictures", "give a text with one path a line")
            paths += found or [text]
        else:
            paths.append(text)
    return paths


def _is_folder(path: Path) -> bool:
    """Whether there is a folder; a path that cannot be looked at is none, and fails when read."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _relative(path: Path, base: Path) -> str:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        raise SettingsError(
            f"{path} does not lie in the root {base}: give a root that holds all pictures"
        ) from None


def _expanded(
    sources: Iterable[str | os.PathLike[str]], patterns: Sequence[str] | None
) -> Iterator[tuple[Path, Path]]:
    """Yield each file, with the folder to which its identifier is relative."""
    for path in _without_lists(sources):
        if _is_folder(path):
            closed: list[OSError] = []
            for file in _files_in(path, closed):
                if _wanted(file, path, patterns):
                    yield file, path
            # A folder that cannot be read is yielded like a file, and becomes a failure later.
            yield from ((Path(os.fsdecode(error.filename)), path) for error in closed)
        elif os.path.lexists(path):
            yield path, path.parent
        else:
            raise ImageError(str(path), "no such file or folder", "check the path")


def _without_lists(sources: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Yield absolute paths: those given, and those that the lists among them name."""
    for source in sources:
        text = os.fsdecode(source)
        if not text.startswith("@"):
            yield Path(os.path.abspath(text))
            continue
        listing = Path(os.path.abspath(text[1:]))
        content = read_bytes(listing)
        if b"\0" in content:
            raise ImageError(text, "not a list", "give a text with one path a line")
        lines = [os.fsdecode(line) for line in content.splitlines() if line.strip()]
        yield from _without_lists(listing.parent / line for line in lines)


def _files_in(folder: Path, closed: list[OSError]) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders; collect errors of unreadable folders."""
    for parent, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in names)


def _wanted(file: Path, folder: Path, patterns: Sequence[str] | None) -> bool:
    known = file.suffix.lower() in readable_endings()
    if not patterns:
        return known and not file.name.startswith(".")
    identifier = file.relative_to(folder).as_posix()
    return any(
        fnmatch(identifier, pattern) or fnmatch(file.name, pattern)
        for pattern in patterns
        if known or _names_an_ending(pattern)
    )


def _names_an_ending(pattern: str) -> bool:
    """Whether a pattern says which ending it means: ``*.psd`` or ``scan1``, but not ``scan*``."""
    ending = PurePath(pattern).suffix or pattern
    return not any(sign in ending for sign in "*?[")


def is_gone(path: str) -> bool:
    """Whether nothing exists at a path; a path without permission to look does not count."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # reading it will report why
        return False
    return False
