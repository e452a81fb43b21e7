"""Candidates: the nearest histograms of a query, by nmslib or exactly.

All methods hold the same rows and give the same scores: dot products of weighted histograms.
They differ in which rows they find.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .errors import SettingsError
from .nearest import CacheFile, NearestNeighbours
from .parallel import limited_threads
from .settings import CandidateSettings

# The graph is asked for more than is wanted; what is rescored exactly is what it found.
_EF_SEARCH = 100
# nmslib merges the postings of all words of a query at once: with the thousands of words of an
# expanded query that takes fifty times as long as the sum of their products, which is as exact.
_MANY_WORDS = 2000


class HistogramIndex:
    """Finds the rows with the largest dot product with a query.

    Parameters
    ----------
    rows : (n, n_words) csr_matrix of float32
        Weighted histograms. Rows of zeros are never found.
    settings : CandidateSettings, optional
    basis : (n_components, n_words) float32 ndarray, optional
        Of an earlier index over the same rows; learned when it is needed and not given.
    cache : CacheFile, optional
        Files that `save_cache` wrote for the same rows and settings.

    Attributes
    ----------
    basis : (n_components, n_words) float32 ndarray or None
        Of the projection by latent semantic analysis ("lsa-hnsw" only).
    """

    def __init__(
        self,
        rows: sparse.csr_matrix,
        settings: CandidateSettings | None = None,
        *,
        basis: NDArray[np.float32] | None = None,
        cache: CacheFile | None = None,
    ) -> None:
        self.settings = settings or CandidateSettings()
        self.rows = rows
        self.filled = np.flatnonzero(np.diff(rows.indptr)).astype(np.int32)
        # Row w lists the pictures that hold word w: an inverted file.
        self._postings = rows.T.tocsr()
        self._neighbours: NearestNeighbours | None = None
        self.basis: NDArray[np.float32] | None = None
        method = self.settings.method
        if method == "exact" or len(self.filled) == 0:
            return
        filled = rows[self.filled]
        if method == "inverted":
            self._neighbours = NearestNeighbours(
                filled, method="simple_invindx", space="dot", cache=cache
            )
        elif method == "sparse-hnsw":
            self._neighbours = NearestNeighbours(
                filled, space="dot", ef_search=_EF_SEARCH, cache=cache
            )
        elif method == "lsa-hnsw":
            self.basis = _learn_basis(filled, self.settings) if basis is None else basis
            self._neighbours = NearestNeighbours(
                self._project(filled), space="dot", ef_search=_EF_SEARCH, cache=cache
            )
        else:
            raise SettingsError(f"candidates.method={method!r}: unknown")

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def save_cache(self, path: Path) -> bool:
        """Write nmslib's own file; False when this method has none."""
        if self._neighbours is None:
            return False
        self._neighbours.save(path)
        return True

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
        if self._neighbours is None or k >= len(self.filled) or merged:
            scores = self.scores(queries)
            return [_best(np.arange(len(self), dtype=np.int32), row, k) for row in scores]
        if self.basis is None:
            neighbours, _ = self._neighbours.search(queries, k)
        else:  # the projection is rough: rescore more than is asked for
            several = max(k, self.settings.n_candidates)
            neighbours, _ = self._neighbours.search(self._project(queries), several)
        found = []
        for i in range(queries.shape[0]):
            positions = self.filled[neighbours[i][neighbours[i] >= 0]]
            found.append(_best(positions, self._rescore(queries[i], positions), k))
        return found

    def scores(self, queries: sparse.csr_matrix) -> NDArray[np.float32]:
        """Score every row for every query, exactly: ``(n_queries, n)``."""
        return np.asarray((queries @ self._postings).toarray(), np.float32)

    def _rescore(
        self, query: sparse.csr_matrix, positions: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        return np.asarray(self.rows[positions] @ query.toarray().ravel(), np.float32)

    def _project(self, rows: sparse.csr_matrix) -> NDArray[np.float32]:
        assert self.basis is not None
        projected = np.asarray(rows @ self.basis.T, np.float32)
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return np.asarray(projected / np.where(lengths > 0, lengths, 1), np.float32)


def _best(
    positions: NDArray[np.int32], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    shared = scores > 0
    positions, scores = positions[shared], scores[shared]
    order = np.lexsort((positions, -scores))[:k]
    return positions[order], scores[order]


def _learn_basis(rows: sparse.csr_matrix, settings: CandidateSettings) -> NDArray[np.float32]:
    """Latent semantic analysis (Deerwester et al. 1990) of the rows of the index."""
    from sklearn.decomposition import TruncatedSVD

    n_components = min(settings.n_components, min(rows.shape) - 1)
    if n_components < 1:  # a single row spans its own space
        return np.asarray(rows[:1].toarray(), np.float32)
    # One thread, since the sums of several would depend on their number; rows that are all the
    # same have no variance to explain.
    with limited_threads(1), np.errstate(divide="ignore", invalid="ignore"):
        model = TruncatedSVD(n_components, random_state=0).fit(rows)
    return np.asarray(model.components_, np.float32)


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
