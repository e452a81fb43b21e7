"""Embeddings (vectors that any network gave for pictures), and a search among them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbeddingError, SettingsError, shown, some
from ..files import replaced
from ..nearest import NearestNeighbours
from ..settings import checked_arguments
from .projection import Projection, as_vectors, unit_rows
from .reranking import Neighbours, nearest_rows
from .vector_files import read_names, read_vectors

__all__ = [
    "EmbeddingIndex",
    "Embeddings",
    "Projection",
    "load_embeddings",
    "save_embeddings",
]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors, and the identifiers of the pictures that they describe.

    Attributes
    ----------
    identifiers : tuple of str
        One for each vector. Identifiers of queries may repeat, since one picture can have several
        queries, each for another box. Identifiers of a base that is searched must be distinct.
    vectors : (n, d) float32 ndarray
        Finite numbers; other numeric types are converted, and tensors (see `as_array`). Rows need
        not have length 1.

    Raises
    ------
    EmbeddingError
        When the vectors are malformed, when there are not as many vectors as identifiers, or when
        there are none.
    """

    identifiers: tuple[str, ...]
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
        if isinstance(self.identifiers, (str, bytes)) or not isinstance(self.identifiers, Iterable):
            raise EmbeddingError(f"identifiers={shown(self.identifiers)}: expected several names")
        object.__setattr__(self, "identifiers", tuple(self.identifiers))
        object.__setattr__(self, "vectors", as_vectors(self.vectors))
        for identifier in self.identifiers:
            if not isinstance(identifier, str):
                raise EmbeddingError(f"a name is {identifier!r}: expected strings")
        if not 0 < len(self.identifiers) == len(self.vectors):
            raise EmbeddingError(
                f"{len(self.identifiers)} names and {len(self.vectors)} vectors: expected one of "
                "each for every picture, and at least one picture"
            )

    def normalised(self) -> Embeddings:
        """Scale vectors to Euclidean length 1, so that dot products are cosines.

        Vectors of zeros stay zeros.
        """
        return Embeddings(self.identifiers, unit_rows(self.vectors))

    def positions(self) -> dict[str, int]:
        """Return the row of each identifier.

        Raises
        ------
        EmbeddingError
            When two rows have the same identifier.
        """
        rows: dict[str, int] = {}
        for row, identifier in enumerate(self.identifiers):
            if rows.setdefault(identifier, row) != row:
                raise EmbeddingError(
                    f"{identifier} names rows {rows[identifier]} and {row}: expected every "
                    "picture once; leave one out"
                )
        return rows

    def aligned(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of given pictures, in the given order.

        Parameters
        ----------
        names : sequence of str
            Identifiers, which may repeat.

        Returns
        -------
        (len(names), d) float32 ndarray

        Raises
        ------
        EmbeddingError
            When a name has no vector, or an identifier has several.
        """
        rows = self.positions()
        missing = [name for name in names if name not in rows]
        if missing:
            raise EmbeddingError(
                f"{len(missing)} of {len(names)} pictures have no vector ({some(missing)}): "
                f"expected names such as {_some(self.identifiers)}"
            )
        return self.vectors[[rows[name] for name in names]]


@checked_arguments
def load_embeddings(
    path: str | os.PathLike[str],
    names: Sequence[str] | str | os.PathLike[str] | None = None,
    key: str | None = None,
) -> Embeddings:
    """Read embeddings from a file.

    Parameters
    ----------
    path : path
        The suffix decides how the file is read:

        - ``.npz``, ``.h5``, ``.hdf5``: the arrays `names` and `vectors`; without these, the only
          array of strings and the only two-dimensional array of numbers (HDF5 needs h5py). In
          HDF5 of hloc (``global-feats-*.h5``), each picture has a group with its name, and the
          vector is the `global_descriptor` in it;
        - ``.npy``: only vectors. The names are given by `names`, or are in a file in the same
          folder with the same stem: ``.txt`` (one name per line) or ``.json`` (a list);
        - ``.parquet``: the names are the column `names`, `name`, `path`, `image`, `filename` or
          `id`, or else the only column of strings. The vectors are a column of lists, or all
          columns of numbers in their order (needs pyarrow);
        - ``.csv``: each line is a name, then numbers. The first line is skipped as a heading when
          it contains no numbers, when its numbers count the columns from 0 or 1, or when its first
          cell is empty or a usual heading such as ``name``;
        - ``.faiss``, ``.index``, ``.faissindex``: an index of faiss, whose vectors are taken as it
          stores them (compressed ones approximately). The names are given as for ``.npy``, in the
          order of the ids; ids that do not count from 0 are the names themselves. Needs faiss
          (``pip install bovw[faiss]``), which does not guard against files that were made to harm.
    names : sequence of str, or path, optional
        Names to use instead of those in the file, or a ``.txt`` or ``.json`` file of names.
    key : str, optional
        Name of the array, dataset or column of the vectors; needed when there are several
        candidates.

    Returns
    -------
    Embeddings
        In the order of the file.

    Raises
    ------
    EmbeddingError
        When a file is missing, damaged or ambiguous, or a package to read it is not installed.
    """
    found, vectors = read_vectors(path, key)
    if names is not None:
        found = read_names(names) if isinstance(names, (str, os.PathLike)) else tuple(names)
    if found is None:
        raise EmbeddingError(
            f"{Path(path)}: holds vectors without names: give names, or put them next to it in "
            f"{Path(path).with_suffix('.txt').name}, one per line"
        )
    try:
        return Embeddings(found, vectors)
    except EmbeddingError as error:
        raise EmbeddingError(f"{Path(path)}: {error}") from error


@checked_arguments
def save_embeddings(embeddings: Embeddings, path: str | os.PathLike[str]) -> None:
    """Write the arrays `names` and `vectors` to an ``.npz`` file; replace an existing file.

    Raises
    ------
    EmbeddingError
        When the path has another suffix.
    StorageError
        When the file cannot be written; an existing file is then left as it was.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise EmbeddingError(f"{path}: expected a path that ends in .npz")
    with replaced(path) as file:
        np.savez(file, names=np.array(embeddings.identifiers), vectors=embeddings.vectors)


class EmbeddingIndex:
    """Search embeddings by dot product.

    Parameters
    ----------
    embeddings : Embeddings
        Embeddings with distinct identifiers. For normalised ones the dot product is the cosine.
    method : {"exact", "hnsw"}
        "exact" compares a query with all vectors. "hnsw" searches nmslib's graph (Malkov &
        Yashunin 2018): it is faster, but may miss some of the nearest vectors. It misses more of
        them when the vectors differ in length.
    ef_search : int
        Breadth of the search in the graph; at least `k` is used.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        method: Literal["exact", "hnsw"] = "exact",
        *,
        ef_search: int = 200,
    ) -> None:
        if method not in {"exact", "hnsw"} or ef_search < 1:
            raise SettingsError(
                f"method={method!r}, ef_search={ef_search}: expected 'exact' or 'hnsw', and at "
                "least 1"
            )
        embeddings.positions()  # raises when an identifier repeats
        self.embeddings, self.method = embeddings, method
        self._graph = (
            NearestNeighbours(embeddings.vectors, space="dot", ef_search=ef_search)
            if method == "hnsw"
            else None
        )

    def search(self, queries: NDArray[Any], k: int) -> Neighbours:
        """Find the `k` best rows for each query.

        Parameters
        ----------
        queries : (m, d) ndarray
        k : int
            At most as many as there are rows are returned.

        Returns
        -------
        Neighbours
            With dot products in decreasing order; equal ones are sorted by row. A graph may find
            fewer than `k`.
        """
        queries = self._checked(queries)
        if k < 1:
            raise SettingsError(f"k={k}: expected at least 1")
        if self._graph is not None:
            rows, values = self._graph.search(queries, k)
            order = np.lexsort((rows, -values))
            rows = np.take_along_axis(rows, order, axis=1)
            values = np.take_along_axis(values, order, axis=1)
            return Neighbours(rows, np.where(rows >= 0, values, np.float32(0)))
        return nearest_rows(queries, self.embeddings.vectors, k)

    def scores(self, queries: NDArray[Any]) -> NDArray[np.float32]:
        """Compute exact scores of all rows for queries ``(m, d)``: ``(m, n)`` float32."""
        product = self._checked(queries) @ self.embeddings.vectors.T
        return np.asarray(product, np.float32)

    def _checked(self, queries: NDArray[Any]) -> NDArray[np.float32]:
        return as_vectors(queries, self.embeddings.vectors.shape[1])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
