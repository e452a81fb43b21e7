"""Query expansion: combine a query with its answers into a better query.

These functions work on vectors, both on histograms of visual words and on embeddings.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Rows = TypeVar("Rows", sparse.csr_matrix, NDArray[np.float32])


def expansion_weights(
    similarities: NDArray[np.floating],
    *,
    by: Literal["none", "rank", "similarity"] = "none",
    alpha: float = 1.0,
) -> NDArray[np.float32]:
    """Compute the weights of the answers of one query; the query itself has weight 1.

    Parameters
    ----------
    similarities : (n,) ndarray
        Similarities of the answers with the query, best first.
    by : {"none", "rank", "similarity"}
        "none": all weights are 1. "rank": ``(n - r) / n`` for the answer of rank `r` = 0, 1, ...
        "similarity": the similarity (negative ones count as 0).
    alpha : float
        Exponent of this weight (alpha query expansion, Radenovic, Tolias & Chum 2018). 0 gives
        plain average query expansion.
    """
    n = len(similarities)
    if by == "rank":
        weights = (n - np.arange(n)) / max(n, 1)
    elif by == "similarity":
        weights = np.maximum(np.asarray(similarities, np.float64), 0)
    else:
        weights = np.ones(n)
    return np.asarray(weights**alpha, np.float32)


def discriminative_weights(positives: Rows, negatives: Rows, c: float = 1.0) -> NDArray[np.float32]:
    """Compute the weights by which a linear support vector machine combines its examples.

    Discriminative query expansion (Arandjelovic & Zisserman, "Three things everyone should know
    to improve object retrieval", CVPR 2012). The direction that separates positives from negatives
    is the sum of the examples with these weights. Where a match kernel scores the examples, the
    sum of its scores with these weights plays the same role.

    Parameters
    ----------
    positives : (p, d) csr_matrix or ndarray
        The query and its verified answers.
    negatives : (n, d) csr_matrix or ndarray
    c : float
        Penalty for examples on the wrong side (`C` of scikit-learn's `SVC`).

    Returns
    -------
    (p + n,) float32 ndarray
        Weights of the positives, then of the negatives. They are at most 0 for negatives, and 0
        for examples that are no support vectors.
    """
    from sklearn.svm import SVC

    n_positive, n_negative = positives.shape[0], negatives.shape[0]
    if sparse.issparse(positives):
        examples = sparse.vstack([positives, negatives]).tocsr()
        gram = (examples @ examples.T).toarray()
    else:
        examples = np.concatenate([positives, negatives])
        gram = examples @ examples.T
    machine = SVC(kernel="precomputed", C=c, class_weight="balanced")
    machine.fit(gram, [1] * n_positive + [0] * n_negative)
    weights = np.zeros(n_positive + n_negative, np.float32)
    weights[machine.support_] = machine.dual_coef_[0]
    return weights


def weighted_sum(rows: Rows, weights: NDArray[np.floating]) -> Rows:
    """Return the sum of rows ``(n, d)`` with weights ``(n,)``, scaled to length 1: ``(1, d)``."""
    row = np.asarray(weights, np.float32)[None, :]
    if sparse.issparse(rows):
        total = sparse.csr_matrix(row) @ rows
        length = np.sqrt(total.multiply(total).sum())
    else:
        total = row @ rows
        length = np.linalg.norm(total)
    return total / np.float32(length or 1.0)  # type: ignore[no-any-return]


def expand_query(
    query: Rows,
    answers: Rows,
    similarities: NDArray[np.floating],
    *,
    by: Literal["none", "rank", "similarity"] = "none",
    alpha: float = 1.0,
) -> Rows:
    """Expand a query by a weighted average of query and answers (Chum et al. 2007).

    Parameters
    ----------
    query : (1, d) csr_matrix or ndarray
    answers : (n, d) csr_matrix or ndarray
        Answers, best first; better verified ones.
    similarities : (n,) ndarray
        Similarities of the answers with the query.
    by, alpha
        See `expansion_weights`.

    Returns
    -------
    (1, d) csr_matrix or ndarray
        The weighted sum of query and answers, scaled to Euclidean length 1.
    """
    weights = np.append(np.float32(1), expansion_weights(similarities, by=by, alpha=alpha))
    if sparse.issparse(query):
        return weighted_sum(sparse.vstack([query, answers]).tocsr(), weights)
    return weighted_sum(np.concatenate([query, answers]), weights)


def augment(
    rows: Rows,
    neighbours: NDArray[np.integer],
    similarities: NDArray[np.floating],
    *,
    by: Literal["none", "rank", "similarity"] = "rank",
    alpha: float = 1.0,
) -> Rows:
    """Database-side augmentation: add to each row of a base its weighted neighbours.

    Turcot & Lowe (2009) and Arandjelovic & Zisserman (2012) use verified neighbours; Gordo et al.
    (2017) use the nearest ones, weighted by rank.

    Parameters
    ----------
    rows : (n, d) csr_matrix or ndarray
    neighbours : (n, k) integer ndarray
        Neighbours of each row, best first, without the row itself; -1 where there are fewer.
    similarities : (n, k) ndarray
        Similarities of these neighbours with the row.
    by, alpha
        See `expansion_weights`.

    Returns
    -------
    (n, d) csr_matrix or ndarray
        Rows of Euclidean length 1.
    """
    n, k = neighbours.shape
    weights = np.zeros((n, k), np.float32)
    for i, (near, similarity) in enumerate(zip(neighbours, similarities, strict=True)):
        count = int(np.count_nonzero(near >= 0))
        weights[i, :count] = expansion_weights(similarity[:count], by=by, alpha=alpha)
    place = neighbours >= 0
    mixing = sparse.csr_matrix(
        (weights[place], (np.nonzero(place)[0], neighbours[place])), shape=(n, n)
    ) + sparse.identity(n, np.float32, format="csr")
    mixed = mixing @ rows
    if sparse.issparse(mixed):
        lengths = np.sqrt(np.asarray(mixed.multiply(mixed).sum(axis=1)).ravel())
        scale = sparse.diags(1 / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        return (scale @ mixed).tocsr()  # type: ignore[no-any-return]
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    return np.asarray(mixed / np.where(lengths > 0, lengths, 1), np.float32)
