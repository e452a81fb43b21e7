"""Candidates: the histograms nearest to a query's histogram, found by nmslib or exactly.

All methods search the same rows and give the same scores: dot products of weighted histograms.
They differ only in which rows they find.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..embeddings import unit_rows
from ..errors import SettingsError
from ..nearest import CacheFile, NearestNeighbours
from ..parallel import limited_threads
from ..settings import CandidateSettings

# Breadth of the search in nmslib's graph. The rows it finds are then scored exactly.
_EF_SEARCH = 100
# Queries with more words than this are scored by scipy's sparse product instead of nmslib's
# inverted index. nmslib merges the postings of all words of a query at once; with the thousands
# of words of an expanded query that takes fifty times as long. Both are exact.
_MANY_WORDS = 25
# A graph is rebuilt when more pictures than this, and more than a fifth of all, were added after
# it was built, or were removed since. Comparing this many takes less than a millisecond.
_SCANNED = 1000


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

    def load(self, settings: CandidateSettings) -> Graph | None:
        """Load the graph; None when its files have changed."""
        neighbours = NearestNeighbours.load(
            self.cache,
            len(self.keys),
            is_sparse=settings.method != "lsa-hnsw",
            space="dot",
            ef_search=_EF_SEARCH,
        )
        return None if neighbours is None else Graph(neighbours, self.keys, self.basis)


class HistogramIndex:
    """Finds the histograms (rows) that have the largest dot product with a query.

    Parameters
    ----------
    rows : (n, n_words) csr_matrix of float32
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
        rows: sparse.csr_matrix,
        settings: CandidateSettings | None = None,
        *,
        keys: NDArray[np.int64] | None = None,
        graph: Graph | None = None,
    ) -> None:
        self.settings = settings or CandidateSettings()
        self.rows = rows
        self.keys = np.arange(rows.shape[0], dtype=np.int64) if keys is None else keys
        self.filled = np.flatnonzero(np.diff(rows.indptr)).astype(np.int32)
        # An inverted file: row w lists the pictures that contain word w.
        self._postings = rows.T.tocsr()
        self.graph: Graph | None = None
        if graph is not None and not self._use(graph):
            graph = None
        if graph is None and self.settings.method != "exact" and len(self.filled):
            self.rebuild()

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def rebuild(self) -> None:
        """Build the graph over all rows that are not all zero."""
        method, filled = self.settings.method, self.rows[self.filled]
        basis = None
        if method == "inverted":
            neighbours = NearestNeighbours(filled, method="simple_invindx", space="dot")
        elif method == "sparse-hnsw":
            neighbours = NearestNeighbours(filled, space="dot", ef_search=_EF_SEARCH)
        elif method == "lsa-hnsw":
            basis = learn_basis(filled, self.settings.n_components)
            projected = project(filled, basis)
            neighbours = NearestNeighbours(projected, space="dot", ef_search=_EF_SEARCH)
        else:
            raise SettingsError(f"candidates.method={method!r}: unknown")
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
        if self.graph is None or not self.settings.has_graph:
            return None
        if not self.is_fresh or not self.graph.neighbours.save(path):
            self.rebuild()
            self.graph.neighbours.save(path)
        return self.graph

    def search(
        self, queries: sparse.csr_matrix, k: int
    ) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Find up to `k` rows for each query.

        nmslib is not used, and all rows are scored, in two cases: `k` is at least the number of
        rows that are not all zero (nmslib's graphs may return fewer rows), or the method is
        "inverted" and a query has very many words.

        Returns
        -------
        list of (positions, scores)
            For each query, by decreasing score, then increasing position. Rows that share no
            word with the query are left out.
        """
        merged = self.settings.method == "inverted" and queries.getnnz(axis=1).max() > _MANY_WORDS
        if self.graph is None or k >= len(self.filled) or merged:
            scores = self.scores(queries)
            return [_best(np.arange(len(self), dtype=np.int32), row, k) for row in scores]
        # Removed pictures may be among the first results of the graph, so ask for more.
        wanted = k + self._gone
        if self.graph.basis is None:
            neighbours, _ = self.graph.neighbours.search(queries, wanted)
        else:  # the projection is rough: rescore more rows than `k`
            several = max(wanted, self.settings.n_candidates)
            neighbours, _ = self.graph.neighbours.search(
                project(queries, self.graph.basis), several
            )
        found = []
        for i in range(queries.shape[0]):
            positions = self.places[neighbours[i][neighbours[i] >= 0]]
            positions = np.concatenate([positions[positions >= 0], self._scanned])
            found.append(_best(positions, self._rescore(queries[i], positions), k))
        return found

    def scores(self, queries: sparse.csr_matrix) -> NDArray[np.float32]:
        """Compute the exact score of every row for every query: ``(n_queries, n)``."""
        scores = np.zeros((queries.shape[0], len(self)), np.float32)
        for i, own in enumerate(scores):
            words = queries.indices[queries.indptr[i] : queries.indptr[i + 1]]
            weights = queries.data[queries.indptr[i] : queries.indptr[i + 1]]
            # Only the postings of the query's words are read.
            own[:] = self._postings[words].T @ weights
        return scores

    def _rescore(
        self, query: sparse.csr_matrix, positions: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        return np.asarray(self.rows[positions] @ query.toarray().ravel(), np.float32)


def project(rows: sparse.csr_matrix, basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project histograms ``(n, n_words)`` by a basis, and scale the results to length 1."""
    return unit_rows(np.asarray(rows @ basis.T, np.float32))


def _best(
    positions: NDArray[np.int32], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    shared = scores > 0
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
