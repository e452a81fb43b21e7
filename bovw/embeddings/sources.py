"""Embeddings of whatever holds them: a file, a tensor with names, a data frame, a dictionary."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import EmbeddingError, shown, some
from ..settings import checked_arguments
from .columns import NAMES, Columns
from .embeddings import Embeddings, load_embeddings
from .tensors import as_array
from .vector_files import read_names


@checked_arguments
def as_embeddings(
    source: Any,
    names: Sequence[str] | str | os.PathLike[str] | None = None,
    key: str | None = None,
) -> Embeddings:
    """Make embeddings of whatever holds vectors and their names.

    Parameters
    ----------
    source : path, Embeddings, mapping, data frame, or array_like
        - a path: see `load_embeddings`;
        - a mapping of names to vectors;
        - a data frame of pandas or polars: the names are the column `names`, `name`, `path`,
          `image`, `filename` or `id`, or else the index if it holds strings, or else the only
          column of strings; the vectors are a column of lists or arrays, or all columns of numbers;
        - an array or a tensor ``(n, d)``, see `as_array`: then `names` must be given.
    names : sequence of str, or path, optional
        Names to use instead of those in the source, or a ``.txt`` or ``.json`` file of names.
    key : str, optional
        Name of the column of the vectors (or of the array in a file), if there are several.

    Returns
    -------
    Embeddings

    Raises
    ------
    EmbeddingError
        When names or vectors are missing, ambiguous or malformed.

    Examples
    --------
    >>> import numpy as np
    >>> as_embeddings(np.eye(2), names=["a.jpg", "b.jpg"]).identifiers
    ('a.jpg', 'b.jpg')
    >>> as_embeddings({"a.jpg": [1, 0], "b.jpg": [0, 1]}).vectors.shape
    (2, 2)
    """
    if isinstance(source, (str, os.PathLike)):
        return load_embeddings(source, names, key)
    if isinstance(names, (str, os.PathLike)):
        names = read_names(names)
    if isinstance(source, Embeddings):
        return source if names is None else replace(source, identifiers=tuple(names))
    if isinstance(source, Mapping):
        found, vectors = tuple(source), [as_array(vector) for vector in source.values()]
        if len({vector.shape for vector in vectors}) > 1:
            raise EmbeddingError(
                f"vectors of shape {some(sorted({str(v.shape) for v in vectors}))}: expected one "
                "length for all"
            )
        return Embeddings(found if names is None else tuple(names), np.array(vectors))
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return _of_frame(source, names, key)
    if names is None:
        raise EmbeddingError(f"vectors={shown(source)} without names: give names, one for each row")
    return Embeddings(tuple(names), as_array(source))


def _of_frame(frame: Any, names: Sequence[str] | None, key: str | None) -> Embeddings:
    values = {str(name): np.asarray(frame[name]) for name in frame.columns}
    columns = Columns(
        list(values),
        [name for name, held in values.items() if _holds(held, str)],
        [name for name, held in values.items()
         if held.ndim == 2 or _holds(held, (list, tuple, np.ndarray))],
        [name for name, held in values.items() if held.dtype.kind in "fiu"],
    )  # fmt: skip
    if names is None:
        names = _names_of(frame, values, columns)
    key = columns.vectors(key)
    if key is not None:
        return Embeddings(tuple(names), as_array(values[key].tolist()))
    return Embeddings(tuple(names), np.column_stack([values[name] for name in columns.numbers]))


def _names_of(frame: Any, values: Mapping[str, Any], columns: Columns) -> Sequence[str]:
    index = np.asarray(getattr(frame, "index", ()))
    if columns.usual_names is None and len(index) == len(frame) and _holds(index, str):
        return tuple(index.tolist())
    named = columns.names()
    if named is None:
        raise EmbeddingError(
            f"a data frame with the columns {some(values)}: expected one that names the pictures "
            f"({', '.join(NAMES)}), or names as its index"
        )
    return tuple(values[named].tolist())


def _holds(values: Any, kind: Any) -> bool:
    """Whether there are values, and all of them are of a kind."""
    held = values.tolist() if values.ndim == 1 else []
    return len(held) > 0 and all(isinstance(value, kind) for value in held)
