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
    weights = expansion_weights(similarities, by=by, alpha=alpha)
    if sparse.issparse(query):
        total = query + sparse.csr_matrix(weights[None, :]) @ answers
        length = np.sqrt(total.multiply(total).sum())
    else:
        total = query + weights[None, :] @ answers
        length = np.linalg.norm(total)
    return total / np.float32(length or 1.0)  # type: ignore[no-any-return]
