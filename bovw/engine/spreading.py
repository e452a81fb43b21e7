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
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..errors import BovwError, IncompatibleError, StorageError
from ..features import (
    Extractor,
    FeatureCache,
    Features,
    as_given,
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
    def shared_by(cls, reader: Reader, n_items: int) -> StoredIndex | None:
        """The index of a reader, if it pays that several processes open it for so many queries."""
        index, workers = reader.index, min(worker_count(reader.n_jobs), n_items)
        if reader.folder is None or not index.digest or workers < 2:  # it is only in memory
            return None
        if n_items < _ENOUGH * workers:
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
    index, stored = reader.index, StoredIndex.shared_by(reader, len(items))
    if stored is None:
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
            with limited_threads(1):
                done_here = work(index, item)
            yield done_here


def _there(
    stored: StoredIndex, work: Callable[[Index, Item], Result], item: Item
) -> tuple[Any, str | None]:
    """Do work in a process that opens the index; say so if it is not there any more."""
    try:
        index = stored.open()
    except StorageError as error:
        return None, str(error)
    return work(index, item), None


def answered(
    reader: Reader,
    blocks: Iterator[Sequence[Query]],
    answer: Answering[Result],
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Generator[tuple[str, Result | BovwError], None, None]:
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

    Raises
    ------
    IncompatibleError
        At once, when the reader has no extractor for the features of its index.
    """
    reader._check_extractor()
    return _answered(reader, blocks, answer, cache, progress)


def _answered(
    reader: Reader,
    blocks: Iterator[Sequence[Query]],
    answer: Answering[Result],
    cache: str | os.PathLike[str] | None,
    progress: bool,
) -> Generator[tuple[str, Result | BovwError], None, None]:
    ahead = list(islice(blocks, 2 if progress else 0))
    results = chain.from_iterable(
        _block(reader, block, answer, cache) for block in chain(ahead, blocks)
    )
    if progress:
        total = sum(map(len, ahead)) if len(ahead) < 2 else None  # of an iterator it is not known
        yield from progress_bar(results, "searching", total, "query")
    else:
        yield from results


def _block(
    reader: Reader,
    queries: Sequence[Query],
    answer: Answering[Result],
    cache: str | os.PathLike[str] | None,
) -> Iterator[tuple[str, Result | BovwError]]:
    index, extractor = reader.index, reader.extractor
    if len(queries) > 1 and StoredIndex.shared_by(reader, len(queries)) is None:
        for name, found in extract_queries(
            queries, index.settings, extractor=extractor, cache=cache, n_jobs=reader.n_jobs
        ):
            if isinstance(found, BovwError):
                yield name, found
                continue
            with limited_threads(1):
                result = answer(index, found, name, Stopwatch())
            yield name, result
        return
    names, given = portable_queries(queries)
    check_portable(extractor, reader.n_jobs)
    kept = None if cache is None else FeatureCache(cache, index.settings, extractor)
    work = partial(_extracted_and_answered, answer=answer, cache=kept, extractor=extractor)
    named = list(zip(names, given, strict=True))
    yield from as_given(names, spread(reader, work, named, lost=lambda item: lost_picture(item[0])))


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
