"""The protocol by which other engines find candidates, and our own index behind it.

An engine for vectors needs three methods to take the place of our candidates. The rest of a search
does not change: what it finds is scored exactly afterwards, with the present weights of the index.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import positions_of_keys
from ..errors import SettingsError
from ..settings import CandidateSettings
from .candidates import HistogramIndex


class CandidateIndex(Protocol):
    """Histograms under keys, which can be added, removed and searched by their dot product.

    `bovw.Engine.with_candidates` searches with one. `tests/search/test_candidate_index.py`
    has the tests that an implementation must pass.
    """

    def add(self, keys: NDArray[np.int64], histograms: sparse.csr_matrix) -> None:
        """Add histograms ``(n, n_words)``; one whose key is there already replaces that.

        `keys` ``(n,)`` are not negative, and differ.
        """

    def remove(self, keys: NDArray[np.int64]) -> None:
        """Remove histograms; keys that are not there are ignored."""

    def search(
        self, query: sparse.csr_matrix, k: int, allowed: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find up to `k` histograms that have the largest dot product with a query.

        Parameters
        ----------
        query : (1, n_words) csr_matrix
        k : int
        allowed : (m,) int64 ndarray, optional
            Only these keys may be found; default: all.

        Returns
        -------
        keys : (m,) int64 ndarray
            By decreasing score; of equal scores in any order. Only those with a score above 0.
        scores : (m,) float32 ndarray
        """


class HistogramCandidates:
    """A `CandidateIndex` in memory, by a `HistogramIndex`, which is made anew after changes.

    Parameters
    ----------
    n_words : int
    settings : CandidateSettings, optional
    """

    def __init__(self, n_words: int, settings: CandidateSettings | None = None) -> None:
        self._settings = settings
        self._keys = np.zeros(0, np.int64)
        self._rows = sparse.csr_matrix((0, n_words), dtype=np.float32)
        self._index: HistogramIndex | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: NDArray[np.int64], histograms: sparse.csr_matrix) -> None:
        """Add histograms; see `CandidateIndex.add`."""
        check_rows(keys, histograms, self._rows.shape[1])
        self.remove(keys)
        self._keys = np.concatenate([self._keys, keys])
        self._rows = sparse.vstack([self._rows, histograms], "csr")
        self._index = None

    def remove(self, keys: NDArray[np.int64]) -> None:
        """Remove histograms; see `CandidateIndex.remove`."""
        kept = ~np.isin(self._keys, keys)
        self._keys, self._rows, self._index = self._keys[kept], self._rows[kept], None

    def search(
        self, query: sparse.csr_matrix, k: int, allowed: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find histograms; see `CandidateIndex.search`."""
        if self._index is None:
            self._index = HistogramIndex(self._rows, self._settings, keys=self._keys)
        may = None
        if allowed is not None:
            may = np.zeros(len(self._keys), bool)
            at = positions_of_keys(self._keys, allowed)
            may[at[at >= 0]] = True
        positions, scores = self._index.search(query, k, may)[0]
        return self._keys[positions], scores


def check_rows(keys: NDArray[np.int64], histograms: sparse.csr_matrix, n_words: int) -> None:
    """Raise a SettingsError when histograms do not fit their keys, or an index."""
    if histograms.shape != (len(keys), n_words):
        raise SettingsError(
            f"{len(keys)} keys and histograms of shape {histograms.shape}: expected "
            f"({len(keys)}, {n_words})"
        )
    if len(np.unique(keys)) != len(keys) or (len(keys) and int(np.min(keys)) < 0):
        raise SettingsError("keys: expected different numbers that are not negative")
