"""Approximate nearest neighbours: the only module that imports nmslib.

It hides these properties of nmslib 2.1.2 from the rest of the package:

* Importing nmslib prints to stderr: the message is caught.
* Graphs are random, and each thread has one generator that continues from graph to graph: every
  graph is built in a new thread, so that the same data give the same graph.
* The scores of ``negdotprod`` are negated dot products: their sign is turned back.
* A search can find fewer than `k` neighbours: rows are padded with -1.
* An index cannot be pickled, and points cannot be added or deleted: it is always built from arrays,
  and its files are only a cache.
* Loading a graph and saving it again gives a file that crashes the process that searches it: the
  file that was loaded is copied instead.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .errors import StorageError
from .parallel import FreshThread

CACHE_SUFFIXES = ("", ".dat")
"""nmslib writes two files: the index, and the data."""

# So many more neighbours are asked for than wanted; see `NearestNeighbours.search`.
_SPARE = 3
# Queries that are asked together: nmslib makes two Python objects for each.
_AT_ONCE = 1 << 17

Space = Literal["l2", "dot"]
Vectors: TypeAlias = "NDArray[np.float32] | NDArray[np.uint8] | sparse.csr_matrix"

SIFT_LENGTH = 128
"""So many bytes are compared by nmslib's integer distance."""


@lru_cache(maxsize=1)
def _nmslib() -> Any:
    """Import nmslib, and hide the message that it prints to stderr."""
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


@dataclass(frozen=True)
class CacheFile:
    """Files of an nmslib index that were checked, and how to tell that they did not change since.

    They are loaded at the first search, which may be long after the check.
    """

    path: Path
    identity: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, path: Path) -> CacheFile | None:
        """Describe the files at `path`; None when one is missing."""
        identity = _identity(path)
        return None if identity is None else cls(path, identity)

    @property
    def is_same(self) -> bool:
        """Whether the files have not changed since they were described."""
        return _identity(self.path) == self.identity


def _identity(path: Path) -> tuple[tuple[int, int, int], ...] | None:
    try:
        stats = [Path(f"{path}{suffix}").stat() for suffix in CACHE_SUFFIXES]
    except FileNotFoundError:
        return None
    return tuple((s.st_ino, s.st_size, s.st_mtime_ns) for s in stats)


class NearestNeighbours:
    """Nearest neighbours among the rows of an array or sparse matrix.

    Parameters
    ----------
    vectors : (n, d) float32 ndarray or csr_matrix, or (n, d) uint8 ndarray
        At least one row. Rows should not be all zero. Rows of up to 128 uint8 values are compared
        with nmslib's integer distance for SIFT, which takes a quarter of the memory and is up to
        twice as fast.
    method : {"hnsw", "simple_invindx"}
        A navigable small-world graph (Malkov & Yashunin 2018), or an exact inverted index
        (sparse vectors and dot products only).
    space : {"l2", "dot"}
        Smallest Euclidean distance, or largest dot product.
    n_links : int
        Links of a node of the graph; nmslib's parameter ``M``.
    ef_construction, ef_search : int
        Length of the list of candidates while building the graph, and while searching it; longer
        is more exact and slower. `ef_search` is raised to `k`.
    cache : CacheFile, optional
        Files that `save` wrote for the same vectors and parameters. They are loaded instead of
        building the index, unless they have changed.
    """

    def __init__(
        self,
        vectors: Vectors,
        *,
        method: Literal["hnsw", "simple_invindx"] = "hnsw",
        space: Space = "l2",
        n_links: int = 16,
        ef_construction: int = 200,
        ef_search: int = 64,
        cache: CacheFile | None = None,
    ) -> None:
        self.is_sparse = sparse.issparse(vectors)
        self._is_sift = vectors.dtype == np.uint8 and vectors.shape[1] <= SIFT_LENGTH
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
        self._has_vectors = True
        self._loaded = cache if cache is not None and cache.is_same else None
        self._open()

    def _open(self) -> None:
        self._turns = _Turns()
        self._index = self._empty()
        if self._loaded is None:
            self._build()
        else:
            self._index.loadIndex(str(self._loaded.path), load_data=True)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy, or another process, makes the same index of: nmslib's cannot be sent."""
        if not self._has_vectors and not (self._loaded and self._loaded.is_same):
            raise StorageError(
                "an index of nmslib that was loaded from files which have changed since cannot be "
                "copied or sent to another process: open the index again"
            )
        return {k: v for k, v in self.__dict__.items() if k not in ("_index", "_turns")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._loaded is not None and not self._loaded.is_same:
            if not self._has_vectors:
                raise StorageError(
                    f"{self._loaded.path} has changed, or is not on this machine: open the index "
                    "again there"
                )
            self._loaded = None
        self._open()

    @classmethod
    def load(
        cls,
        cache: CacheFile,
        size: int,
        *,
        is_sparse: bool,
        is_sift: bool = False,
        **parameters: Any,
    ) -> NearestNeighbours | None:
        """Load the files that `save` wrote for `size` vectors; None if the files have changed.

        `is_sift` says that these were bytes.
        """
        if not cache.is_same:
            return None
        nothing: Any = np.broadcast_to(np.uint8(0) if is_sift else np.float32(0), (size, 1))
        if is_sparse:
            nothing = sparse.csr_matrix((size, 1), dtype=np.float32)
        found = cls(nothing, cache=cache, **parameters)
        found._has_vectors = False
        return None if found._loaded is None else found

    def _empty(self) -> Any:
        nmslib = _nmslib()
        if self._is_sift:
            return nmslib.init(
                method=self._method,
                space="l2sqr_sift",
                data_type=nmslib.DataType.DENSE_UINT8_VECTOR,
                dtype=nmslib.DistType.INT,
            )
        space = "negdotprod" if self._dot else "l2"
        kind = nmslib.DataType.SPARSE_VECTOR if self.is_sparse else nmslib.DataType.DENSE_VECTOR
        return nmslib.init(
            method=self._method,
            space=space + ("_sparse_fast" if self.is_sparse and self._dot else ""),
            data_type=kind,
        )

    def _build(self) -> None:
        self._index.addDataPointBatch(self._prepared(self._vectors))
        FreshThread(lambda: self._index.createIndex(self._parameters)).wait()

    def _prepared(self, vectors: Any) -> Any:
        if not self.is_sparse:
            if self._is_sift:  # padding with zeros changes no distance
                missing = SIFT_LENGTH - vectors.shape[1]
                return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors
            return np.ascontiguousarray(vectors, dtype=np.float32)
        vectors = sparse.csr_matrix(vectors, dtype=np.float32)
        vectors.sort_indices()
        return vectors

    def save(self, path: Path) -> bool:
        """Write the index and its data to `path` (nmslib adds a second file, ``PATH.dat``).

        Return False when nothing could be written: the index was loaded without its vectors, and
        the files it was loaded from have changed.
        """
        if self._loaded is not None:
            if self._loaded.is_same:
                for suffix in CACHE_SUFFIXES:
                    shutil.copyfile(f"{self._loaded.path}{suffix}", f"{path}{suffix}")
                return True
            if not self._has_vectors:
                return False
            self._loaded = None
            self._open()
        try:
            self._index.saveIndex(str(path), save_data=True)
        except RuntimeError as error:  # all that nmslib says is "iostream error"
            raise OSError(errno.EIO, "nmslib could not write it (disk full?)", str(path)) from error
        return True

    def search(
        self, queries: Vectors, k: int, n_threads: int = 1
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the `k` nearest rows of each query.

        Parameters
        ----------
        queries : (m, d) float32 or uint8 ndarray, or csr_matrix
            Of the same kind as the vectors.
        k : int
        n_threads : int

        Returns
        -------
        neighbours : (m, k) int32 ndarray
            Row numbers, nearest first and equally near ones in increasing order, padded with -1.
        values : (m, k) float32 ndarray
            Squared Euclidean distances ("l2") or dot products ("dot"), padded with inf or -inf.
        """
        k = min(k, self.size)
        m = queries.shape[0]
        # nmslib orders neighbours of equal distance by their addresses in memory, which differ from
        # one process to the next. So a few more are asked for, and ordered by number.
        asked = min(k + _SPARE, self.size)
        neighbours = np.full((m, asked), -1, dtype=np.int32)
        distances = np.full((m, asked), np.inf, dtype=np.float32)
        for start in range(0, m if k else 0, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            given = self._prepared(queries[part])
            with self._turns(max(self.ef_search, asked), self._set_ef):
                answers = self._index.knnQueryBatch(given, k=asked, num_threads=n_threads)
            if all(len(ids) == asked for ids, _ in answers):
                neighbours[part] = [ids for ids, _ in answers]
                distances[part] = [found for _, found in answers]
            else:
                for row, (ids, found) in enumerate(answers, start):
                    neighbours[row, : len(ids)] = ids
                    distances[row, : len(ids)] = found
        order = np.lexsort((neighbours, distances))[:, :k]
        distances = np.take_along_axis(distances, order, axis=1)
        return np.take_along_axis(neighbours, order, axis=1), -distances if self._dot else distances

    def _set_ef(self, ef: int) -> None:
        if self._parameters:
            self._index.setQueryTimeParams({"ef": ef})


class _Turns:
    """Lets threads ask an index together when they need the same setting, else in turns."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: int | None = None
        self._asking = 0

    @contextmanager
    def __call__(self, value: int, change: Callable[[int], None]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._asking == 0 or self._value == value)
            if self._value != value:
                change(value)
                self._value = value
            self._asking += 1
        try:
            yield
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()
