"""Re-ranking by neighbours: a good answer is also near to the neighbours of the query.

Everything here works on lists of neighbours. These may come from histograms, from a match kernel
or from embeddings. The size of what is stored about the base grows with the length of the lists,
not with the square of the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import SettingsError

Rows = TypeVar("Rows", sparse.csr_matrix, NDArray[np.float32])
_AT_ONCE = 2_000
_SCORES_AT_ONCE = 16_000_000
_SOLVED_AT_ONCE = 16
_PRECISION = 1e-6
# Two thirds: share of a neighbour's neighbours that an item must have as neighbours, too, before
# the others are added (Zhong et al. 2017).
_SHARED = 2 / 3


@dataclass(frozen=True)
class Neighbours:
    """Lists of nearest neighbours: for each of `n` items, its `k` nearest items in a base.

    Attributes
    ----------
    indices : (n, k) int32 ndarray
        Positions in the base, best first; -1 where there are fewer than `k`.
    similarities : (n, k) float32 ndarray
        Similarities in decreasing order, 1 for equal items; 0 where the index is -1.
    """

    indices: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def matrix(self, n_base: int, k: int, power: float = 1.0) -> sparse.csr_matrix:
        """Make a matrix ``(n, n_base)`` of the first `k` similarities, if positive, to a power."""
        indices, values = self.indices[:, :k], self.similarities[:, :k]
        rows, columns = np.nonzero((indices >= 0) & (values > 0))
        data = values[rows, columns].astype(np.float64) ** power
        shape = (len(indices), n_base)
        return sparse.csr_matrix((data, (rows, indices[rows, columns])), shape=shape)


def nearest_rows(queries: Rows, base: Rows, k: int) -> Neighbours:
    """Find the `k` rows of a base with the largest dot product, exactly.

    Parameters
    ----------
    queries : (q, d) csr_matrix or ndarray
    base : (n, d) csr_matrix or ndarray
        Usually of Euclidean length 1, so that similarities are cosines.
    k : int

    Returns
    -------
    Neighbours
        Equal products are sorted by index.
    """
    n, k = queries.shape[0], min(k, base.shape[0])
    near = Neighbours(np.empty((n, k), np.int32), np.empty((n, k), np.float32))
    block = max(1, min(_AT_ONCE, _SCORES_AT_ONCE // max(1, base.shape[0])))
    for start in range(0, n, block):
        product: Any = queries[start : start + block] @ base.T
        scores = np.asarray(product.toarray() if sparse.issparse(product) else product, np.float32)
        part = best_scores(scores, k)
        near.indices[start : start + block] = part.indices
        near.similarities[start : start + block] = part.similarities
    return near


def best_scores(scores: NDArray[np.float32], k: int) -> Neighbours:
    """Find the `k` largest scores of each row ``(n, m)``; equal scores are sorted by index."""
    k = min(k, scores.shape[1])
    best = Neighbours(np.empty((len(scores), k), np.int32), np.empty((len(scores), k), np.float32))
    if k == 0:
        return best
    # Partition, so that the rest need not be sorted. Ties at the border are broken by index.
    border = np.partition(scores, -k, axis=1)[:, -k]
    for i, (row, least) in enumerate(zip(scores, border, strict=True)):
        above = np.flatnonzero(row >= least)
        order = above[np.argsort(-row[above], kind="stable")[:k]]
        best.indices[i], best.similarities[i] = order, row[order]
    return best


class KReciprocal:
    """Re-rank by k-reciprocal neighbours.

    Zhong, Zheng, Cao & Li, "Re-ranking person re-identification with k-reciprocal encoding" (CVPR
    2017). An item is described by its reciprocal neighbours: those that have the item among their
    own neighbours, too. Items are compared by the Jaccard similarity of these descriptions. Every
    query is ranked independently of the other queries.

    Parameters
    ----------
    k1 : int
        Length of the neighbour lists that are compared.
    k2 : int
        The description of an item is averaged over this many of its nearest items.
    weight : float
        Weight of the original similarity; the Jaccard similarity has the weight ``1 - weight``.
    """

    def __init__(self, k1: int = 20, k2: int = 6, weight: float = 0.3) -> None:
        if not (k1 >= 2 and 1 <= k2 <= k1 and 0 <= weight <= 1):
            raise SettingsError(
                f"k1={k1}, k2={k2}, weight={weight}: expected 2 <= k1, 1 <= k2 <= k1 and a weight "
                "from 0 to 1"
            )
        self.k1, self.k2, self.weight = k1, k2, weight

    def fit(self, base: Neighbours) -> KReciprocal:
        """Describe each item of a base by its neighbours in the base.

        Parameters
        ----------
        base : Neighbours
            Neighbours of each item of the base in the base. Each list begins with the item itself,
            and has at least `k1` entries, or all items when the base is smaller.
        """
        n = len(base.indices)
        self._n = n
        near = base.matrix(n, self.k1)
        self._reach = _weakest(base, self.k1)
        self._half_reach = _weakest(base, _half(self.k1))
        self._half = _reciprocal(base.matrix(n, _half(self.k1)), self._half_reach)
        full = _reciprocal(near, self._reach)
        described = sparse.vstack(
            [
                self._described(full[start : start + _AT_ONCE], near[start : start + _AT_ONCE])
                for start in range(0, n, _AT_ONCE)
            ]
            or [full]
        ).tocsr()
        self._descriptions = self._averaged(base, described).tocsc()
        self._raw = described
        return self

    def rerank(self, queries: Neighbours) -> sparse.csr_matrix:
        """Score the base for queries.

        Parameters
        ----------
        queries : Neighbours
            Neighbours of each query in the base. With longer lists more items are ranked.

        Returns
        -------
        (n_queries, n_base) csr_matrix of float64
            Items that are not stored have the score 0.
        """
        near = queries.matrix(self._n, self.k1)
        described = self._described(_reciprocal(near, self._reach), near)
        shared = self._averaged(queries, described, described)
        rows = []
        for row in range(shared.shape[0]):
            mine = shared[row]
            columns = self._descriptions[:, mine.indices]
            least = np.minimum(columns.data, np.repeat(mine.data, np.diff(columns.indptr)))
            total = np.bincount(columns.indices, least, minlength=self._n)
            rows.append(sparse.csr_matrix(total / (2 - total)))
        jaccard = sparse.vstack(rows or [shared]).tocsr()
        similarity = queries.matrix(self._n, queries.indices.shape[1])
        return ((1 - self.weight) * jaccard + self.weight * similarity).tocsr()

    def _described(
        self, reciprocal: sparse.csr_matrix, near: sparse.csr_matrix
    ) -> sparse.csr_matrix:
        """Extend reciprocal neighbours by those of agreeing neighbours; return weights of sum 1."""
        member, half = _ones(reciprocal), _ones(self._half)
        shared = member.multiply(member @ half.T).tocoo()
        sizes = np.asarray(half.sum(axis=1)).ravel()
        agree = shared.data >= _SHARED * sizes[shared.col]
        chosen = sparse.csr_matrix(
            (np.ones(agree.sum()), (shared.row[agree], shared.col[agree])), shape=member.shape
        )
        joined = _ones((member + chosen @ half).tocsr())
        # An added item that is not in the list gets the smallest similarity of the list.
        listed = near.tocoo()
        least = np.ones(near.shape[0])
        np.minimum.at(least, listed.row, listed.data)
        weights = joined.tocoo()
        similarity = np.asarray(near[weights.row, weights.col]).ravel()
        similarity = np.where(similarity > 0, similarity, least[weights.row])
        joined = sparse.csr_matrix(
            (np.exp(2 * similarity - 2), (weights.row, weights.col)), shape=joined.shape
        )
        return _rows_summing_to_one(joined)

    def _averaged(
        self,
        lists: Neighbours,
        described: sparse.csr_matrix,
        own: sparse.csr_matrix | None = None,
    ) -> sparse.csr_matrix:
        """Average descriptions over the nearest items; for a query, its own is one of them."""
        if own is None:
            return _rows_summing_to_one(_ones(lists.matrix(self._n, self.k2)) @ described)
        nearest = _ones(lists.matrix(self._n, self.k2 - 1))
        return _rows_summing_to_one(own + nearest @ self._raw)


class Diffusion:
    """Re-rank by diffusion: similarity spreads from the query over the graph of neighbours.

    Iscen, Tolias, Avrithis, Furon & Chum, "Efficient diffusion on region manifolds" (CVPR 2017):
    the scores `f` solve ``(I - alpha S) f = y``, where `S` is the normalised graph of reciprocal
    neighbours and `y` holds the similarities of the query's neighbours. The solver is the method
    of conjugate gradients.

    Parameters
    ----------
    k : int
        Number of neighbours of each item that are considered for the graph.
    k_query : int
        Number of neighbours of a query from which the diffusion starts.
    alpha : float
        How far similarity spreads: from 0 to below 1.
    gamma : float
        Exponent of the similarities.
    max_iterations : int
        Largest number of iterations of the conjugate gradients.
    """

    def __init__(
        self,
        k: int = 50,
        k_query: int = 10,
        alpha: float = 0.99,
        gamma: float = 3.0,
        max_iterations: int = 20,
    ) -> None:
        if not (k >= 1 and k_query >= 1 and 0 <= alpha < 1 and max_iterations >= 1):
            raise SettingsError(
                f"k={k}, k_query={k_query}, alpha={alpha}, max_iterations={max_iterations}: "
                "expected alpha from 0 to below 1, and the others at least 1"
            )
        self.k, self.k_query = k, k_query
        self.alpha, self.gamma, self.max_iterations = alpha, gamma, max_iterations

    def fit(self, base: Neighbours) -> Diffusion:
        """Build the graph of a base from the neighbours of each item in the base.

        The lists may contain the item itself; it is ignored.
        """
        n = len(base.indices)
        near = base.matrix(n, self.k, self.gamma)
        near.setdiag(0)
        near.eliminate_zeros()
        graph = near.minimum(near.T).tocsr()  # 0 unless reciprocal
        degree = np.asarray(graph.sum(axis=1)).ravel()
        scale = sparse.diags(1 / np.sqrt(np.where(degree > 0, degree, 1)))
        spread = scale @ graph @ scale
        self._system = (sparse.identity(n, format="csr") - self.alpha * spread).tocsr()
        return self

    def rerank(self, queries: Neighbours) -> NDArray[np.float32]:
        """Score the base for queries: ``(n_queries, n_base)``."""
        n = self._system.shape[0]
        sources = queries.matrix(n, self.k_query, self.gamma)
        scores = np.empty((sources.shape[0], n), np.float32)
        for start in range(0, len(scores), _SOLVED_AT_ONCE):
            block = sources[start : start + _SOLVED_AT_ONCE].toarray().T
            scores[start : start + _SOLVED_AT_ONCE] = _solved(
                self._system, np.ascontiguousarray(block), self.max_iterations
            ).T
        return scores


def _solved(
    system: sparse.csr_matrix, right: NDArray[np.float64], max_iterations: int
) -> NDArray[np.float64]:
    """Solve for all columns of `right` at the same time by conjugate gradients."""
    found, rest = np.zeros_like(right), right.copy()
    direction, square = rest.copy(), np.einsum("ij,ij->j", rest, rest)
    enough = square * _PRECISION**2
    for _ in range(max_iterations):
        going = square > enough
        if not going.any():
            break
        image = system @ direction
        along = np.einsum("ij,ij->j", direction, image)
        step = np.where(going, square / np.where(going, along, 1), 0)
        found += step * direction
        rest -= step * image
        last, square = square, np.einsum("ij,ij->j", rest, rest)
        direction = rest + np.where(going, square / np.where(going, last, 1), 0) * direction
    return found


def _half(k: int) -> int:
    return max(1, round(k / 2))


def _ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return a matrix with ones where the given matrix stores a value."""
    ones = matrix.copy()
    ones.data = np.ones(len(ones.data))
    return ones


def _weakest(lists: Neighbours, k: int) -> NDArray[np.float32]:
    """Similarity that an item needs to be among the first `k` of each list."""
    return lists.similarities[:, min(k, lists.similarities.shape[1]) - 1]


def _reciprocal(near: sparse.csr_matrix, reach: NDArray[np.float32]) -> sparse.csr_matrix:
    """Keep those neighbours that would have the item among their own first neighbours, too."""
    kept = near.tocoo()
    mutual = kept.data.astype(np.float32) >= reach[kept.col]
    places = kept.row[mutual], kept.col[mutual]
    return sparse.csr_matrix((kept.data[mutual], places), shape=near.shape)


def _rows_summing_to_one(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    return (sparse.diags(1 / np.where(sums > 0, sums, 1)) @ matrix).tocsr()
