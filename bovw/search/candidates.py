"""Candidates: the histograms nearest to a query's histogram, found by nmslib or exactly.

All methods search the same rows and give the same scores: dot products of weighted histograms.
They differ only in which rows they find.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..embeddings import unit_rows
from ..nearest import CacheFile, NearestNeighbours
from ..parallel import limited_threads
from ..settings import GRAPHS, CandidateMethod, CandidateSettings
from .histograms import MatrixRows, Rows

# Breadth of the search in nmslib's graph. The rows it finds are then scored exactly.
_EF_SEARCH = 100
# A graph is rebuilt when more pictures than this, and more than a fifth of all, were added after
# it was built, or were removed since. Comparing this many takes less than a millisecond.
_SCANNED = 1000
# Queries with more words than this are scored exactly instead of by nmslib's inverted index, which
# merges the postings of all words at once and then takes seconds.
_MANY_WORDS = 2000
# Of so few rows the words are read; for more, the postings of the query's words.
_FEW_ROWS = 2000


@dataclass(frozen=True, eq=False)
class Graph:
    """The graph that nmslib searches, over the histograms as they were weighted at build time.

    The graph does not have to be rebuilt after every change of the index. Pictures added later
    are not in the graph and are compared one by one. Pictures removed since are dropped from its
    results. All results are scored again with the present weights.

    Attributes
    ----------
    neighbours : NearestNeighbours
    keys : (m,) int64 ndarray
        Key of the picture that each row of the graph describes; see `Collection.keys`.
    basis : (n_components, n_words) float32 ndarray or None
        Basis of the projection by latent semantic analysis ("lsa-hnsw" only).
    """

    neighbours: NearestNeighbours
    keys: NDArray[np.int64]
    basis: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class StoredGraph:
    """A `Graph` on disk that is loaded when it is first needed."""

    cache: CacheFile
    keys: NDArray[np.int64]
    basis: NDArray[np.float32] | None = None

    def load(self) -> Graph | None:
        """Load the graph; None when its files have changed."""
        neighbours = NearestNeighbours.load(
            self.cache,
            len(self.keys),
            is_sparse=self.basis is None,
            space="dot",
            ef_search=_EF_SEARCH,
        )
        return None if neighbours is None else Graph(neighbours, self.keys, self.basis)


class HistogramIndex:
    """Finds the histograms (rows) that have the largest dot product with a query.

    Parameters
    ----------
    rows : Rows or (n, n_words) csr_matrix of float32
        Weighted histograms. Rows of zeros are never found.
    settings : CandidateSettings, optional
    keys : (n,) int64 ndarray, optional
        Key of the picture of each row; default: the position of the row.
    graph : Graph, optional
        A graph that an earlier index with the same settings built over some of these pictures.

    Attributes
    ----------
    graph : Graph or None
        None when the method needs no graph.
    places : (m,) int32 ndarray
        For each row of the graph, the position of its picture in `rows`; -1 when the picture was
        removed. Set only with a graph.
    is_fresh : bool
        Whether the graph covers exactly the present rows that are not all zero.
    """

    def __init__(
        self,
        rows: Rows | sparse.csr_matrix,
        settings: CandidateSettings | None = None,
        *,
        keys: NDArray[np.int64] | None = None,
        graph: Graph | None = None,
    ) -> None:
        self.settings = settings or CandidateSettings()
        self.source: Rows = MatrixRows(rows) if sparse.issparse(rows) else rows
        self.keys = np.arange(len(self), dtype=np.int64) if keys is None else keys
        self.is_filled = self.source.is_filled
        self.graph: Graph | None = None
        if graph is not None and not self._use(graph):
            graph = None
        if graph is None and self.method != "exact" and self.is_filled.any():
            self.rebuild()

    def __len__(self) -> int:
        return len(self.source)

    @property
    def method(self) -> CandidateMethod:
        """The method in use: "auto" is a choice among the others."""
        return self.settings.chosen(len(self))

    @cached_property
    def filled(self) -> NDArray[np.int32]:
        """Positions of the rows that are not all zero."""
        return np.flatnonzero(self.is_filled).astype(np.int32)

    def rebuild(self) -> None:
        """Build the graph over all rows that are not all zero."""
        method, filled = self.method, self.source.rows(self.filled)
        basis = None
        if method == "inverted":
            neighbours = NearestNeighbours(filled, method="simple_invindx", space="dot")
        elif method == "sparse-hnsw":
            neighbours = NearestNeighbours(filled, space="dot", ef_search=_EF_SEARCH)
        else:
            basis = learn_basis(filled, self.settings.n_components)
            projected = project(filled, basis)
            neighbours = NearestNeighbours(projected, space="dot", ef_search=_EF_SEARCH)
        self._use(Graph(neighbours, self.keys[self.filled], basis), always=True)

    def _use(self, graph: Graph, *, always: bool = False) -> bool:
        """Adopt a graph, unless it differs too much from the rows; return whether it did."""
        order = np.argsort(self.keys)
        at = np.searchsorted(self.keys, graph.keys, sorter=order)
        at = order[np.minimum(at, len(order) - 1)] if len(order) else at
        known = self.keys[at] == graph.keys if len(order) else np.zeros(len(graph.keys), bool)
        places = np.where(known, at, -1).astype(np.int32)
        covered = np.zeros(len(self), bool)
        covered[places[known]] = True
        scanned = self.filled[~covered[self.filled]]
        gone = int(np.count_nonzero(~known))
        most = max(_SCANNED, len(self) // 5)
        if not always and (len(scanned) > most or gone > most):
            return False
        self.graph, self.places, self._scanned, self._gone = graph, places, scanned, gone
        self.is_fresh = gone == 0 and len(scanned) == 0
        return True

    def save_graph(self, path: Path) -> Graph | None:
        """Save a graph of all rows as nmslib's own files; None when the method saves no graph.

        nmslib's inverted index is not saved: building it from the words is faster than reading it.
        """
        if self.graph is None or self.method not in GRAPHS:
            return None
        if not self.is_fresh or not self.graph.neighbours.save(path):
            self.rebuild()
            self.graph.neighbours.save(path)
        return self.graph

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
        n = int(self.is_filled.sum())
        usable = n if allowed is None else int((self.is_filled & allowed).sum())
        # The graph finds its share of the allowed rows among the nearest; ask for that many more.
        wanted = k if usable == 0 else -(-k * n // usable)
        merged = self.method == "inverted" and queries.getnnz(axis=1).max(initial=0) > _MANY_WORDS
        if self.graph is None or wanted >= n or merged:
            return [self._exactly(query, k, allowed) for query in queries]
        wanted += self._gone  # they may be among the first results, too
        if self.graph.basis is None:
            neighbours, _ = self.graph.neighbours.search(queries, wanted)
        else:  # the projection is rough: rescore more rows than `k`
            several = max(wanted, self.settings.n_candidates)
            neighbours, _ = self.graph.neighbours.search(
                project(queries, self.graph.basis), several
            )
        found = []
        for near, query in zip(neighbours, queries, strict=True):
            positions = self.places[near[near >= 0]]
            positions = np.concatenate([positions[positions >= 0], self._scanned])
            if allowed is not None:
                positions = positions[allowed[positions]]
            found.append(_best(positions, self._rescore(query, positions), k))
        return found

    def _exactly(
        self, query: sparse.csr_matrix, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        scores = self.source.scores(query)
        if allowed is not None:
            scores[~allowed] = 0
        return _best(np.arange(len(self), dtype=np.int32), scores, k)

    def scores(self, queries: sparse.csr_matrix) -> NDArray[np.float32]:
        """Compute the exact score of every row for every query: ``(n_queries, n)``."""
        found = [self.source.scores(query) for query in queries]
        return np.stack(found) if found else np.zeros((0, len(self)), np.float32)

    def _rescore(
        self, query: sparse.csr_matrix, positions: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        if len(positions) > _FEW_ROWS:
            return np.asarray(self.source.scores(query, positions)[positions])
        rows = self.source.rows(positions)
        return np.asarray(rows @ query.toarray().ravel(), np.float32)


def project(rows: sparse.csr_matrix, basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project histograms ``(n, n_words)`` by a basis, and scale the results to length 1."""
    return unit_rows(np.asarray(rows @ basis.T, np.float32))


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


def learn_basis(rows: sparse.csr_matrix, n_components: int) -> NDArray[np.float32]:
    """Latent semantic analysis (Deerwester et al. 1990) of histograms ``(n, n_words)``.

    Returns
    -------
    (n_components, n_words) float32 ndarray
        Fewer components when there are few rows.
    """
    from sklearn.decomposition import TruncatedSVD

    n_components = min(n_components, min(rows.shape) - 1)
    if n_components < 1:  # a single row spans its own space
        return np.asarray(rows[:1].toarray(), np.float32)
    # One thread: with several, the rounding of sums would depend on the number of threads. The
    # warnings are silenced because equal rows have no variance, by which scikit-learn divides.
    with limited_threads(1), np.errstate(divide="ignore", invalid="ignore"):
        model = TruncatedSVD(n_components, random_state=0).fit(rows)
    return np.ascontiguousarray(model.components_, np.float32)


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
