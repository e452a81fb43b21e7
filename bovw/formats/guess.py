"""Guess the format of a ground truth from its files."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import GroundTruthError
from ..pictures import SUFFIXES
from .landmarks import HEADER
from .parsing import PathLike, first_line, read_json


def guess_format(path: PathLike) -> str:
    """Return the format of a file or folder, by the first of these rules that applies.

    =====================================================  =====================
    folder with ``*_query.txt``                            oxford
    folder with ``Reference/`` or ``CATEGORY/Reference/``  stanford
    folder with ``original/`` and a folder of copies       copydays
    folder whose sub-folders hold pictures                 classes
    ``.pkl``, or ``.json`` with ``imlist``                 revisited
    other ``.json``                                        json
    ``.csv`` that begins ``id,images``                     landmarks
    other ``.csv``, ``.tsv``                               labels
    ``.qrels``, ``.qrel``, ``.txt`` with four columns      qrels
    =====================================================  =====================

    Holidays and UKBench look like any folder or list of pictures, so their format must be given.
    """
    place = Path(path)
    if not place.exists():
        raise GroundTruthError(f"{place}: no such file or folder; check the path")
    try:
        found = _of_folder(place) if place.is_dir() else _of_file(place)
    except OSError as error:  # it changes meanwhile, or may not be read
        raise GroundTruthError(
            f"{error.filename or place}: {error.strerror or error}; name the format"
        ) from error
    if found is None:
        raise GroundTruthError(
            f"{os.fsdecode(path)} looks like no known ground truth; name its format"
        )
    return found


def _of_folder(folder: Path) -> str | None:
    # os.walk passes over folders that vanish meanwhile, or that cannot be read.
    closed: list[OSError] = []
    walk = os.walk(folder, onerror=closed.append)
    _, folders, names = next(walk, (None, [], []))
    if closed:
        raise GroundTruthError(f"{folder}: {closed[0].strerror}; check its permissions")
    parts = set(folders)
    if any(name.endswith("_query.txt") for name in names):
        return "oxford"
    if "Reference" in parts or any((folder / part / "Reference").is_dir() for part in folders):
        return "stanford"
    if "original" in parts and parts & {"strong", "jpeg", "jpegqual", "crops"}:
        return "copydays"
    if any(Path(name).suffix.lower() in SUFFIXES for _, _, within in walk for name in within):
        return "classes"
    return None


def _of_file(file: Path) -> str | None:
    suffix = file.suffix.lower()
    if suffix == ".json":
        content = read_json(file)
        return "revisited" if isinstance(content, dict) and "imlist" in content else "json"
    if suffix == ".pkl":
        return "revisited"
    if suffix not in (".csv", ".tsv", ".qrels", ".qrel", ".txt"):
        return None
    first = first_line(file)
    if suffix in (".csv", ".tsv"):
        return "landmarks" if first.startswith(",".join(HEADER[:2])) else "labels"
    return "qrels" if len(first.split()) == 4 else None
