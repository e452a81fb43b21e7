"""A segment on disk: a catalogue of its pictures, and arrays of their features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...collection import ARRAYS, Collection, Segment, array_kinds
from ...errors import FormatError
from ...pictures import Failure, Record
from ..arrays import load_array
from ..looking import content_of, looking
from ..manifest import ADVICE
from .values import shown

_CATALOGUE = "catalogue.json"
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
    """Write a segment into an empty folder."""
    write_catalogue(folder / _CATALOGUE, segment.records, segment.failures)
    np.save(folder / "offsets.npy", segment.offsets)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(segment, name))


def write_merged(
    folder: Path, collection: Collection, failures: tuple[Failure, ...], n_words: int
) -> None:
    """Write all pictures of a collection that are not removed into an empty folder, as one segment.

    They are written one after another, so memory use does not grow with their number.
    """
    write_catalogue(folder / _CATALOGUE, collection.records, failures)
    offsets = np.concatenate([[0], np.cumsum(collection.sizes)]).astype(np.int64)
    np.save(folder / "offsets.npy", offsets)
    files = {name: (folder / f"{name}.npy").open("wb") for name in ARRAYS}
    try:
        for name, (dtype, shape) in array_kinds(n_words).items():
            header = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": (int(offsets[-1]), *shape),
            }
            np.lib.format.write_array_header_1_0(files[name], header)
        for position in range(len(collection)):
            for name, array in collection.stored(position).items():
                files[name].write(np.ascontiguousarray(array).tobytes())
    finally:
        for file in files.values():
            file.close()


def write_catalogue(path: Path, records: tuple[Record, ...], failures: tuple[Failure, ...]) -> None:
    """Write records and failures; each becomes a list of the values of its fields."""
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
    number, catalogue = segment_number(name), f"{name}/{_CATALOGUE}"
    if catalogue not in manifest["files"]:
        raise FormatError(f"{folder}: the manifest lists no {catalogue}: {ADVICE}")
    records, failures = read_catalogue(folder / catalogue)
    length = len(records) + 1
    offsets = load_array(folder, manifest, f"{name}/offsets.npy", ("int64",), (length,))
    n: int | None = None
    arrays = {}
    for array, (dtype, shape) in array_kinds(n_words).items():
        expected = (n, *shape)
        arrays[array] = load_array(folder, manifest, f"{name}/{array}.npy", (dtype.name,), expected)
        n = len(arrays[array])
    if offsets[0] != 0 or offsets[-1] != n or (offsets[1:] < offsets[:-1]).any():
        raise FormatError(f"{folder / name / 'offsets.npy'} does not fit words.npy: {ADVICE}")
    return Segment(number, records, failures, offsets, **arrays)


def read_catalogue(path: Path) -> tuple[tuple[Record, ...], tuple[Failure, ...]]:
    """Read the records and failures of a segment.

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
