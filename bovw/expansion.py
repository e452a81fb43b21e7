"""Query expansion: answers that were verified enrich the query.

Pure functions of vectors, for histograms of visual words and for embeddings alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .match_kernel import KernelQuery

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


def enrich_kernel_query(
    query: KernelQuery,
    answers: Sequence[KernelQuery],
    transforms: Sequence[NDArray[np.float64] | None],
    weight: float,
) -> KernelQuery:
    """Add the features of verified answers that lie where the query lies.

    Hamming query expansion (Tolias & Jegou, "Visual query expansion with or without geometry",
    2014), with the features projected back into the query by the transform that was verified.

    Parameters
    ----------
    query : KernelQuery
    answers : sequence of KernelQuery
    transforms : sequence of (3, 3) float64 ndarray
        From the query to each answer.
    weight : float
        Of each added feature; those of the query weigh 1.
    """
    low, high = query.keypoints[:, :2].min(axis=0), query.keypoints[:, :2].max(axis=0)
    n_nearest = query.words.shape[1]
    parts = [query]
    for answer, transform in zip(answers, transforms, strict=True):
        if transform is None:
            continue
        back = np.linalg.inv(transform)
        points = answer.keypoints[:, :2] @ back[:, :2].T + back[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):  # at infinity: outside
            points = points[:, :2] / points[:, 2:]
        inside = ((points >= low) & (points <= high)).all(axis=1)
        keypoints = answer.keypoints[inside]
        keypoints[:, :2] = points[inside]
        keypoints[:, 2] *= np.sqrt(abs(np.linalg.det(back[:2, :2])))
        turn = np.degrees(np.arctan2(back[1, 0], back[0, 0]))
        keypoints[:, 3] = (keypoints[:, 3] + turn) % 360
        missing = ((0, 0), (0, n_nearest - answer.words.shape[1]))
        parts.append(
            KernelQuery(
                np.pad(answer.words[inside], missing, constant_values=-1),
                np.pad(answer.signatures[inside], missing),
                keypoints,
                np.full(len(keypoints), weight, np.float32),
            )
        )
    return KernelQuery(
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.signatures for part in parts]),
        np.concatenate([part.keypoints for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )
