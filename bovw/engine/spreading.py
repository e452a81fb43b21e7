"""Spreads queries over processes, each of which opens the index by itself.

The files of an index are memory-mapped, so that all processes of a machine share one copy of them
in memory. Only the query and its result travel between them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..errors import BovwError, IncompatibleError, StorageError
from ..features import (
    Extractor,
    FeatureCache,
    Features,
    check_portable,
    extract_queries,
    extract_query,
    lost_picture,
    portable_queries,
)
from ..index import Index
from ..parallel import limited_threads, ordered_map, progress_bar, thread_count, worker_count
from ..pictures import Box, Source
from ..search import Stopwatch
from ..settings import Settings
from ..storage import load_index
from .reader import Reader

Item = TypeVar("Item")
Result = TypeVar("Result")
Query: TypeAlias = tuple[Source, Box | None]
Answering: TypeAlias = Callable[[Index, Features, str, Stopwatch], Result]

# From this many queries for each process on, it pays that each opens the index.
_ENOUGH = 8


@dataclass(frozen=True)
class StoredIndex:
    """An index on disk, as another process can open it.

    Attributes
    ----------
    folder : Path
    digest : str
        `Index.digest`: the index of which answers are wanted, not a later one.
    trusted : bool
        See `Engine.open`.
    settings : Settings
        With which it is searched.
    """

    folder: Path
    digest: str
    trusted: bool
    settings: Settings

    @classmethod
    def of(cls, reader: Reader) -> StoredIndex | None:
        """The index of a reader; None when it is only in memory."""
        index = reader.index
        if reader.folder is None or not index.digest:
            return None
        return cls(reader.folder.absolute(), index.digest, reader.trusted, index.settings)

    def open(self) -> Index:
        """Open it; the last one is kept open in this process.

        Raises
        ------
        StorageError
            When the folder holds another index by now, or none.
        """
        return _opened(self)


@lru_cache(maxsize=1)
def _opened(stored: StoredIndex) -> Index:
    index = load_index(stored.folder, trusted=stored.trusted)
    if index.digest != stored.digest:
        raise IncompatibleError(f"the index {stored.folder} has changed: open it again")
    if index.settings == stored.settings:
        return index
    return index.changed(**asdict(stored.settings))


def spread(
    reader: Reader,
    work: Callable[[Index, Item], Result],
    items: Sequence[Item],
    *,
    lost: Callable[[Item], Result],
) -> Generator[Result, None, None]:
    """Apply `work` to the index of a reader and each item; yield the results in their order.

    With enough items, an index on disk and several jobs, the work is done in parallel by processes
    that open the index. When it has changed on disk meanwhile, this process does the work.

    Parameters
    ----------
    reader : Reader
    work : callable
        Is given an index and an item. It must be picklable, as the items and results.
    items : sequence
    lost : callable
        The result for an item that kills the process that works on it.
    """
    index, stored = reader.index, StoredIndex.of(reader)
    if stored is None or not is_worth_it(reader, len(items)):
        n_threads = thread_count(reader.n_jobs) if len(items) == 1 else 1
        for item in items:
            with limited_threads(n_threads):
                result = work(index, item)
            yield result
        return
    found = ordered_map(
        partial(_there, stored, work),
        items,
        n_jobs=reader.n_jobs,
        lost=lambda item: (lost(item), None),
    )
    warned = False
    with closing(found):
        for item, (result, problem) in zip(items, found, strict=True):
            if problem is None:
                yield result
                continue
            if not warned:
                warned = True
                logging.getLogger("bovw").warning("one process answers all queries: %s", problem)
            yield work(index, item)


def _there(
    stored: StoredIndex, work: Callable[[Index, Item], Result], item: Item
) -> tuple[Any, str | None]:
    """Do work in a process that opens the index; say so if it is not there any more."""
    try:
        index = stored.open()
    except StorageError as error:
        return None, str(error)
    return work(index, item), None


def is_worth_it(reader: Reader, n_items: int) -> bool:
    """Whether several processes should open the index of a reader for so many queries."""
    workers = min(worker_count(reader.n_jobs), n_items)
    return StoredIndex.of(reader) is not None and workers > 1 and n_items >= _ENOUGH * workers


def answered(
    reader: Reader,
    blocks: Iterator[Sequence[Query]],
    answer: Answering[Result],
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Iterator[tuple[str, Result | BovwError]]:
    """Extract the features of queries and answer them; yield the name and the result of each.

    A few queries are extracted in parallel, and answered by this process.

    Parameters
    ----------
    reader : Reader
    blocks : iterator of sequence of (source, region)
        All queries, some at a time.
    answer : callable
        Is given the index, and the features, name and stopwatch of a query. It must be picklable.
    cache : path, optional
        See `extract_files`.
    progress : bool
    """
    first = next(blocks, [])
    second = next(blocks, None)

    def each() -> Iterator[tuple[str, Result | BovwError]]:
        yield from _block(reader, first, answer, cache)
        if second is not None:
            yield from _block(reader, second, answer, cache)
        for block in blocks:
            yield from _block(reader, block, answer, cache)

    results = each()
    if not progress:
        return results
    total = len(first) if second is None else None
    return iter(progress_bar(results, "searching", total, "query"))


def _block(
    reader: Reader,
    queries: Sequence[Query],
    answer: Answering[Result],
    cache: str | os.PathLike[str] | None,
) -> Iterator[tuple[str, Result | BovwError]]:
    index, extractor = reader.index, reader.extractor
    if len(queries) > 1 and not is_worth_it(reader, len(queries)):
        for name, found in extract_queries(
            queries, index.settings, extractor=extractor, cache=cache, n_jobs=reader.n_jobs
        ):
            if isinstance(found, BovwError):
                yield name, found
            else:
                yield name, answer(index, found, name, Stopwatch())
        return
    names, given = portable_queries(queries)
    check_portable(extractor, reader.n_jobs)
    kept = None if cache is None else FeatureCache(cache, index.settings, extractor)
    work = partial(_extracted_and_answered, answer=answer, cache=kept, extractor=extractor)
    named = list(zip(names, given, strict=True))
    yield from zip(
        names, spread(reader, work, named, lost=lambda item: lost_picture(item[0])), strict=True
    )


def _extracted_and_answered(
    index: Index,
    query: tuple[str, Any],
    answer: Answering[Result],
    cache: FeatureCache | None,
    extractor: Extractor | None,
) -> Result | BovwError:
    name, given = query
    stopwatch = Stopwatch()
    with stopwatch("features"):
        found = extract_query(given, index.settings, cache, extractor)
    if isinstance(found, BovwError):
        return found
    return answer(index, found, name, stopwatch)
