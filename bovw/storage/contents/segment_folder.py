"""A segment on disk: a catalogue of its pictures, and arrays of their features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...collection import ARRAYS, FACTS, Catalogue, Segment, Views, array_kinds
from ...errors import FormatError
from ...pictures import Failure, Record
from ..arrays import load_array
from ..looking import content_of, looking
from ..manifest import ADVICE
from .values import shown

_CATALOGUE = "catalogue.json"
_FAILURES = "failed.json"
NAMES = ("pictures.npy", "texts.npy", _FAILURES)
_VIEWS = tuple(field.name for field in fields(Views))
_CATALOGUE_BYTES = 4 << 30
"""Largest catalogue that is read; a million pictures take some 250 MB."""
_LONGEST_SIDE = 1 << 31
_MOST_SEGMENTS = 1 << 31


def segment_name(number: int) -> str:
    """Name of the folder of a segment, relative to its index."""
    return f"segments/{number:04d}"


def segment_number(name: Any) -> int:
    """Number of a segment by the name of its folder; a FormatError when that is no such name."""
    digits = name.removeprefix("segments/") if isinstance(name, str) else ""
    number = int(digits) if digits.isdecimal() and len(digits) <= 10 else 0
    if segment_name(number) != name or not 0 < number < _MOST_SEGMENTS:
        raise FormatError(f"the manifest names a segment {name!r:.200}: {ADVICE}")
    return number


def write_segment(folder: Path, segment: Segment) -> None:
    """Write a segment, with its views, into an empty folder."""
    write_names(folder, segment)
    np.save(folder / "offsets.npy", segment.offsets)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(segment, name))
    for name in _VIEWS:
        np.save(folder / f"{name}.npy", getattr(segment.views, name))


def write_names(folder: Path, segment: Segment) -> None:
    """Write those files of a segment that hold identifiers; `NAMES` lists them."""
    write_failures(folder, segment.failures)
    np.save(folder / "pictures.npy", segment.records.facts)
    np.save(folder / "texts.npy", segment.records.texts)


def write_failures(folder: Path, failures: tuple[Failure, ...]) -> None:
    """Write failures as lists of the values of their fields."""
    text = json.dumps([astuple(f) for f in failures], ensure_ascii=True, separators=(",", ":"))
    (folder / _FAILURES).write_text(text + "\n", encoding="ascii")


def write_catalogue(path: Path, records: tuple[Record, ...], failures: tuple[Failure, ...]) -> None:
    """Write records and failures of a compressed index; each becomes a list of its values."""
    content = {
        "columns": [field.name for field in fields(Record)],
        "pictures": [astuple(record) for record in records],
        "failed": [astuple(failure) for failure in failures],
    }
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    path.write_text(text + "\n", encoding="ascii")


def load_segment(folder: Path, manifest: Mapping[str, Any], name: str, n_words: int) -> Segment:
    """Memory-map a segment.

    Parameters
    ----------
    folder : Path
        Folder of the index.
    manifest : mapping
        Manifest of the index.
    name : str
        Folder of the segment; see `segment_name`.
    n_words : int
        Size of the vocabulary.
    """
    number = segment_number(name)
    is_old = f"{name}/{_CATALOGUE}" in manifest["files"]  # version 2 of the format
    if is_old:
        rows, failures = read_catalogue(folder / name / _CATALOGUE)
        records = Catalogue.of(rows)
    else:
        records, failures = load_catalogue(folder, manifest, name)
    length = len(records) + 1
    offsets = load_array(folder, manifest, f"{name}/offsets.npy", ("int64",), (length,))
    n: int | None = None
    arrays = []
    for array, (dtype, shape) in array_kinds(n_words).items():
        expected = (n, *shape)
        arrays.append(load_array(folder, manifest, f"{name}/{array}.npy", (dtype.name,), expected))
        n = len(arrays[-1])
    _check_offsets(offsets, n or 0, folder / name, "words.npy")
    views = None if is_old else _load_views(folder, manifest, name, length, n_words)
    words, signatures, keypoints = arrays
    return Segment(number, records, failures, offsets, words, signatures, keypoints, n_words, views)


def load_catalogue(
    folder: Path, manifest: Mapping[str, Any], name: str
) -> tuple[Catalogue, tuple[Failure, ...]]:
    """Memory-map the records of a segment, and read its failures."""
    facts = load_array(folder, manifest, f"{name}/pictures.npy", (FACTS,), (None,))
    texts = load_array(folder, manifest, f"{name}/texts.npy", ("uint8",), (None,))
    records = Catalogue(facts, texts)
    problem = records.problem()
    if problem is not None:
        raise FormatError(f"{folder / name / 'pictures.npy'} {problem}: {ADVICE}")
    path = folder / name / _FAILURES
    if f"{name}/{_FAILURES}" not in manifest["files"]:
        raise FormatError(f"{folder}: the manifest lists no {name}/{_FAILURES}: {ADVICE}")
    try:
        with looking(path):
            content = json.loads(content_of(path, _CATALOGUE_BYTES).decode("ascii"))
            failures = tuple([checked_failure(row) for row in content])
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{path} is not as expected ({error}): {ADVICE}") from error
    return records, failures


def _load_views(
    folder: Path, manifest: Mapping[str, Any], name: str, length: int, n_words: int
) -> Views:
    def load(view: str, dtypes: tuple[str, ...], shape: tuple[int | None, ...]) -> NDArray[Any]:
        return load_array(folder, manifest, f"{name}/{view}.npy", dtypes, shape)

    views = Views(
        load("posting_offsets", ("int64",), (n_words + 1,)),
        load("postings", ("uint16", "uint32"), (None, 2)),
        load("joined_offsets", ("int64",), (length,)),
        load("joined", ("uint64",), (None,)),
    )
    _check_offsets(views.posting_offsets, len(views.postings), folder / name, "postings.npy")
    _check_offsets(views.joined_offsets, len(views.joined), folder / name, "joined.npy")
    return views


def _check_offsets(offsets: NDArray[np.int64], n: int, folder: Path, name: str) -> None:
    if offsets[0] != 0 or offsets[-1] != n or (offsets[1:] < offsets[:-1]).any():
        what = {"words.npy": "", "postings.npy": "posting_", "joined.npy": "joined_"}[name]
        raise FormatError(f"{folder / f'{what}offsets.npy'} does not fit {name}: {ADVICE}")


def read_catalogue(path: Path) -> tuple[tuple[Record, ...], tuple[Failure, ...]]:
    """Read the records and failures of a compressed index, or of a segment of version 2.

    Raises
    ------
    FormatError
        When they are malformed.
    StorageError
        When the file is larger than any catalogue, or could not be looked at.
    """
    try:
        with looking(path):
            content = json.loads(content_of(path, _CATALOGUE_BYTES).decode("ascii"))
            records = tuple([checked_record(row) for row in content["pictures"]])
            failures = tuple([checked_failure(row) for row in content["failed"]])
            for before, r in pairwise(records):
                if before.identifier >= r.identifier:
                    raise ValueError(f"the record {shown(r)} is out of order")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"{path} is not as expected ({error}): {ADVICE}") from error
    return records, failures


def checked_record(row: Sequence[Any]) -> Record:
    """Make a record from its fields; raise a ValueError or TypeError when they are malformed."""
    r = Record(*row)
    if not (
        isinstance(r.identifier, str)
        and isinstance(r.path, str)
        and type(r.width) is type(r.height) is type(r.size) is type(r.mtime_ns) is int
        and 0 < r.width < _LONGEST_SIDE
        and 0 < r.height < _LONGEST_SIDE
        and isinstance(r.sha256, str)
    ):
        raise ValueError(f"the record {shown(r)} is malformed")
    return r


def checked_failure(row: Sequence[Any]) -> Failure:
    """Make a failure from its fields; raise a ValueError or TypeError when they are malformed."""
    f = Failure(*row)
    texts = (f.identifier, f.path, f.reason)
    if not (all(isinstance(t, str) for t in texts) and type(f.size) is type(f.mtime_ns) is int):
        raise ValueError(f"the failure {shown(f)} is malformed")
    return f
