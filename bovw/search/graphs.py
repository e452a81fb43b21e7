"""Graphs of nmslib over histograms: built, kept on disk, and which rows they cover."""

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
from ..settings import CandidateSettings
from .histograms import Rows

# Breadth of the search in nmslib's graph. The rows it finds are then scored exactly.
_EF_SEARCH = 100
_LINKS = 12  # of a node in the graph over projections
# A graph is rebuilt when more pictures than this, and more than a fifth of all, were added after
# it was built, or were removed since. Comparing this many takes less than a millisecond.
_SCANNED = 1000
# The projection is learned from this many pictures, and computed for so many at once.
_SAMPLE = 20_000
_AT_ONCE = 4096


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


@dataclass(frozen=True, eq=False)
class Covering:
    """Graphs, and which rows they cover.

    `places` has for each graph the positions of its rows, -1 for those that were removed since.
    `scanned` are the positions of the filled rows that no graph covers.
    """

    graphs: tuple[Graph, ...]
    places: tuple[NDArray[np.int32], ...]
    scanned: NDArray[np.int32]
    n_rows: int

    @classmethod
    def of(
        cls, graphs: tuple[Graph, ...], keys: NDArray[np.int64], is_filled: NDArray[np.bool_]
    ) -> Covering:
        uncovered, places = is_filled.copy(), []
        if graphs:
            every = positions_of_keys(keys, np.concatenate([graph.keys for graph in graphs]))
            uncovered[every[every >= 0]] = False
            ends = np.cumsum([len(graph.keys) for graph in graphs])[:-1]
            places = np.split(every.astype(np.int32), ends)
        scanned = np.flatnonzero(uncovered).astype(np.int32)
        return cls(graphs, tuple(places), scanned, len(keys))

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


class Loading:
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
            self._use(loaded(self._stored))
        except Exception as error:
            _stay_exact(error)

    def wait(self) -> None:
        try:
            if self._thread is not None:
                self._thread.wait()
        except MemoryError as error:
            _stay_exact(error)


def loaded(stored: Sequence[StoredGraph]) -> tuple[Graph, ...]:
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
