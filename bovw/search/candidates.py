"""Candidates: the histograms nearest to a query's histogram, found by nmslib or exactly.

All methods search the same rows and give the same scores: dot products of weighted histograms.
They differ only in which rows they find.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import positions_of_keys
from ..embeddings import unit_rows
from ..nearest import SIFT_LENGTH, CacheFile, NearestNeighbours
from ..parallel import FreshThread, limited_threads
from ..settings import CandidateMethod, CandidateSettings
from .histograms import MatrixRows, Rows

# Breadth of the search in nmslib's graph. The rows it finds are then scored exactly.
_EF_SEARCH = 100
_LINKS = 12  # of a node in the graph over projections
# A graph is rebuilt when more pictures than this, and more than a fifth of all, were added after
# it was built, or were removed since. Comparing this many takes less than a millisecond.
_SCANNED = 1000
# Queries with more words than this are scored exactly instead of by nmslib's inverted index, which
# merges the postings of all words at once and then takes seconds.
_MANY_WORDS = 2000
# The projection is learned from this many pictures, and computed for so many at once.
_SAMPLE = 20_000
_AT_ONCE = 4096
# The graph over projections gives one candidate in so many, the postings of the query's heaviest
# words, at most so many, the others; docs/scaling.md.
_PROJECTED = 4
_AT_LEAST = 32  # of each graph
_POSTINGS = 1_000_000


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph of nmslib over histograms as they were weighted when it was built.

    A graph does not have to be built again after every change of the index. Pictures that no graph
    covers are scored one by one, and pictures removed since are dropped from its results. All
    results are scored again with the present weights.

    Attributes
    ----------
    neighbours : NearestNeighbours
    keys : (m,) int64 ndarray
        Key of the picture that each row of the graph describes; see `Collection.keys`.
    basis : (n_components, n_words) floating ndarray or None
        Basis of the projection by latent semantic analysis ("lsa-hnsw" only). The graph then
        compares projections that are quantised to bytes; see `quantised`.
    """

    neighbours: NearestNeighbours
    keys: NDArray[np.int64]
    basis: NDArray[np.floating] | None = None

    def nearest(self, query: sparse.csr_matrix, k: int) -> NDArray[np.int32]:
        """Rows of the graph nearest to a histogram, fewer than `k` if it finds fewer."""
        if self.basis is None:
            found = self.neighbours.search(query, k)[0]
        else:
            own = self.basis[:, query.indices].astype(np.float32) @ query.data
            found = self.neighbours.search(quantised(unit_rows(own[None])), k)[0]
        return np.asarray(found[0][found[0] >= 0])


@dataclass(frozen=True, eq=False)
class StoredGraph:
    """A `Graph` on disk that is loaded when it is first needed."""

    cache: CacheFile
    keys: NDArray[np.int64]
    basis: NDArray[np.floating] | None = None

    def load(self) -> Graph | None:
        """Load the graph; None when its files have changed."""
        neighbours = NearestNeighbours.load(
            self.cache,
            len(self.keys),
            is_sparse=self.basis is None,
            is_sift=self.basis is not None and len(self.basis) <= SIFT_LENGTH,
            space="dot" if self.basis is None else "l2",
            ef_search=_EF_SEARCH,
        )
        return None if neighbours is None else Graph(neighbours, self.keys, self.basis)


def build_graph(
    rows: Rows, positions: NDArray[np.integer], keys: NDArray[np.int64], settings: CandidateSettings
) -> Graph:
    """Build a graph over some histograms.

    Parameters
    ----------
    rows : Rows
    positions : (m,) integer ndarray
        Histograms that are not all zero; at least one.
    keys : (m,) int64 ndarray
        Their keys.
    settings : CandidateSettings
        The method is that of `CandidateSettings.chosen`.
    """
    method = settings.chosen(len(rows))
    if method == "inverted":
        return Graph(
            NearestNeighbours(rows.rows(positions), method="simple_invindx", space="dot"), keys
        )
    if method == "sparse-hnsw":
        return Graph(
            NearestNeighbours(rows.rows(positions), space="dot", ef_search=_EF_SEARCH), keys
        )
    sample = np.linspace(0, len(positions) - 1, min(len(positions), _SAMPLE)).astype(int)
    basis = learn_basis(rows.rows(positions[sample]), settings.n_components)
    basis = basis.astype(np.float16)
    parts = [
        quantised(project(rows.rows(positions[first : first + _AT_ONCE]), basis))
        for first in range(0, len(positions), _AT_ONCE)
    ]
    neighbours = NearestNeighbours(
        np.concatenate(parts),
        space="l2",
        n_links=_LINKS,
        ef_construction=_EF_SEARCH,
        ef_search=_EF_SEARCH,
    )
    return Graph(neighbours, keys, basis)


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

    Attributes
    ----------
    graphs : tuple of Graph
        Empty when the method needs none.
    is_fresh : bool
        Whether the graphs cover exactly the present rows that are not all zero.
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
        self.graphs: tuple[Graph, ...] = ()
        self._covering = _Covering.of((), self.keys, self.is_filled)
        self._loading = None
        if self.method == "exact" or not self._n_filled:
            return
        if loading and self.settings.method == "auto":
            self._loading = _Loading(loading, lambda more: self._use((*graphs, *more)))
            return
        self._use((*graphs, *_loaded(loading)))
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
        covering = _Covering.of(graphs, self.keys, self.is_filled)
        self.graphs, self._covering = graphs, covering

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
        graphs, covering = self.graphs, self._covering  # another thread may load some meanwhile
        n = self._n_filled
        usable = n if allowed is None else int((self.is_filled & allowed).sum())
        # A graph finds its share of the allowed rows among the nearest; ask for that many more.
        wanted = k if usable == 0 else -(-k * n // usable)
        merged = self.method == "inverted" and queries.getnnz(axis=1).max(initial=0) > _MANY_WORDS
        if not graphs or wanted >= n or merged:
            return [self._exactly(query, k, allowed) for query in queries]
        found = []
        for query in queries:
            parts = [covering.scanned]
            for graph, places in zip(graphs, covering.places, strict=True):
                several = wanted
                if graph.basis is not None:
                    several = _AT_LEAST + wanted * len(graph.keys) // (_PROJECTED * n)
                # Removed pictures may be among the nearest. However many they are, at most twice as
                # many rows are asked for: the graph's time grows with these.
                several += min(several, int(np.count_nonzero(places < 0)))
                near = places[graph.nearest(query, several)]
                parts.append(near[near >= 0])
            if any(graph.basis is not None for graph in graphs):
                # The projection is rough, and misses what shares a few rare words with the query.
                rough = self.source.scores(query, _POSTINGS)
                parts.append(_best(np.arange(len(self), dtype=np.int32), rough, wanted)[0])
            positions = np.unique(np.concatenate(parts))
            if allowed is not None:
                positions = positions[allowed[positions]]
            found.append(_best(positions, self.source.scores_of(query, positions), k))
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


@dataclass(frozen=True, eq=False)
class _Covering:
    """Which rows graphs cover.

    `places` has for each graph the positions of its rows, -1 for those that were removed since.
    `scanned` are the positions of the filled rows that no graph covers.
    """

    places: tuple[NDArray[np.int32], ...]
    scanned: NDArray[np.int32]
    n_rows: int

    @classmethod
    def of(
        cls, graphs: Sequence[Graph], keys: NDArray[np.int64], is_filled: NDArray[np.bool_]
    ) -> _Covering:
        uncovered, places = is_filled.copy(), []
        if graphs:
            every = positions_of_keys(keys, np.concatenate([graph.keys for graph in graphs]))
            uncovered[every[every >= 0]] = False
            ends = np.cumsum([len(graph.keys) for graph in graphs])[:-1]
            places = np.split(every.astype(np.int32), ends)
        return cls(tuple(places), np.flatnonzero(uncovered).astype(np.int32), len(keys))

    @property
    def n_gone(self) -> int:
        return sum(int(np.count_nonzero(places < 0)) for places in self.places)

    @property
    def is_fresh(self) -> bool:
        return bool(self.places) and len(self.scanned) == 0 and self.n_gone == 0

    @property
    def is_stale(self) -> bool:
        """Whether so much has changed that one new graph is better."""
        most = max(_SCANNED, self.n_rows // 5)
        return not self.places or len(self.scanned) > most or self.n_gone > most


class _Loading:
    """Loads graphs in another thread."""

    def __init__(
        self, stored: Sequence[StoredGraph], use: Callable[[tuple[Graph, ...]], None]
    ) -> None:
        self._stored, self._use = stored, use
        self._thread: FreshThread | None = None
        try:
            self._thread = FreshThread(self._load)
        except MemoryError as error:
            _stay_exact(error)

    def _load(self) -> None:
        try:
            self._use(_loaded(self._stored))
        except Exception as error:
            _stay_exact(error)

    def wait(self) -> None:
        try:
            if self._thread is not None:
                self._thread.wait()
        except MemoryError as error:
            _stay_exact(error)


def _loaded(stored: Sequence[StoredGraph]) -> tuple[Graph, ...]:
    """Load graphs; those whose files have changed are left out."""
    graphs = [graph.load() for graph in stored]
    return tuple(graph for graph in graphs if graph is not None)


def _stay_exact(error: BaseException) -> None:
    """Say that searches go on without graphs, which is slower."""
    logging.getLogger("bovw").warning(
        "nmslib's graphs could not be loaded, so all pictures are scored: %s", error
    )


def quantised(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Quantise vectors of length 1 to bytes, such that distances are nearly kept.

    Values beyond four times the root mean square of a random direction are clipped.
    """
    scale = 127 * np.sqrt(vectors.shape[1]) / 4
    return np.asarray(np.rint(128 + scale * vectors).clip(0, 255), np.uint8)


def project(rows: sparse.csr_matrix, basis: NDArray[np.floating]) -> NDArray[np.float32]:
    """Project histograms ``(n, n_words)`` by a basis, and scale the results to length 1."""
    return unit_rows(np.asarray(rows @ basis.T.astype(np.float32), np.float32))


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
