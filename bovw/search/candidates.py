"""Candidates: the nearest histograms of a query, by nmslib or exactly.

All methods hold the same rows and give the same scores: dot products of weighted histograms.
They differ in which rows they find.
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

# The graph is asked for more than is wanted; what is rescored exactly is what it found.
_EF_SEARCH = 100
# nmslib merges the postings of all words of a query at once: with the thousands of words of an
# expanded query that takes fifty times as long as the sum of their products, which is as exact.
_MANY_WORDS = 2000
# Pictures that came after the graph was built, or have gone since, before it is built anew; or a
# fifth of all. To compare so many takes less than a millisecond.
_SCANNED = 1000


@dataclass(frozen=True, eq=False)
class Graph:
    """What nmslib searches: histograms as they were weighted when it was built.

    Pictures that came later are not in it, and are compared one by one; those that have gone are
    left out of what it finds; what it finds is scored anew. So it need not be built for every
    change.

    Attributes
    ----------
    neighbours : NearestNeighbours
    keys : (m,) int64 ndarray
        Which picture each row is; see `Collection.keys`.
    basis : (n_components, n_words) float32 ndarray or None
        Of the projection by latent semantic analysis ("lsa-hnsw" only).
    """

    neighbours: NearestNeighbours
    keys: NDArray[np.int64]
    basis: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class StoredGraph:
    """A `Graph` on disk, which is loaded when it is first needed."""

    cache: CacheFile
    keys: NDArray[np.int64]
    basis: NDArray[np.float32] | None = None

    def load(self, settings: CandidateSettings) -> Graph | None:
        """Load it; None when its files have changed."""
        neighbours = NearestNeighbours.load(
            self.cache,
            len(self.keys),
            is_sparse=settings.method != "lsa-hnsw",
            space="dot",
            ef_search=_EF_SEARCH,
        )
        return None if neighbours is None else Graph(neighbours, self.keys, self.basis)


class HistogramIndex:
    """Finds the rows with the largest dot product with a query.

    Parameters
    ----------
    rows : (n, n_words) csr_matrix of float32
        Weighted histograms. Rows of zeros are never found.
    settings : CandidateSettings, optional
    keys : (n,) int64 ndarray, optional
        Which picture each row is; by default its position.
    graph : Graph, optional
        Of an earlier index over some of these pictures, with the same settings.

    Attributes
    ----------
    graph : Graph or None
        None when the method needs none.
    places : (m,) int32 ndarray
        Position of each row of the graph, -1 for those that have gone; only with a graph.
    is_fresh : bool
        Whether the graph is of all rows, and of no others.
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
        # Row w lists the pictures that hold word w: an inverted file.
        self._postings = rows.T.tocsr()
        self.graph: Graph | None = None
        if graph is not None and not self._use(graph):
            graph = None
        if graph is None and self.settings.method != "exact" and len(self.filled):
            self.rebuild()

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def rebuild(self) -> None:
        """Build the graph of all rows."""
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
        """Take a graph, unless it knows too few of the rows."""
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
        """Write nmslib's own files, of all rows; None when the method has none that are worth it.

        Its inverted index is built from the words sooner than it is read.
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

        When `k` is not smaller than the number of rows, all rows are scored and nmslib is not
        asked, since its graphs may return fewer.

        Returns
        -------
        list of (positions, scores)
            For each query, by decreasing score, then increasing position. Rows that share no
            word with the query are not among them.
        """
        merged = self.settings.method == "inverted" and queries.getnnz(axis=1).max() > _MANY_WORDS
        if self.graph is None or k >= len(self.filled) or merged:
            scores = self.scores(queries)
            return [_best(np.arange(len(self), dtype=np.int32), row, k) for row in scores]
        # What has gone may stand among the first of the graph.
        wanted = k + self._gone
        if self.graph.basis is None:
            neighbours, _ = self.graph.neighbours.search(queries, wanted)
        else:  # the projection is rough: rescore more than is asked for
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
        """Score every row for every query, exactly: ``(n_queries, n)``."""
        return np.asarray((queries @ self._postings).toarray(), np.float32)

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
    # One thread, since the sums of several would depend on their number; rows that are all the
    # same have no variance to explain.
    with limited_threads(1), np.errstate(divide="ignore", invalid="ignore"):
        model = TruncatedSVD(n_components, random_state=0).fit(rows)
    return np.ascontiguousarray(model.components_, np.float32)


def candidate_recall(index: HistogramIndex, queries: sparse.csr_matrix, k: int) -> float:
    """Share of the true `k` nearest rows that an index finds, averaged over queries.

    Rows that tie with the last of the true ones count as true.
    """
    shares = []
    for (found, _), exact in zip(index.search(queries, k), index.scores(queries), strict=True):
        n_true = min(k, int(np.count_nonzero(exact > 0)))
        if n_true:
            least = np.partition(exact, -n_true)[-n_true]
            hits = np.count_nonzero(exact[found] >= least - 1e-6)
            shares.append(min(int(hits), n_true) / n_true)
    return float(np.mean(shares)) if shares else float("nan")
