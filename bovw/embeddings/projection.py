"""Check, scale and project dense vectors, one row for each picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ..errors import (
    EmbeddingError,
    NotFittedError,
    SettingsError,
    TrainingError,
)
from .tensors import as_array

# A component whose variance is below this share of the largest one is only rounding noise.
_NEGLIGIBLE = 1e-10


def as_vectors(values: NDArray[Any], dimensions: int | None = None) -> NDArray[np.float32]:
    """Convert numbers ``(n, d)`` of any type to float32; do not copy if they already are.

    Raises
    ------
    EmbeddingError
        When the values have another shape, are not numbers, or are not finite.
    """
    array = as_array(values)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise EmbeddingError(
            f"vectors of shape {array.shape} and type {array.dtype}: expected numbers of shape "
            "(n, d), a row for each picture"
        )
    if dimensions not in {None, array.shape[1]}:
        raise EmbeddingError(
            f"vectors of {array.shape[1]} dimensions: expected {dimensions}; all vectors must come "
            "from the same network and be processed in the same way"
        )
    with np.errstate(over="ignore"):  # infinite values are reported below
        vectors = np.ascontiguousarray(array, np.float32)
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise EmbeddingError(
            f"{len(wrong)} vectors are not finite, the first in row {wrong[0]}: expected numbers "
            "within float32; leave them out, or compute them again"
        )
    return vectors


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows ``(n, d)`` to Euclidean length 1; rows of zeros stay as they are."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    lengths[lengths == 0] = 1
    return np.asarray(vectors / lengths.astype(np.float32)[:, None], np.float32)


class Projection(BaseEstimator):  # type: ignore[misc]
    """Centre vectors, project them on principal components, whiten and scale to length 1.

    Jegou & Chum, "Negative evidences and co-occurences in image retrieval: the benefit of PCA
    and whitening" (ECCV 2012). Fit it on pictures that are neither searched nor used as queries, or
    on the searched pictures. It does not normalise its input: normalise vectors first when they
    are compared by cosine. The result does not depend on chance.

    Parameters
    ----------
    n_components : int, optional
        Number of components; default: as many as possible.
    whiten : bool
        Whether to divide each component by its variance to the power of `power`. Components
        without variance become 0.
    power : float
        From 0 to 1. With 0.5 all variances become equal; a smaller power whitens less (Mukundan
        et al., "Understanding and improving kernel local descriptors", 2019).

    Attributes
    ----------
    mean_ : (d,) float32 ndarray
    projection_ : (d, n_components) float32 ndarray
    explained_variance_ : (n_components,) float32 ndarray
        Variances of the components before whitening.
    """

    def __init__(
        self, n_components: int | None = None, *, whiten: bool = True, power: float = 0.5
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.power = power

    def fit(self, X: NDArray[Any], y: object = None) -> Projection:
        """Learn from vectors ``(n, d)``.

        There must be at least two, at least as many as components, and not all equal.
        """
        from sklearn.decomposition import PCA

        X = as_vectors(X)
        n, d = X.shape
        count = min(n, d) if self.n_components is None else self.n_components
        if not (1 <= count <= d and 0 <= self.power <= 1):
            raise SettingsError(
                f"n_components={self.n_components}, power={self.power}: expected 1 to {d} "
                "components, and a power from 0 to 1"
            )
        if n < max(2, count) or (X[0] == X).all():
            raise TrainingError(
                f"{n} vectors: expected at least {max(2, count)}, not all equal; give more, or "
                "ask for fewer components"
            )
        pca = PCA(count, svd_solver="full").fit(X)
        variance = pca.explained_variance_
        scale = (variance > _NEGLIGIBLE * variance[0]).astype(np.float32)
        if self.whiten:
            scale[scale > 0] /= variance[scale > 0] ** self.power
        self.mean_ = np.asarray(pca.mean_, np.float32)
        self.projection_ = np.asarray(pca.components_.T * scale, np.float32)
        self.explained_variance_ = np.asarray(variance, np.float32)
        return self

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Project vectors ``(n, d)``; return ``(n, n_components)`` float32 rows of length 1."""
        if not hasattr(self, "projection_"):
            raise NotFittedError("this Projection has learned nothing yet: call fit first")
        centred = as_vectors(X, len(self.mean_)) - self.mean_
        return unit_rows(np.asarray(centred @ self.projection_, np.float32))
