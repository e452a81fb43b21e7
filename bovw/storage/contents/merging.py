"""Writes all pictures of a collection as one segment, in memory that does not grow with it.

The views are merged as well, instead of being computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...collection import (
    ARRAYS,
    FACTS,
    Collection,
    joined,
    posting_dtype,
    slices,
    split_keys,
    word_blocks,
)
from ...pictures import Failure
from .segment_folder import write_failures

_PICTURES_AT_ONCE = 2048
_POSTINGS_AT_ONCE = 1 << 22


def write_merged(folder: Path, collection: Collection, failures: tuple[Failure, ...]) -> None:
    """Write all pictures of a collection that are not removed into an empty folder, as one segment.

    They are written a few thousand at a time, so memory use hardly grows with their number.
    """
    write_failures(folder, failures)
    _write_catalogue(folder, collection)
    segments = collection.segments
    np.save(folder / "offsets.npy", _offsets(collection.sizes))
    for name in ARRAYS:
        columns = [getattr(segment, name) for segment in segments]
        _write_column(folder / f"{name}.npy", columns, collection.starts, collection.sizes)
    starts, sizes = collection.spans([segment.views.joined_offsets for segment in segments])
    columns = [segment.views.joined for segment in segments]
    _write_column(folder / "joined.npy", columns, starts, sizes)
    np.save(folder / "joined_offsets.npy", _offsets(sizes))
    _write_postings(folder, collection)


@contextmanager
def _array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Iterator[BinaryIO]:
    """Give a file in numpy's format, to which the array's bytes have to be written."""
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def _write_catalogue(folder: Path, collection: Collection) -> None:
    catalogues = [segment.records for segment in collection.segments]
    offsets = [np.concatenate([[0], each.facts["sha256"]]) for each in catalogues]
    starts, sizes = collection.spans(offsets)
    _write_column(folder / "texts.npy", [each.texts for each in catalogues], starts, sizes)
    facts = collection.placed([each.facts for each in catalogues])
    # How far the texts of each picture have moved.
    moved = np.cumsum(sizes) - sizes - collection.placed([each[:-1] for each in offsets])
    for name in ("identifier", "path", "sha256"):
        facts[name] += moved
    np.save(folder / "pictures.npy", facts.astype(FACTS, copy=False))


def _write_column(
    path: Path,
    columns: Sequence[NDArray[Any]],
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> None:
    """Write what the segments have of each picture, one picture after another.

    `starts` and `sizes` are those of the pictures in all `columns`, as from `Collection.spans`.
    """
    whole = joined(columns)
    shape = (int(sizes.sum()), *columns[0].shape[1:])
    with _array(path, columns[0].dtype, shape) as file:
        for first in range(0, len(sizes), _PICTURES_AT_ONCE):
            some = slice(first, first + _PICTURES_AT_ONCE)
            block = slices(whole, starts[some], sizes[some])
            file.write(np.ascontiguousarray(block).tobytes())


def _offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _write_postings(folder: Path, collection: Collection) -> None:
    n = len(collection)
    offsets = _offsets(collection.document_frequencies())
    np.save(folder / "posting_offsets.npy", offsets)
    numbers, places = split_keys(collection.keys)
    sources = []
    for segment in collection.segments:
        positions = np.full(len(segment), -1, np.int64)
        mine = np.flatnonzero(numbers == segment.number)
        positions[places[mine]] = mine
        sources.append((segment.views, positions))
    kinds = {view.postings.dtype for view, _ in sources}
    kind = posting_dtype(n, 0) if kinds <= {np.dtype(np.uint16)} else np.dtype(np.uint32)
    total = sum(view.posting_offsets for view, _ in sources)
    with _array(folder / "postings.npy", kind, (int(offsets[-1]), 2)) as file:
        for some in word_blocks(np.asarray(total, np.int64), _POSTINGS_AT_ONCE):
            file.write(_merged_postings(sources, some, n).astype(kind).tobytes())


def _merged_postings(sources: list[Any], words: slice, n: int) -> NDArray[np.int64]:
    """Postings ``(m, 2)`` of some words over all segments, by word and position."""
    keys, counts = [], []
    for view, positions in sources:
        bounds = view.posting_offsets[words.start : words.stop + 1]
        found = view.postings[bounds[0] : bounds[-1]].astype(np.int64)
        word = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        position = positions[found[:, 0]]
        kept = position >= 0
        keys.append(word[kept] * n + position[kept])
        counts.append(found[kept, 1])
    key, count = np.concatenate(keys), np.concatenate(counts)
    if len(sources) > 1:
        order = np.argsort(key, kind="stable")
        key, count = key[order], count[order]
    return np.stack([key % n if n else key, count], axis=1)
