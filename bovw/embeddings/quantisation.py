"""Quantisation: compress vectors to a few bytes each, and reconstruct them approximately."""

from __future__ import annotations

from collections.abc import Iterator
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
from ..parallel import ordered_map
from .projection import as_vectors

_AT_ONCE = 4_096
# This share of the values is clipped at either end, so that the few steps serve the other values.
_TAIL = 0.001


class ScalarQuantizer(BaseEstimator):  # type: ignore[misc]
    """Quantise each dimension on its own.

    With 8 or 4 bits, values are rounded to equal steps between the 0.1 and 99.9 percentiles of
    their dimension (its smallest and largest value, when there are at most a thousand vectors).
    With 1 bit, the bit says whether a value is above the median of its dimension; it is
    reconstructed as the mean of the values on that side.

    Search is asymmetric (Jegou, Douze & Schmid 2011): queries are not quantised, and their scores
    are dot products with the rows of `inverse_transform`.

    Parameters
    ----------
    bits : {8, 4, 1}
        Number of bits for each dimension.

    Attributes
    ----------
    bytes_per_vector_ : int
    low_, step_ : (d,) float32 ndarray
        Code `c` stands for ``low_ + c * step_``.
    threshold_ : (d,) float32 ndarray
        Median of each dimension; only with 1 bit.
    """

    def __init__(self, bits: int = 8) -> None:
        self.bits = bits

    def fit(self, X: NDArray[Any], y: object = None) -> ScalarQuantizer:
        """Learn ranges from vectors ``(n, d)``."""
        if self.bits not in {8, 4, 1}:
            raise SettingsError(f"bits={self.bits}: expected 8, 4 or 1")
        X = as_vectors(X)
        if len(X) == 0:
            raise TrainingError("no vectors: expected at least one")
        if self.bits == 1:
            self.threshold_ = np.asarray(np.median(X, axis=0), np.float32)
            above = self.threshold_ < X
            count = above.sum(axis=0)
            total = X.sum(axis=0, where=above, dtype=np.float64)
            low = X.sum(axis=0, where=~above, dtype=np.float64) / (len(X) - count)
            high = np.where(count > 0, total / np.maximum(count, 1), low)
        else:
            low = np.quantile(X, _TAIL, axis=0, method="lower")
            high = np.quantile(X, 1 - _TAIL, axis=0, method="higher")
        self.low_ = np.asarray(low, np.float32)
        self.step_ = np.asarray((high - low) / (2**self.bits - 1), np.float32)
        self.bytes_per_vector_ = -(-X.shape[1] * self.bits // 8)
        return self

    def transform(self, X: NDArray[Any]) -> NDArray[np.uint8]:
        """Compress vectors ``(n, d)``.

        Returns
        -------
        (n, bytes_per_vector_) uint8 ndarray
            The first dimension is in the most significant bits. Unused bits are 0.
        """
        _require(self, "low_")
        X = as_vectors(X, len(self.low_))
        codes = np.empty((len(X), self.bytes_per_vector_), np.uint8)
        step = np.where(self.step_ > 0, self.step_, np.float32(1))
        for part in _parts(len(X)):
            if self.bits == 1:
                codes[part] = np.packbits(X[part] > self.threshold_, axis=1)
                continue
            steps = np.rint((X[part] - self.low_) / step)
            values = steps.clip(0, 2**self.bits - 1).astype(np.uint8)
            if self.bits == 4:
                codes[part] = values[:, ::2] << 4
                codes[part, : values.shape[1] // 2] |= values[:, 1::2]
            else:
                codes[part] = values
        return codes

    def inverse_transform(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Reconstruct the vectors ``(n, d)`` float32 from their codes."""
        _require(self, "low_")
        codes = _checked(codes, self.bytes_per_vector_)
        d = len(self.low_)
        vectors = np.empty((len(codes), d), np.float32)
        for part in _parts(len(codes)):
            values = codes[part]
            if self.bits == 4:
                values = np.stack([values >> 4, values & 15], axis=2).reshape(len(values), -1)
            elif self.bits == 1:
                values = np.unpackbits(values, axis=1)
            vectors[part] = self.low_ + values[:, :d] * self.step_
        return vectors


class ProductQuantizer(BaseEstimator):  # type: ignore[misc]
    """Cut vectors into parts, and replace each part by the number of its nearest centre.

    Jegou, Douze & Schmid, "Product quantization for nearest neighbor search" (PAMI 2011). Search
    is asymmetric: queries are not quantised, and their scores are dot products with the rows of
    `inverse_transform`.

    Parameters
    ----------
    n_parts : int
        Number of parts, of sizes as equal as possible; at most the number of dimensions.
    n_centers : int
        Number of centres for each part, up to 256. A part takes one byte, even with fewer centres.
    random_state : int
    n_jobs : int, optional
        Number of parts that are learned in parallel; the result does not depend on it.

    Attributes
    ----------
    bytes_per_vector_ : int
        `n_parts`.
    centers_ : list of (n_centers, size of the part) float32 ndarray
    """

    def __init__(
        self,
        n_parts: int = 64,
        n_centers: int = 256,
        *,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n_parts = n_parts
        self.n_centers = n_centers
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: NDArray[Any], y: object = None) -> ProductQuantizer:
        """Learn the centres of each part from vectors ``(n, d)``, at least `n_centers` of them."""
        X = as_vectors(X)
        n, d = X.shape
        if not (1 <= self.n_parts <= d and 1 <= self.n_centers <= 256):
            raise SettingsError(
                f"n_parts={self.n_parts}, n_centers={self.n_centers}: expected 1 to {d} parts "
                "(the dimensions), and 1 to 256 centres"
            )
        if n < self.n_centers:
            raise TrainingError(
                f"{n} vectors for {self.n_centers} centres: give more, or ask for fewer centres"
            )
        tasks = [
            (part, self.n_centers, self.random_state)
            for part in np.array_split(X, self.n_parts, axis=1)
        ]
        self.centers_ = list(ordered_map(_cluster, tasks, n_jobs=self.n_jobs))
        self.bytes_per_vector_ = self.n_parts
        return self

    def transform(self, X: NDArray[Any]) -> NDArray[np.uint8]:
        """Compress vectors ``(n, d)`` to the numbers of their centres, ``(n, n_parts)`` uint8.

        Of centres at equal distances the one with the smaller number is used.
        """
        _require(self, "centers_")
        X = as_vectors(X, sum(centers.shape[1] for centers in self.centers_))
        codes = np.empty((len(X), len(self.centers_)), np.uint8)
        columns = np.array_split(X, len(self.centers_), axis=1)
        for i, (column, centers) in enumerate(zip(columns, self.centers_, strict=True)):
            norms = np.einsum("ij,ij->i", centers, centers)
            for part in _parts(len(X)):
                codes[part, i] = (norms - 2 * (column[part] @ centers.T)).argmin(axis=1)
        return codes

    def inverse_transform(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Reconstruct the vectors ``(n, d)`` float32 from their codes."""
        _require(self, "centers_")
        codes = _checked(codes, len(self.centers_))
        pairs = zip(self.centers_, codes.T, strict=True)
        return np.concatenate([centers[code] for centers, code in pairs], axis=1)


def _cluster(task: tuple[NDArray[np.float32], int, int]) -> NDArray[np.float32]:
    from sklearn.cluster import MiniBatchKMeans

    vectors, k, seed = task
    model = MiniBatchKMeans(
        k,
        n_init=1,
        init_size=max(3 * k, _AT_ONCE),
        batch_size=_AT_ONCE,
        reassignment_ratio=0,
        compute_labels=False,
        random_state=seed,
    )
    model.fit(np.ascontiguousarray(vectors))
    return np.asarray(model.cluster_centers_, np.float32)


def _parts(n: int) -> Iterator[slice]:
    """Cut ``range(n)`` into slices, so that intermediate arrays stay small."""
    for start in range(0, n, _AT_ONCE):
        yield slice(start, min(start + _AT_ONCE, n))


def _require(estimator: BaseEstimator, attribute: str) -> None:
    if not hasattr(estimator, attribute):
        name = type(estimator).__name__
        raise NotFittedError(f"this {name} has learned nothing yet: call fit first")


def _checked(codes: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != length:
        raise EmbeddingError(
            f"codes of shape {codes.shape} and type {codes.dtype}: expected those of transform, "
            f"(n, {length}) and uint8"
        )
    return codes
