"""Embeddings of a network, whichever it was, as a retrieval system beside the classical one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbeddingError, SettingsError
from ..files import replaced
from ..nearest import NearestNeighbours
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
    """Vectors, and the pictures they describe.

    Attributes
    ----------
    identifiers : tuple of str
        May repeat: one picture can be asked for with several boxes. What is searched must not.
    vectors : (n, d) float32 ndarray
        Made from numbers of any type. Finite; not necessarily of length 1.

    Raises
    ------
    EmbeddingError
        When vectors are malformed, or not as many as identifiers, or there are none.
    """

    identifiers: tuple[str, ...]
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
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
        """Scale vectors to Euclidean length 1, so that dot products are cosines; zeros stay."""
        return Embeddings(self.identifiers, unit_rows(self.vectors))

    def positions(self) -> dict[str, int]:
        """Say in which row each picture stands.

        Raises
        ------
        EmbeddingError
            When one stands in two.
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
        """Give vectors in another order.

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
            When some have no vector, or one has two.
        """
        rows = self.positions()
        missing = [name for name in names if name not in rows]
        if missing:
            raise EmbeddingError(
                f"{len(missing)} of {len(names)} pictures have no vector ({', '.join(missing)}): "
                f"expected names as here ({_some(self.identifiers)})"
            )
        return self.vectors[[rows[name] for name in names]]


def load_embeddings(
    path: str | os.PathLike[str],
    names: Sequence[str] | str | os.PathLike[str] | None = None,
    key: str | None = None,
) -> Embeddings:
    """Read the embeddings that some network gave.

    Parameters
    ----------
    path : path
        By suffix:

        - ``.npz``, ``.h5``, ``.hdf5``: arrays `names` and `vectors`, or the only array of strings
          and the only two-dimensional one of numbers (HDF5 needs h5py);
        - ``.npy``: vectors; names lie beside it, in a ``.txt`` (one a line) or ``.json`` (a list)
          of the same stem, or are given;
        - ``.parquet``: a column called `names`, `name`, `path`, `image`, `filename` or `id`, or
          else the only one of strings, and a column of lists, or all columns of numbers in their
          order (needs pyarrow);
        - ``.csv``: in each line a name, then numbers. The first line is left out when it holds
          no numbers, or numbers the columns from 0 or 1, or begins with a usual heading such as
          ``name``, or with nothing.
    names : sequence of str, or path, optional
        Instead of those in the file: names, or a ``.txt`` or ``.json`` of them.
    key : str, optional
        Array, dataset or column of the vectors; needed where several could be meant.

    Returns
    -------
    Embeddings
        In the order of the file.

    Raises
    ------
    EmbeddingError
        When a file is missing, damaged or ambiguous, or a package that reads it is not there.
    """
    found, vectors = read_vectors(path, key)
    if names is not None:
        found = read_names(names) if isinstance(names, (str, os.PathLike)) else tuple(names)
    if found is None:
        raise EmbeddingError(
            f"{Path(path)}: holds vectors without names: give names, or put them beside it in "
            f"{Path(path).with_suffix('.txt').name}, one a line"
        )
    try:
        return Embeddings(found, vectors)
    except EmbeddingError as error:
        raise EmbeddingError(f"{Path(path)}: {error}") from error


def save_embeddings(embeddings: Embeddings, path: str | os.PathLike[str]) -> None:
    """Write arrays `names` and `vectors` to an ``.npz``, in place of what was there.

    Raises
    ------
    EmbeddingError
        When the path has another suffix.
    StorageError
        When it cannot be written; what was there is untouched.
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
        Every identifier once. Normalised ones are compared by cosine.
    method : {"exact", "hnsw"}
        Compare with all, or walk a graph (Malkov & Yashunin 2018), which is quicker and may miss
        some, more of them when lengths differ.
    ef_search : int
        Breadth of the walk; raised to `k`.
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
        embeddings.positions()  # each picture once
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
            No more come than there are rows.

        Returns
        -------
        Neighbours
            Dot products in decreasing order, equal ones by row. A graph may give fewer.
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
        """Score every row for queries ``(m, d)``, exactly: ``(m, n)`` float32, all in memory."""
        product = self._checked(queries) @ self.embeddings.vectors.T
        return np.asarray(product, np.float32)

    def _checked(self, queries: NDArray[Any]) -> NDArray[np.float32]:
        return as_vectors(queries, self.embeddings.vectors.shape[1])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
