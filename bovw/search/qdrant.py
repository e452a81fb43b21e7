"""Candidates by Qdrant Edge, the engine of Qdrant in this process: sparse vectors, dot product."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import SettingsError, StorageError, imported
from ..settings import checked_arguments
from .candidate_index import check_rows

_NAME = "words"  # of the vectors
_AT_ONCE = 256


class QdrantCandidates:
    """A `CandidateIndex` in a folder of Qdrant Edge (``pip install 'bovw[qdrant]'``).

    Qdrant searches sparse vectors exactly, by postings, on its own threads. A server of Qdrant
    takes the same vectors.

    Parameters
    ----------
    folder : path
        Where the shard lies; made if it does not exist. One process can use it at a time.
    n_words : int

    Raises
    ------
    MissingPackageError
        When qdrant-edge-py is not installed.
    StorageError
        When the folder holds something else, or is in use.
    """

    @checked_arguments
    def __init__(self, folder: str | os.PathLike[str], n_words: int) -> None:
        self._qdrant: Any = imported("qdrant_edge", "qdrant", "candidates by Qdrant")
        self._n_words = n_words
        if n_words < 1:
            raise SettingsError(f"n_words={n_words}: expected at least 1")
        place = Path(folder)
        words = self._qdrant.EdgeSparseVectorParams()
        config = self._qdrant.EdgeConfig(sparse_vectors={_NAME: words})
        try:
            place.mkdir(parents=True, exist_ok=True)
            if any(place.iterdir()):
                self._shard = self._qdrant.EdgeShard.load(str(place), config)
            else:
                self._shard = self._qdrant.EdgeShard.create(str(place), config)
        except Exception as error:  # Qdrant has no exceptions of its own
            raise StorageError(
                f"{place} cannot be used by Qdrant ({error!s:.300}): give a folder that it made, "
                "and that no other process uses, or one that does not exist"
            ) from error

    def add(self, keys: NDArray[np.int64], histograms: sparse.csr_matrix) -> None:
        """Add histograms; see `CandidateIndex.add`."""
        check_rows(keys, histograms, self._n_words)
        for first in range(0, len(keys), _AT_ONCE):
            points = [
                self._qdrant.Point(int(key), {_NAME: self._vector(row)})
                for key, row in zip(
                    keys[first : first + _AT_ONCE],
                    histograms[first : first + _AT_ONCE],
                    strict=True,
                )
            ]
            self._shard.update(self._qdrant.UpdateOperation.upsert_points(points))

    def remove(self, keys: NDArray[np.int64]) -> None:
        """Remove histograms; see `CandidateIndex.remove`."""
        if len(keys):
            self._shard.update(self._qdrant.UpdateOperation.delete_points(keys.tolist()))

    def search(
        self, query: sparse.csr_matrix, k: int, allowed: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find histograms; see `CandidateIndex.search`."""
        if query.nnz == 0 or (allowed is not None and len(allowed) == 0):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        only = None
        if allowed is not None:
            named = self._qdrant.HasIdCondition(set(allowed.tolist()))
            only = self._qdrant.Filter(must=[named])
        nearest = self._qdrant.Query.Nearest(self._vector(query), using=_NAME)
        found = self._shard.query(self._qdrant.QueryRequest(limit=k, query=nearest, filter=only))
        keys = np.array([point.id for point in found], np.int64)
        scores = np.array([point.score for point in found], np.float32)
        return keys[scores > 0], scores[scores > 0]

    def close(self) -> None:
        """Write all changes to the folder, and release it."""
        self._shard.flush()
        self._shard.close()

    def _vector(self, row: sparse.csr_matrix) -> Any:
        return self._qdrant.SparseVector(row.indices.tolist(), row.data.tolist())
