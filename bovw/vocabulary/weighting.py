"""Turn counts of visual words into weighted, normalised histograms (TF-IDF)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from ..errors import SettingsError
from .estimators import UnfittedError, validated


def word_counts(
    words: NDArray[np.integer], offsets: NDArray[np.integer], n_words: int
) -> sparse.csr_matrix:
    """Count the words of pictures.

    Parameters
    ----------
    words : (n,) integer ndarray
        The words of all pictures, one picture after another, sorted within each picture.
    offsets : (n_pictures + 1,) integer ndarray
        Picture `i` has ``words[offsets[i]:offsets[i + 1]]``.
    n_words : int
        Size of the vocabulary.

    Returns
    -------
    (n_pictures, n_words) csr_matrix of float32
    """
    at = np.flatnonzero(first_of_words(words, offsets))
    counts = np.diff(at, append=len(words)).astype(np.float32)
    rows = np.searchsorted(at, offsets)
    return sparse.csr_matrix(
        (counts, words[at].astype(np.int32), rows.astype(np.int64)),
        shape=(len(offsets) - 1, n_words),
    )


def first_of_words(words: NDArray[np.integer], offsets: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Say of each feature whether it is the first of its word in its picture.

    The parameters are as in `word_counts`.
    """
    first = np.ones(len(words), bool)
    first[1:] = words[1:] != words[:-1]
    starts = offsets[:-1]
    first[starts[starts < len(words)]] = True
    return first


class TfidfWeighting(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Term frequency, inverse document frequency and normalisation (Sivic & Zisserman 2003).

    A transformer of scikit-learn: it takes counts ``(n_pictures, n_words)``, sparse or not, and can
    follow `BagOfVisualWords` in a pipeline.

    Parameters
    ----------
    tf : {"raw", "sqrt", "log", "binary"}
        ``c``, ``sqrt(c)``, ``1 + ln(c)`` or 1 for a word that occurs `c` times. The square root
        is the simplest way to handle bursts: words that are repeated within a picture (Jegou,
        Douze & Schmid 2009).
    idf : {"smooth", "plain", "sklearn", "none"}
        ``ln((N + 1) / (df + 1))``, ``ln(N / df)``, scikit-learn's
        ``ln((N + 1) / (df + 1)) + 1``, or 1, for a word that occurs in `df` of `N` pictures.
        With "plain", a word that occurs in no picture has weight 0.
    norm : {"l2", "l1", "none"}
    stop_words : int
        The words with the largest document frequency, this many, get weight 0 (ties: smaller word
        first).
    sparse_output : bool
        Whether `transform` returns a sparse matrix. Data frames (``set_output``) need false.

    Attributes
    ----------
    n_features_in_ : int
        Number of words.
    idf_ : (n_words,) float32 ndarray
    stop_words_ : (stop_words,) int ndarray
        The stop words, in increasing order.
    """

    def __init__(
        self,
        *,
        tf: str = "sqrt",
        idf: str = "smooth",
        norm: str = "l2",
        stop_words: int = 0,
        sparse_output: bool = True,
    ) -> None:
        self.tf = tf
        self.idf = idf
        self.norm = norm
        self.stop_words = stop_words
        self.sparse_output = sparse_output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def fit(self, X: sparse.spmatrix, y: object = None) -> TfidfWeighting:
        """Learn document frequencies from counts ``(n_pictures, n_words)``."""
        self.term_weights(np.ones(1))  # says at once when `tf` or `norm` is unknown
        normalise(sparse.csr_matrix((0, 1), dtype=np.float32), self.norm)
        counts = self._counts(X, reset=True)
        frequencies = np.bincount(counts.indices[counts.data > 0], minlength=counts.shape[1])
        return self.fit_frequencies(frequencies, counts.shape[0])

    def fit_frequencies(
        self, document_frequencies: NDArray[np.integer], n_pictures: int
    ) -> TfidfWeighting:
        """Fit to document frequencies ``(n_words,)`` that were counted elsewhere."""
        df = document_frequencies.astype(np.float64)
        if self.idf == "plain":
            weights = np.where(df > 0, np.log(n_pictures / np.maximum(df, 1)), 0.0)
        elif self.idf == "smooth":
            weights = np.log((n_pictures + 1) / (df + 1))
        elif self.idf == "sklearn":
            weights = np.log((n_pictures + 1) / (df + 1)) + 1
        elif self.idf == "none":
            weights = np.ones_like(df)
        else:
            raise SettingsError(
                f"idf={self.idf!r}: expected 'smooth', 'plain', 'sklearn' or 'none'"
            )
        most_frequent = np.argsort(-df, kind="stable")[: self.stop_words]
        weights[most_frequent] = 0
        self.n_features_in_ = len(df)
        self.stop_words_ = np.sort(most_frequent)
        self.idf_ = weights.astype(np.float32)
        return self

    def term_weights(self, counts: NDArray[Any]) -> NDArray[np.float32]:
        """Weight of a word that occurs so many times, as `tf` says."""
        if self.tf == "sqrt":
            return np.asarray(np.sqrt(counts, dtype=np.float32))
        if self.tf == "log":
            return np.asarray(1 + np.log(counts, dtype=np.float32), np.float32)
        if self.tf == "binary":
            return np.ones(len(counts), np.float32)
        if self.tf == "raw":
            return np.asarray(counts, np.float32)
        raise SettingsError(f"tf={self.tf!r}: expected 'raw', 'sqrt', 'log' or 'binary'")

    def transform(self, X: sparse.spmatrix) -> sparse.csr_matrix:
        """Weight and normalise counts ``(n, n_words)``; a picture without words stays all zero.

        Returns
        -------
        (n, n_words) csr_matrix of float32
            The matrix stores no explicit zeros. An array with `sparse_output` false.
        """
        if not hasattr(self, "idf_"):
            raise UnfittedError("this TfidfWeighting has no frequencies yet: call fit first")
        rows = self._counts(X, reset=False)
        rows.data = self.term_weights(rows.data) * self.idf_[rows.indices]
        rows.eliminate_zeros()
        weighted = normalise(rows, self.norm)
        return weighted if self.sparse_output else weighted.toarray()

    def _counts(self, X: Any, *, reset: bool) -> sparse.csr_matrix:
        """Copy counts to sparse rows of float32."""
        if not hasattr(self, "n_features_in_") and not reset:  # only the weights were given
            self.n_features_in_ = len(self.idf_)
        X = validated(
            self, X, reset=reset, accept_sparse="csr", dtype=np.float32, ensure_min_samples=reset
        )
        rows = sparse.csr_matrix(X, dtype=np.float32, copy=True)
        if len(rows.data) and rows.data.min() < 0:
            raise SettingsError(
                f"Negative values in data passed to {type(self).__name__}: expected how often each "
                "word occurs"
            )
        return rows


def normalise(rows: sparse.csr_matrix, norm: str = "l2") -> sparse.csr_matrix:
    """Scale each row of `rows`, in place, to length 1; rows of zeros stay as they are."""
    if norm == "none":
        return rows
    if norm == "l2":
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), np.float64).ravel())
    elif norm == "l1":
        lengths = np.asarray(abs(rows).sum(axis=1), np.float64).ravel()
    else:
        raise SettingsError(f"norm={norm!r}: expected 'l2', 'l1' or 'none'")
    lengths[lengths == 0] = 1
    rows.data /= np.repeat(lengths, np.diff(rows.indptr)).astype(np.float32)
    return rows


def center_weights(
    points: NDArray[np.float32], size: tuple[int, int] | NDArray[np.integer], sigma: float
) -> NDArray[np.float32]:
    """Weight features by their distance from the middle of the picture.

    People usually put their subject in the middle of a picture, and what surrounds it often
    appears in other pictures too. This is the centring prior of Babenko & Lempitsky, "Aggregating
    deep convolutional features for image retrieval" (ICCV 2015).

    Parameters
    ----------
    points : (n, 2) float32 ndarray
    size : (int, int), or (n, 2) ndarray
        Width and height of the picture, or of the picture of each feature.
    sigma : float
        Standard deviation of the Gaussian, in half sides of the picture; 0 gives weight 1 to all.

    Returns
    -------
    (n,) float32 ndarray
        Weights: 1 in the middle, less elsewhere.
    """
    if sigma == 0:
        return np.ones(len(points), np.float32)
    off = (2 * points + 1) / np.asarray(size, np.float32) - 1
    return np.asarray(np.exp(-0.5 * np.square(off / sigma).sum(axis=1)), np.float32)
