"""Query expansion: answers that were verified enrich the query.

Pure functions of vectors, for histograms of visual words and for embeddings alike.
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
    """Weights of the answers of one query, the weight of the query itself being 1.

    Parameters
    ----------
    similarities : (n,) ndarray
        Of the answers with the query, best first.
    by : {"none", "rank", "similarity"}
        1 for all; ``(n - r) / n`` for the answer of rank `r` = 0, 1, ... ; or the similarity
        (negative ones count as 0).
    alpha : float
        Exponent of the rank weight or similarity (alpha query expansion, Radenovic, Tolias &
        Chum 2018); 0 gives plain average expansion again.
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
    """Weights of a linear support vector machine that tells positives from negatives.

    Discriminative query expansion (Arandjelovic & Zisserman, "Three things everyone should know
    to improve object retrieval", CVPR 2012). The direction of the machine is the sum of its
    examples with these weights; and where examples are no vectors but have a kernel, so is the
    sum of the kernels.

    Parameters
    ----------
    positives : (p, d) csr_matrix or ndarray
        The query and its verified answers.
    negatives : (n, d) csr_matrix or ndarray
    c : float
        Price of a mistake.

    Returns
    -------
    (p + n,) float32 ndarray
        Negative for negatives; 0 for examples that do not matter.
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
    """Sum rows ``(n, d)`` with weights ``(n,)``, scaled to Euclidean length 1: ``(1, d)``."""
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
    """Average query expansion in one frame (Chum et al. 2007).

    Parameters
    ----------
    query : (1, d) csr_matrix or ndarray
    answers : (n, d) csr_matrix or ndarray
        Verified answers, best first.
    similarities : (n,) ndarray
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
    """Replace each row of a base by its expansion: database-side augmentation.

    Turcot & Lowe (2009) and Arandjelovic & Zisserman (2012) take neighbours that were verified;
    Gordo et al. (2017) weigh the nearest by rank.

    Parameters
    ----------
    rows : (n, d) csr_matrix or ndarray
    neighbours : (n, k) integer ndarray
        Of each row, best first, without the row itself; -1 for none.
    similarities : (n, k) ndarray
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
