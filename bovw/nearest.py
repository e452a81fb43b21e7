"""Approximate nearest neighbours: the only module that imports nmslib.

What nmslib 2.1.2 does that its callers should not have to know, and what is done about it here:

* importing it prints to stderr: the message is caught;
* graphs are random, and the generator belongs to the thread and carries on: each graph is built
  by one fresh thread, so that the same data give the same graph;
* scores of ``negdotprod`` are negated dot products: they are turned back;
* fewer than `k` neighbours can come back: rows are padded with -1;
* an index cannot be pickled, added to, or deleted from: it is built from arrays, and kept as a
  file only as a cache of them;
* a graph that was loaded and is saved again gives a file that crashes whoever searches it: the
  file it was loaded from is copied.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_SUFFIXES = ("", ".dat")

Space = Literal["l2", "dot"]


@lru_cache(maxsize=1)
def _nmslib() -> Any:
    """Import nmslib without the advice that it writes to the stderr of the process."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            import nmslib
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    return nmslib


def _identity(path: Path) -> list[tuple[int, int, int]] | None:
    """Tell whether the files of an index are still those that were loaded."""
    try:
        stats = [Path(f"{path}{suffix}").stat() for suffix in _SUFFIXES]
    except FileNotFoundError:
        return None
    return [(s.st_ino, s.st_size, s.st_mtime_ns) for s in stats]


def _in_fresh_thread(work: Any) -> None:
    failure: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # handed to the caller below
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


class NearestNeighbours:
    """Nearest neighbours among the rows of an array or sparse matrix.

    Parameters
    ----------
    vectors : (n, d) float32 ndarray or csr_matrix
        At least one row. Rows should not be all zero.
    method : {"hnsw", "simple_invindx"}
        A navigable small-world graph (Malkov & Yashunin 2018), or an exact inverted index
        (sparse vectors and dot products only).
    space : {"l2", "dot"}
        Smallest Euclidean distance, or largest dot product.
    n_links : int
        ``M`` of the graph.
    ef_construction, ef_search : int
        Breadth of the search while building and while asking. `ef_search` is raised to `k`.
    cache : Path, optional
        A file written by `save` for the very same vectors and parameters; loaded instead of built.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32] | sparse.csr_matrix,
        *,
        method: Literal["hnsw", "simple_invindx"] = "hnsw",
        space: Space = "l2",
        n_links: int = 16,
        ef_construction: int = 200,
        ef_search: int = 64,
        cache: Path | None = None,
    ) -> None:
        self.is_sparse = sparse.issparse(vectors)
        self.size = int(vectors.shape[0])
        self.ef_search = ef_search
        self._vectors = vectors
        self._method = method
        self._dot = space == "dot"
        self._parameters = (
            {"M": n_links, "efConstruction": ef_construction, "indexThreadQty": 1, "post": 0}
            if method == "hnsw"
            else {}
        )
        self._ef = -1
        self._loaded = None if cache is None else (cache, _identity(cache))
        self._index = self._empty()
        if cache is None:
            self._build()
        else:
            self._index.loadIndex(str(cache), load_data=True)

    def _empty(self) -> Any:
        nmslib = _nmslib()
        space = "negdotprod" if self._dot else "l2"
        kind = nmslib.DataType.SPARSE_VECTOR if self.is_sparse else nmslib.DataType.DENSE_VECTOR
        return nmslib.init(
            method=self._method,
            space=space + ("_sparse_fast" if self.is_sparse and self._dot else ""),
            data_type=kind,
        )

    def _build(self) -> None:
        self._index.addDataPointBatch(self._prepared(self._vectors))
        _in_fresh_thread(lambda: self._index.createIndex(self._parameters))

    def _prepared(self, vectors: Any) -> Any:
        if not self.is_sparse:
            return np.ascontiguousarray(vectors, dtype=np.float32)
        vectors = sparse.csr_matrix(vectors, dtype=np.float32)
        vectors.sort_indices()
        return vectors

    def save(self, path: Path) -> None:
        """Write the index and its data to `path` (nmslib adds a second file, ``PATH.dat``)."""
        if self._loaded is not None:
            cache, identity = self._loaded
            if _identity(cache) == identity:
                for suffix in _SUFFIXES:
                    shutil.copyfile(f"{cache}{suffix}", f"{path}{suffix}")
                return
            self._loaded, self._index, self._ef = None, self._empty(), -1
            self._build()
        self._index.saveIndex(str(path), save_data=True)

    def search(
        self, queries: NDArray[np.float32] | sparse.csr_matrix, k: int, n_threads: int = 1
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the `k` nearest rows of each query.

        Parameters
        ----------
        queries : (m, d) float32 ndarray or csr_matrix
        k : int
        n_threads : int

        Returns
        -------
        neighbours : (m, k) int32 ndarray
            Row numbers, nearest first, padded with -1.
        values : (m, k) float32 ndarray
            Squared Euclidean distances ("l2") or dot products ("dot"), padded with inf or -inf.
        """
        k = min(k, self.size)
        if self._parameters and self._ef != max(self.ef_search, k):
            self._ef = max(self.ef_search, k)
            self._index.setQueryTimeParams({"ef": self._ef})
        m = queries.shape[0]
        neighbours = np.full((m, k), -1, dtype=np.int32)
        values = np.full((m, k), -np.inf if self._dot else np.inf, dtype=np.float32)
        if m == 0 or k == 0:
            return neighbours, values
        queries = self._prepared(queries)
        answers = self._index.knnQueryBatch(queries, k=k, num_threads=n_threads)
        if all(len(ids) == k for ids, _ in answers):
            neighbours[:] = [ids for ids, _ in answers]
            values[:] = [found for _, found in answers]
        else:
            for row, (ids, found) in enumerate(answers):
                neighbours[row, : len(ids)] = ids
                values[row, : len(ids)] = found
        return neighbours, -values if self._dot else values
