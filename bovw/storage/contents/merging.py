"""Writes all pictures of a collection as one segment, in memory that does not grow with it.

The views are merged as well, instead of being computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...collection import FACTS, Collection, array_kinds, joined, posting_dtype, slices
from ...pictures import Failure
from .segment_folder import write_failures

_PICTURES_AT_ONCE = 2048
_POSTINGS_AT_ONCE = 1 << 22


def write_merged(
    folder: Path, collection: Collection, failures: tuple[Failure, ...], n_words: int
) -> None:
    """Write all pictures of a collection that are not removed into an empty folder, as one segment.

    They are written a few thousand at a time, so memory use hardly grows with their number.
    """
    write_failures(folder, failures)
    _write_catalogue(folder, collection)
    offsets = np.concatenate([[0], np.cumsum(collection.sizes)]).astype(np.int64)
    np.save(folder / "offsets.npy", offsets)
    for name, (dtype, shape) in array_kinds(n_words).items():
        whole = joined([getattr(segment, name) for segment in collection.segments])
        with _array(folder / f"{name}.npy", dtype, (int(offsets[-1]), *shape)) as file:
            for some in _blocks(len(collection), _PICTURES_AT_ONCE):
                block = slices(whole, collection.starts[some], collection.sizes[some])
                file.write(np.ascontiguousarray(block).tobytes())
    _write_joined(folder, collection)
    _write_postings(folder, collection)


def _blocks(n: int, size: int) -> Iterator[slice]:
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))


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
    before, begins, parts = 0, [], []
    for segment in collection.segments:
        facts = segment.records.facts
        begins.append(np.concatenate([[0], facts["sha256"][:-1]])[: len(facts)] + before)
        shifted = facts.copy()
        for name in ("identifier", "path", "sha256"):
            shifted[name] += before
        parts.append(shifted)
        before += len(segment.records.texts)
    begin, facts = collection.placed(begins), collection.placed(parts)
    sizes = facts["sha256"] - begin
    moved = np.cumsum(sizes) - sizes - begin  # how far each picture's texts move
    texts = joined([segment.records.texts for segment in collection.segments])
    with _array(folder / "texts.npy", np.dtype(np.uint8), (int(sizes.sum()),)) as file:
        for some in _blocks(len(collection), _PICTURES_AT_ONCE):
            file.write(slices(texts, begin[some], sizes[some]).tobytes())
    for name in ("identifier", "path", "sha256"):
        facts[name] += moved
    np.save(folder / "pictures.npy", facts.astype(FACTS, copy=False))


def _write_joined(folder: Path, collection: Collection) -> None:
    views = [segment.views for segment in collection.segments]
    before = np.cumsum([0, *(len(view.joined) for view in views)]).tolist()
    starts = collection.placed(
        [view.joined_offsets[:-1] + b for view, b in zip(views, before[:-1], strict=True)]
    )
    sizes = collection.placed([np.diff(view.joined_offsets) for view in views])
    np.save(folder / "joined_offsets.npy", np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
    whole = joined([view.joined for view in views])
    with _array(folder / "joined.npy", np.dtype(np.uint64), (int(sizes.sum()),)) as file:
        for some in _blocks(len(collection), _PICTURES_AT_ONCE):
            file.write(slices(whole, starts[some], sizes[some]).tobytes())


def _write_postings(folder: Path, collection: Collection) -> None:
    n = len(collection)
    offsets = np.concatenate([[0], np.cumsum(collection.document_frequencies())]).astype(np.int64)
    np.save(folder / "posting_offsets.npy", offsets)
    sources = []
    for segment in collection.segments:
        positions = np.full(len(segment), -1, np.int64)
        mine = np.flatnonzero(collection.keys >> 32 == segment.number)
        positions[collection.places(segment)] = mine
        sources.append((segment.views, positions))
    kinds = {view.postings.dtype for view, _ in sources}
    kind = posting_dtype(n, 0) if kinds <= {np.dtype(np.uint16)} else np.dtype(np.uint32)
    total = sum(view.posting_offsets for view, _ in sources)
    with _array(folder / "postings.npy", kind, (int(offsets[-1]), 2)) as file:
        for some in _word_blocks(np.asarray(total, np.int64)):
            file.write(_merged_postings(sources, some, n).astype(kind).tobytes())


def _word_blocks(offsets: NDArray[np.int64]) -> Iterator[slice]:
    """Words whose postings are few enough to be merged at once."""
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + _POSTINGS_AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(offsets) - 1)
        yield slice(first, last)
        first = last


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
