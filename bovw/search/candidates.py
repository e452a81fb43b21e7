"""Candidates: the histograms nearest to a query's histogram, found by nmslib or exactly.

All methods search the same rows and give the same scores: dot products of weighted histograms.
They differ only in which rows they find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..settings import CandidateMethod, CandidateSettings
from .graphs import Covering, Graph, Loading, StoredGraph, build_graph, loaded
from .histograms import MatrixRows, Rows

# Queries with more words than this are scored exactly instead of by nmslib's inverted index, which
# merges the postings of all words at once and then takes seconds.
_MANY_WORDS = 2000
# The graph over projections gives one candidate in so many, the postings of the query's heaviest
# words, at most so many, the others; docs/scaling.md.
_PROJECTED = 4
_AT_LEAST = 32  # of each graph
_POSTINGS = 1_000_000


@dataclass(frozen=True, eq=False)
class Sought:
    """What a query asks of each part of a collection, for example of each machine of several.

    Attributes
    ----------
    k : int
        How many candidates are sought in the whole collection.
    wanted : int
        How many of the nearest rows graphs and postings are asked for, so that enough of them are
        allowed; 0: all rows are scored exactly.
    n_filled : int
        How many rows of the whole collection are not all zero.
    heavy : (1, n_words) csr_matrix or None
        The query with its heaviest words only, whose postings are asked as well; None: they are
        not.
    """

    k: int
    wanted: int
    n_filled: int
    heavy: sparse.csr_matrix | None = None


@dataclass(frozen=True, eq=False)
class Near:
    """What a part of a collection answers to a query.

    Attributes
    ----------
    positions : (m,) int32 ndarray
        Rows of this part; if all rows were scored, the best of them.
    scores : (m,) float32 ndarray
        Exact scores of these rows; 0 for those that are not allowed.
    is_near : (m,) bool ndarray or None
        Whether each was found by a graph, or is not in one. The others were found by postings, and
        count only if they are among the best in the whole collection. None: all count.
    rough : (m,) float32 ndarray or None
        Score of each by the heaviest words; None with `is_near`.
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    is_near: NDArray[np.bool_] | None = None
    rough: NDArray[np.float32] | None = None


def best_of(parts: Sequence[Near], sought: Sought) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Join what all parts of a collection answer: positions and scores, best first.

    Positions must be those in the whole collection.
    """
    positions = np.concatenate([part.positions for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    if sought.wanted == 0 or len(parts) == 1:
        return _best(positions, scores, sought.k)
    rough = np.concatenate([np.zeros(0, np.float32) if p.rough is None else p.rough for p in parts])
    near = np.concatenate([np.zeros(0, bool) if p.is_near is None else p.is_near for p in parts])
    best = _best(positions, rough, sought.wanted)[0]
    kept = near | np.isin(positions, best)
    return _best(positions[kept], scores[kept], sought.k)


class HistogramIndex:
    """Finds the histograms (rows) that have the largest dot product with a query.

    Parameters
    ----------
    rows : Rows or (n, n_words) csr_matrix of float32
        Weighted histograms. Rows of zeros are never found.
    settings : CandidateSettings, optional
    keys : (n,) int64 ndarray, optional
        Key of the picture of each row; default: the position of the row.
    graphs : sequence of Graph, optional
        Graphs that were built with the same settings over some of these pictures.
    loading : sequence of StoredGraph, optional
        Graphs on disk. With the method "auto" they are loaded in another thread, and until they are
        there all rows are scored exactly; with others they are loaded at once.

    """

    def __init__(
        self,
        rows: Rows | sparse.csr_matrix,
        settings: CandidateSettings | None = None,
        *,
        keys: NDArray[np.int64] | None = None,
        graphs: Sequence[Graph] = (),
        loading: Sequence[StoredGraph] = (),
    ) -> None:
        self.settings = settings or CandidateSettings()
        self.source: Rows = MatrixRows(rows) if sparse.issparse(rows) else rows
        self.keys = np.arange(len(self), dtype=np.int64) if keys is None else keys
        self.is_filled = self.source.is_filled
        self._n_filled = int(self.is_filled.sum())
        self._covering = Covering.of((), self.keys, self.is_filled)
        self._loading = None
        if self.method == "exact" or not self._n_filled:
            return
        if loading and self.settings.method == "auto":
            self._loading = Loading(loading, lambda more: self._use((*graphs, *more)))
            return
        self._use((*graphs, *loaded(loading)))
        if self.settings.method != "auto" and self._covering.is_stale:
            self.rebuild()

    def __len__(self) -> int:
        return len(self.source)

    @property
    def method(self) -> CandidateMethod:
        """The method in use: "auto" is a choice among the others."""
        return self.settings.chosen(len(self))

    def rebuild(self) -> None:
        """Build one graph over all rows that are not all zero."""
        filled = np.flatnonzero(self.is_filled)
        self._use((build_graph(self.source, filled, self.keys[filled], self.settings),))

    def _use(self, graphs: tuple[Graph, ...]) -> None:
        """Search with these graphs from now on."""
        self._covering = Covering.of(graphs, self.keys, self.is_filled)

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The graphs that are searched; none when the method needs none."""
        return self._covering.graphs

    @property
    def is_fresh(self) -> bool:
        """Whether the graphs cover exactly the present rows that are not all zero."""
        return self._covering.is_fresh

    def wait(self) -> None:
        """Wait until the graphs on disk are loaded."""
        if self._loading is not None:
            self._loading.wait()

    def search(
        self,
        queries: sparse.csr_matrix,
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Find up to `k` rows for each query.

        All rows are scored exactly, without nmslib, when `k` is at least their number (nmslib's
        graphs may return fewer rows), or when so few rows are allowed that a graph would miss them.

        Parameters
        ----------
        queries : (n_queries, n_words) csr_matrix
        k : int
        allowed : (n,) bool ndarray, optional
            Which rows may be found; default: all.

        Returns
        -------
        list of (positions, scores)
            For each query, by decreasing score, then increasing position. Rows that share no
            word with the query are left out.
        """
        found = []
        for query in queries:
            sought = self.sought(query, k, self.graphs, allowed)
            found.append(best_of([self.part(query, sought, allowed)], sought))
        return found

    def sought(
        self,
        query: sparse.csr_matrix,
        k: int,
        graphs: Sequence[Graph | StoredGraph],
        allowed: NDArray[np.bool_] | None = None,
    ) -> Sought:
        """Say what a query asks of each part of the rows, given the graphs that there are."""
        n = self._n_filled
        usable = n if allowed is None else int((self.is_filled & allowed).sum())
        # A graph finds its share of the allowed rows among the nearest; ask for that many more.
        wanted = k if usable == 0 else -(-k * n // usable)
        merged = self.method == "inverted" and query.nnz > _MANY_WORDS
        if not graphs or wanted >= n or merged:
            return Sought(k, 0, n)
        # The projection is rough, and misses what shares a few rare words with the query.
        is_rough = any(graph.basis is not None for graph in graphs)
        return Sought(k, wanted, n, self.source.heaviest(query, _POSTINGS) if is_rough else None)

    def part(
        self, query: sparse.csr_matrix, sought: Sought, allowed: NDArray[np.bool_] | None = None
    ) -> Near:
        """Find near rows among these, which may be only a part of those that are searched."""
        every = np.arange(len(self), dtype=np.int32)
        if sought.wanted == 0:
            scores = self.source.scores(query)
            if allowed is not None:
                scores[~allowed] = 0
            return Near(*_best(every, scores, sought.k))
        covering = self._covering  # another thread may replace it
        parts = [covering.scanned]
        for graph, places in zip(covering.graphs, covering.places, strict=True):
            several = sought.wanted
            if graph.basis is not None:
                share = sought.wanted * len(graph.keys) // (_PROJECTED * sought.n_filled)
                several = _AT_LEAST + share
            # Removed pictures may be among the nearest. However many they are, at most twice as
            # many rows are asked for: the graph's time grows with these.
            several += min(several, int(np.count_nonzero(places < 0)))
            near = places[graph.nearest(query, several)]
            parts.append(near[near >= 0])
        rough = np.zeros(len(self), np.float32)
        if sought.heavy is not None:
            rough = self.source.scores(sought.heavy)
            by_words = _best(every, rough, sought.wanted)[0]
        else:
            by_words = every[:0]
        is_near = np.zeros(len(self), bool)
        is_near[np.concatenate(parts)] = True
        positions = np.unique(np.concatenate([*parts, by_words]))
        may = np.ones(len(positions), bool) if allowed is None else allowed[positions]
        scores = np.zeros(len(positions), np.float32)
        scores[may] = self.source.scores_of(query, positions[may])
        return Near(positions, scores, is_near[positions], rough[positions])

    def scores(self, queries: sparse.csr_matrix) -> NDArray[np.float32]:
        """Compute the exact score of every row for every query: ``(n_queries, n)``."""
        found = [self.source.scores(query) for query in queries]
        return np.stack(found) if found else np.zeros((0, len(self)), np.float32)


def _best(
    positions: NDArray[np.int32], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    shared = scores > 0
    if np.count_nonzero(shared) > 4 * k > 0:  # sort only those that can be among the first
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        shared &= scores >= least
    positions, scores = positions[shared], scores[shared]
    order = np.lexsort((positions, -scores))[:k]
    return positions[order], scores[order]


def candidate_recall(index: HistogramIndex, queries: sparse.csr_matrix, k: int) -> float:
    """Share of the true `k` nearest rows that an index finds, averaged over queries.

    Rows whose score equals that of the last true row count as true, too.
    """
    shares = []
    for (found, _), exact in zip(index.search(queries, k), index.scores(queries), strict=True):
        n_true = min(k, int(np.count_nonzero(exact > 0)))
        if n_true:
            least = np.partition(exact, -n_true)[-n_true]
            hits = np.count_nonzero(exact[found] >= least - 1e-6)
            shares.append(min(int(hits), n_true) / n_true)
    return float(np.mean(shares)) if shares else float("nan")
