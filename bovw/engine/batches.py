"""Many queries: answers as they come, from all cores."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import BovwError
from ..features import Features, Queries, lost_picture, query_blocks
from ..index import Filter, Index, search_index, search_index_stored
from ..parallel import progress_bar
from ..search import (
    SearchResult,
    SearchResults,
    Stopwatch,
    checked_k,
    checked_on_error,
    results_of,
)
from ..settings import checked_arguments
from .searcher import Also, Searcher
from .spreading import answered, spread


class BatchSearcher(Searcher):
    """Searches with many pictures, or with all that an index has.

    With several jobs (`n_jobs`) and an index on disk, each job is a process that opens the index;
    the answers are the same.
    """

    @checked_arguments
    def search_many(
        self,
        queries: Queries,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        also: Also = None,
        on_error: str = "record",
        explain: bool = False,
        progress: bool = False,
    ) -> SearchResults:
        """Search for many queries; see `search_each`, which yields the results as they come.

        Returns
        -------
        SearchResults
            A list of `SearchResult`, in the order of the queries.
        """
        return SearchResults(
            self.search_each(
                queries,
                k,
                allow=allow,
                deny=deny,
                verify=verify,
                expand=expand,
                also=also,
                on_error=on_error,
                explain=explain,
                progress=progress,
            )
        )

    @checked_arguments
    def search_each(
        self,
        queries: Queries,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        also: Also = None,
        on_error: str = "record",
        explain: bool = False,
        progress: bool = False,
    ) -> Iterator[SearchResult]:
        """Search for many queries, and yield the result of each in their order, as they come.

        Memory does not grow with the number of queries: also an iterator is read only a little
        ahead.

        Parameters
        ----------
        queries : iterable of sources, or of (source, region); or a path
            A path alone may be a folder of pictures. Arrays have their colours in the order BGR.
        on_error : {"record", "raise"}
            What to do with a query that cannot be read: put the reason into
            ``SearchResult.error``, or raise it.
        k, allow, deny, verify, expand, also, explain
            See `search`.
        progress : bool
            Show a progress bar on stderr, if stderr is a terminal.

        Yields
        ------
        SearchResult
        """
        engine = self.for_search(verify, expand, also)
        on_error = checked_on_error(on_error)
        answer = partial(
            _answer, k=checked_k(k), allowed=engine._allowed(allow, deny), explain=explain
        )
        found = answered(engine, query_blocks(queries), answer, progress=progress)
        return results_of(found, on_error)

    @checked_arguments
    def search_stored_each(
        self,
        identifiers: Iterable[str] | None = None,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        also: Also = (),
        on_error: str = "record",
        progress: bool = False,
    ) -> Iterator[SearchResult]:
        """Search with the stored features of many pictures of the index; see `search_stored`.

        Parameters
        ----------
        identifiers : iterable of str, optional
            Default: all pictures, in increasing order of identifier.
        on_error : {"record", "raise"}
            What to do with a picture that kills the process that searches for it, for example by
            taking all memory: put the reason into ``SearchResult.error``, or raise it.
        also
            See `search_stored`.
        k, allow, deny, verify, expand, progress
            See `search_each`.

        Yields
        ------
        SearchResult
            In the order of the identifiers.

        Raises
        ------
        UnknownPictureError
            When the index has no such picture; before any search begins.
        """
        on_error = checked_on_error(on_error)
        names = self.identifiers if identifiers is None else tuple(identifiers)
        engine = self.for_search(verify, expand, also)
        for name in names:
            engine.collection.position(name)
        work = partial(search_index_stored, k=checked_k(k), allowed=engine._allowed(allow, deny))
        found: Generator[SearchResult | BovwError, None, None] = spread(
            engine, work, names, lost=lost_picture
        )
        return results_of(_named(names, found, progress), on_error)


def _named(
    names: Sequence[str], found: Generator[SearchResult | BovwError, None, None], progress: bool
) -> Generator[tuple[str, SearchResult | BovwError], None, None]:
    """Yield each result with its name; what works ahead ends when this is closed."""
    with closing(found):
        walked = progress_bar(found, "searching", len(names), "picture") if progress else found
        yield from zip(names, walked, strict=True)


def _answer(
    index: Index,
    features: Features,
    name: str,
    stopwatch: Stopwatch,
    *,
    k: int | None,
    allowed: NDArray[np.bool_] | None,
    explain: bool,
) -> SearchResult:
    return search_index(
        index, [features], k, allowed, names=[name], stopwatch=stopwatch, explain=explain
    )
