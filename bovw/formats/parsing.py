"""Functions that the readers share: for files, names of pictures, and boxes."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from ..errors import BovwError, GroundTruthError, shown
from ..evaluation import Box
from ..files import FileLimitError, read_start, read_up_to
from ..pictures import find_pictures

PathLike: TypeAlias = str | os.PathLike[str]
LARGEST_FILE = 1 << 30
"""Bytes of a ground truth, a run or a table at most: a run of 5,000 x 100,000 has 0.03 of it."""
_START = 1 << 16  # bytes in which a first line is looked for
Names: TypeAlias = PathLike | Iterable[str]


def read_limited(path: PathLike) -> bytes:
    """Read a file, unless it is too large to be a ground truth, a run or a table.

    Raises
    ------
    GroundTruthError
        When it cannot be read, is not a regular file, or has more than `LARGEST_FILE` bytes.
    """
    return _read(path, read_up_to, LARGEST_FILE)


def _read(path: PathLike, reader: Callable[[PathLike, int], bytes], n: int) -> bytes:
    where = os.fsdecode(path)
    try:
        return reader(path, n)
    except FileLimitError as error:
        raise GroundTruthError(f"{where}: {error}; check that it is the file you meant") from None
    except (OSError, ValueError) as error:  # a ValueError for a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise GroundTruthError(f"{where}: {reason}; check the path") from error


def read_text(path: PathLike) -> str:
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark.

    Bytes that are not UTF-8 become surrogate escapes.
    """
    content = read_limited(path)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise GroundTruthError(
                f"{os.fsdecode(path)} begins like UTF-16 and is not ({error}); save it as UTF-8"
            ) from error
    return content.decode("utf-8-sig", "surrogateescape")


def first_line(path: PathLike) -> str:
    """Read the first line that is not blank, without blanks around it; "" when there is none.

    Only the start of the file is read (64 KB), so that its kind can be told whatever its size.
    """
    content = _read(path, read_start, _START)
    is_utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    kind, errors = ("utf-16", "replace") if is_utf16 else ("utf-8-sig", "surrogateescape")
    # The start of a longer file may end within a character, which this leaves out.
    text = codecs.getincrementaldecoder(kind)(errors).decode(content, len(content) < _START)
    return text.lstrip().partition("\n")[0].strip()


def read_json(path: PathLike) -> Any:
    """Read a JSON file."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GroundTruthError(f"{os.fsdecode(path)} is not JSON ({error!s:.300})") from error


def read_lines(path: PathLike, columns: int | None = None) -> list[tuple[str, list[str]]]:
    """Read a text file, and split each line that is not blank at white space.

    Parameters
    ----------
    path : path
    columns : int, optional
        Number of columns that each line must have.

    Returns
    -------
    list of (str, list of str)
        For each line: file and line number, for error messages; and its columns.
    """
    lines = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        where, values = f"{os.fsdecode(path)}, line {number}", line.split()
        if values and columns not in (None, len(values)):
            raise GroundTruthError(
                f"{where}: {len(values)} columns, expected {columns}: {shown(line)}"
            )
        if values:
            lines.append((where, values))
    return lines


def read_table(path: PathLike) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Read a table with a header; see `read_rows`.

    Returns
    -------
    header : list of str
    rows : list of (str, list of str)
        For each row: file and line number, for error messages; and its values.
    """
    (_, header), *body = read_rows(path)
    return header, body


def read_rows(path: PathLike) -> list[tuple[str, list[str]]]:
    """Read a table: separated by tabs in a ``.tsv`` file, else by what separates its first line.

    Returns
    -------
    list of (str, list of str)
        For each row: file and line number, for error messages; and its values. At least one row;
        all rows have the same number of values.
    """
    where, text = os.fsdecode(path), read_text(path)
    first = text.lstrip().partition("\n")[0]
    separator = next((s for s in (",", ";", "\t") if s in first), ",")
    if where.lower().endswith(".tsv"):
        separator = "\t"
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        rows = [(f"{where}, line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise GroundTruthError(f"{where}, line {reader.line_num}: {error}") from error
    if not rows:
        raise GroundTruthError(f"{where} is empty, expected a table with a header")
    n = len(rows[0][1])
    for line, row in rows:
        if len(row) != n:
            raise GroundTruthError(f"{line}: {len(row)} values, but the header has {n}")
    return rows


def names_in(folder: PathLike) -> list[str]:
    """Names of the pictures below a folder: sorted paths relative to it, with ``/``."""
    if not Path(folder).is_dir():
        raise GroundTruthError(f"{os.fsdecode(folder)} is not a folder; check the path")
    try:
        return [picture.identifier for picture in find_pictures(os.path.abspath(folder))]
    except BovwError as error:
        raise GroundTruthError(str(error)) from error


def picture_names(source: Names) -> list[str]:
    """Names of pictures, from an iterable, a file with one name per line, or a folder."""
    if not isinstance(source, (str, os.PathLike)):
        return list(source)
    if Path(source).is_dir():
        return names_in(source)
    return [line.strip() for line in read_text(source).split("\n") if line.strip()]


def picture_finder(names: Iterable[str] | None) -> Callable[[str, str], str]:
    """Make a function that finds pictures by their stems (names without folder and suffix).

    Ground truths of landmarks name pictures by their stems.

    Parameters
    ----------
    names : iterable of str or None
        Names of the pictures, in any folders. None: the name of each picture is ``STEM.jpg``.

    Returns
    -------
    callable
        Takes a stem, and the place where it was read (for error messages); returns the name.
    """
    if names is None:
        return lambda stem, where: f"{stem}.jpg"
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        found[PurePosixPath(name).stem].append(name)

    def find(stem: str, where: str) -> str:
        same = found.get(stem, [])
        if len(same) != 1:
            those = f"{same[0]!r} and {same[1]!r} both are" if same else "none of the images is"
            raise GroundTruthError(
                f"{where}: {those} called {stem!r}; give as images the folder or list that holds "
                "every picture of the base once"
            )
        return same[0]

    return find


def to_whole(text: str) -> int | None:
    """Read a whole number of TREC: ``1``, ``-1`` or ``1.0``; None when it is none, or too large."""
    match = re.fullmatch(r"([+-]?[0-9]{1,15})(?:\.0*)?", text, re.ASCII)
    return None if match is None else int(match[1])


def to_float(value: Any) -> float:
    """Convert a number to a float; NaN when it is none, or too large for one."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def to_box(values: Any, where: str) -> Box:
    """Convert the corners ``x0, y0, x1, y1`` of a box to floats, and check them."""
    try:
        x0, y0, x1, y1 = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        raise GroundTruthError(f"{where}: bbox is {shown(values)}, expected four numbers") from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise GroundTruthError(f"{where}: bbox is {shown(values)}, expected four finite numbers")
    if not (x0 < x1 and y0 < y1):
        raise GroundTruthError(
            f"{where}: bbox is {shown(values)}, expected x0, y0, x1, y1 with x0 < x1 and y0 < y1"
        )
    return x0, y0, x1, y1
