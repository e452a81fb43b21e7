"""Which pictures: files found in folders and lists, and the identifiers they get."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeAlias

from ..errors import ImageError, SettingsError
from .decoding import SUFFIXES

Paths: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"


@dataclass(frozen=True)
class PictureFile:
    """A file and the name it has in an index.

    Attributes
    ----------
    identifier : str
        Path relative to the folder it was found in, with ``/``.
    path : str
        Absolute path. Bytes that are not UTF-8 are kept by surrogate escapes.
    size, mtime_ns : int
        Bytes, and when it was changed, when that was looked up.
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
        Folders are searched recursively for files with a known ending (`images.SUFFIXES`), and
        folders in them that cannot be read are given like files, to be named as failures;
        files are taken as they are; ``@list.txt`` names a file with one path a line (relative
        to the list's folder).
    root : path, optional
        Identifiers are relative to this folder. Without it: to the folder given, or to a file's
        own folder.
    patterns : sequence of str, optional
        Only files in folders whose identifier, or name, matches one of these (as in a shell).

    Returns
    -------
    list of PictureFile
        In increasing order of identifier.

    Raises
    ------
    ImageError
        When a source does not exist.
    SettingsError
        When two files get one identifier, or nothing was found.
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
        names = ", ".join(os.fsdecode(source) for source in given) or "nothing"
        raise SettingsError(f"no pictures found in {names}: give folders or files with pictures")
    return [PictureFile(identifier, found[identifier]) for identifier in sorted(found)]


def listed(sources: Paths) -> list[str | os.PathLike[str]]:
    """Give paths as a list, which can be looked at several times."""
    if isinstance(sources, (str, bytes, os.PathLike)) or not isinstance(sources, Iterable):
        sources = [sources]
    given = list(sources)
    for source in given:
        if not isinstance(source, (str, bytes, os.PathLike)):
            raise SettingsError(f"{source!r}: expected the path of a folder or a file, or several")
    return given


def folders_of(sources: Paths) -> list[str]:
    """Those of some sources that are folders, as absolute paths."""
    given = listed(sources)
    return [os.path.abspath(os.fsdecode(s)) for s in given if Path(os.fsdecode(s)).is_dir()]


def find_queries(sources: Paths) -> list[str]:
    """Find query pictures: as `find_pictures`, but in the order given, and without identifiers.

    A file that does not exist, and a folder without pictures, are kept, so that they fail by
    themselves.
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
    """Yield each file with the folder its identifier is relative to."""
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
            # A folder that cannot be looked into stands for its pictures, and fails for them.
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
