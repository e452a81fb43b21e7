"""What the readers share: files, names of pictures, boxes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from ..errors import BovwError, GroundTruthError
from ..evaluation import Box
from ..pictures import find_pictures

PathLike: TypeAlias = "str | os.PathLike[str]"
Names: TypeAlias = "PathLike | Iterable[str]"


def read_text(path: PathLike) -> str:
    """Read a text file; bytes that are not UTF-8 are kept by surrogate escapes."""
    try:
        return Path(path).read_text("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise GroundTruthError(f"{os.fsdecode(path)}: {error.strerror}; check the path") from error


def read_json(path: PathLike) -> Any:
    """Read a JSON file."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GroundTruthError(f"{os.fsdecode(path)} is not JSON ({error})") from error


def read_lines(path: PathLike, columns: int | None = None) -> list[tuple[str, list[str]]]:
    """Split the lines that are not blank at white space.

    Parameters
    ----------
    path : path
    columns : int, optional
        How many each must have.

    Returns
    -------
    list of (str, list of str)
        Where each line stands, for messages, and its columns.
    """
    lines = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        where, values = f"{os.fsdecode(path)}, line {number}", line.split()
        if values and columns not in (None, len(values)):
            raise GroundTruthError(f"{where}: {len(values)} columns, expected {columns}: {line!r}")
        if values:
            lines.append((where, values))
    return lines


def read_table(path: PathLike) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Read a table with a header: tabs separate when its name ends in ``.tsv``, else commas.

    Returns
    -------
    header : list of str
    rows : list of (str, list of str)
        Where each row stands, for messages, and its values.
    """
    where = os.fsdecode(path)
    tabs = where.lower().endswith(".tsv")
    reader = csv.reader(io.StringIO(read_text(path)), delimiter="\t" if tabs else ",", strict=True)
    try:
        rows = [(f"{where}, line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise GroundTruthError(f"{where}, line {reader.line_num}: {error}") from error
    if not rows:
        raise GroundTruthError(f"{where} is empty, expected a table with a header")
    (_, header), *body = rows
    for line, row in body:
        if len(row) != len(header):
            raise GroundTruthError(f"{line}: {len(row)} values, but the header has {len(header)}")
    return header, body


def names_in(folder: PathLike) -> list[str]:
    """Names of the pictures below a folder: paths relative to it, with ``/``, in order."""
    if not Path(folder).is_dir():
        raise GroundTruthError(f"{os.fsdecode(folder)} is not a folder; check the path")
    try:
        return [picture.identifier for picture in find_pictures(os.path.abspath(folder))]
    except BovwError as error:
        raise GroundTruthError(str(error)) from error


def picture_names(source: Names) -> list[str]:
    """Names that are given one by one, in a file with one a line, or as a folder of pictures."""
    if not isinstance(source, (str, os.PathLike)):
        return list(source)
    if Path(source).is_dir():
        return names_in(source)
    return [line.strip() for line in read_text(source).split("\n") if line.strip()]


def picture_finder(names: Iterable[str] | None) -> Callable[[str, str], str]:
    """Turn the stems by which ground truths of landmarks name pictures into names.

    Parameters
    ----------
    names : iterable of str or None
        Among these, wherever they lie; None: a stem is called ``STEM.jpg``.

    Returns
    -------
    callable
        Takes a stem and where it was read, for messages.
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


def to_box(values: Any, where: str) -> Box:
    """Check the corners ``x0, y0, x1, y1`` of a box."""
    try:
        x0, y0, x1, y1 = (float(value) for value in values)
    except (TypeError, ValueError):
        raise GroundTruthError(f"{where}: bbox is {values!r}, expected four numbers") from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise GroundTruthError(f"{where}: bbox is {values!r}, expected four finite numbers")
    if not (x0 < x1 and y0 < y1):
        raise GroundTruthError(
            f"{where}: bbox is {values!r}, expected x0, y0, x1, y1 with x0 < x1 and y0 < y1"
        )
    return x0, y0, x1, y1
