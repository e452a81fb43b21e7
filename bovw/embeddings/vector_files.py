"""Read named vectors from NumPy, HDF5, Parquet, CSV and faiss files. Nothing is ever unpickled."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbeddingError, some
from .columns import NAMES, Columns, only

_NUMBERS = "fiu"
_STRINGS = "USO"  # h5py gives strings as objects
_GLOBAL = "global_descriptor"  # in files of hloc
_FIRST_HEADINGS = {"", "file", "identifier", *NAMES}


def read_vectors(
    path: str | os.PathLike[str], key: str | None = None
) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    """Read vectors, and their names if there are any.

    Parameters
    ----------
    path : path
        The suffix decides how the file is read; see `load_embeddings`.
    key : str, optional
        Name of the array, dataset or column of the vectors; needed when there are several
        candidates.

    Returns
    -------
    names : tuple of str, or None
        Names from the file itself. When it has none, names from a file in the same folder with
        the same stem and the suffix ``.txt`` or ``.json``. None when there is no such file.
    vectors : ndarray
        Vectors as they are stored, unchecked.

    Raises
    ------
    EmbeddingError
        When the file cannot be read, or when it is unclear which part holds the vectors or names.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise EmbeddingError(f"{path}: expected a file that ends in {', '.join(_READERS)}")
    try:
        names, vectors = reader(path, key)
    except EmbeddingError as error:
        raise EmbeddingError(f"{path}: {error}") from error
    except Exception as error:  # parsers raise many kinds of errors for damaged files
        raise _unreadable(
            path, error, "numbers, and names that are strings, not objects"
        ) from error
    beside = [path.with_suffix(suffix) for suffix in (".txt", ".json")]
    for candidate in beside if names is None else []:
        if candidate.is_file():
            return read_names(candidate), vectors
    return names, vectors


def read_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read names from a JSON list (``.json``), or from any other text file, one per line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        names = json.loads(text) if path.suffix.lower() == ".json" else _lines(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error, "names") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise EmbeddingError(f"{path}: expected a list of names, all of them strings")
    return tuple(names)


def _lines(text: str) -> list[str]:  # splitlines would split within names
    return text.removesuffix("\n").split("\n")


def _unreadable(path: Path, error: BaseException, expected: str) -> EmbeddingError:
    found = getattr(error, "strerror", None) or "damaged, cut short, or not what its suffix says"
    return EmbeddingError(f"{path}: {found}; expected {expected}; write it again")


def _optional(name: str, extra: str = "embeddings") -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise EmbeddingError(
            f"reading it needs {package}, which is not installed: pip install bovw[{extra}]"
        ) from error


def _strings(values: NDArray[Any]) -> tuple[str, ...]:
    return tuple(
        value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        for value in values.tolist()
    )


def _chosen(
    arrays: Mapping[str, Any], key: str | None
) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    """Find the vectors and names among arrays or HDF5 datasets, and read only these."""
    numbers = [name for name, a in arrays.items() if len(a.shape) == 2 and a.dtype.kind in _NUMBERS]
    if key is None:
        key = "vectors" if "vectors" in numbers else only(numbers, "vectors", "say which with key")
    if key is None or key not in arrays:
        raise EmbeddingError(
            f"found {some(sorted(arrays)) or 'nothing'}: "
            f"expected {key or 'an array of numbers with a row for each name'}"
        )
    strings = [name for name, a in arrays.items() if len(a.shape) == 1 and a.dtype.kind in _STRINGS]
    named = "names" if "names" in strings else only(strings, "names", "call one of them names")
    return None if named is None else _strings(arrays[named][()]), np.asarray(arrays[key][()])


def _read_numpy(path: Path, key: str | None) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    with path.open("rb") as file:  # opened here, since numpy does not close a damaged file
        stored = np.load(file, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return None, stored
        return _chosen({name: stored[name] for name in stored.files}, key)


def _read_hdf5(path: Path, key: str | None) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    h5py = _optional("h5py")
    datasets: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            datasets[name] = item

    with h5py.File(path, "r") as file:
        file.visititems(note)
        inside = {name.rpartition("/")[2] for name in datasets if "/" in name}
        if key not in datasets and inside & {key or _GLOBAL, "keypoints"}:
            return _of_groups(datasets, key)
        return _chosen(datasets, key)


def _of_groups(
    datasets: Mapping[str, Any], key: str | None
) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Read a vector of each group, as in ``global-feats-*.h5`` of hloc; groups have the names."""
    wanted = key or _GLOBAL
    found = {
        name.rpartition("/")[0]: each
        for name, each in sorted(datasets.items())
        if name.rpartition("/")[2] == wanted
    }
    if not found:
        held = sorted({name.rpartition("/")[2] for name in datasets})
        advice = "say which with key"
        if "keypoints" in held:
            advice = (
                "these are local features, which 'bovw index' takes; give a file with one vector "
                "for each picture"
            )
        raise EmbeddingError(f"its groups hold {some(held)}, but no {wanted}: {advice}")
    shapes = {each.shape for each in found.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 1:
        raise EmbeddingError(
            f"{wanted} of shape {some(map(str, sorted(shapes, key=str)))}: expected one vector for "
            "each picture, all of one length"
        )
    return tuple(found), np.stack([np.asarray(each[()]) for each in found.values()])


def _read_parquet(path: Path, key: str | None) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    parquet, compute = _optional("pyarrow.parquet"), _optional("pyarrow.compute")
    types = _optional("pyarrow.types")

    def is_string(kind: Any) -> bool:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        return bool(types.is_string(kind) or types.is_large_string(kind))

    def is_list(kind: Any) -> bool:
        sized = types.is_fixed_size_list(kind)
        return bool(sized or types.is_list(kind) or types.is_large_list(kind))

    def is_number(kind: Any) -> bool:
        return bool(types.is_floating(kind) or types.is_integer(kind))

    with parquet.ParquetFile(path) as file:
        table = file.read()
    kinds = {field.name: field.type for field in table.schema}
    columns = Columns(
        list(kinds),
        [name for name, kind in kinds.items() if is_string(kind)],
        [name for name, kind in kinds.items() if is_list(kind)],
        [name for name, kind in kinds.items() if is_number(kind)
         and not name.startswith("__index_level_")],  # the index of a pandas table
    )  # fmt: skip
    named = columns.names()
    names = None if named is None else tuple(table[named].to_pylist())
    key = columns.vectors(key)
    if key is not None:
        lengths = set(compute.list_value_length(table[key]).to_pylist())
        if len(lengths) != 1 or None in lengths:
            raise EmbeddingError(f"{key}: expected lists of one length, and none missing")
        return names, compute.list_flatten(table[key]).to_numpy().reshape(len(table), -1)
    numbers = [table[name].to_numpy().astype(np.float32) for name in columns.numbers]
    return names, np.column_stack(numbers)


def _read_csv(path: Path, key: str | None) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    names: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = csv.reader(file)
        for i, row in enumerate(filter(None, lines)):
            if i == 0 and len(row) == 1 and ";" in row[0]:
                raise EmbeddingError("semicolons between the columns: expected commas")
            if i == 0 and _is_heading(row):
                continue
            try:
                with np.errstate(over="ignore"):  # infinities are reported later
                    vector = np.array(row[1:], np.float32)
            except ValueError as error:
                raise EmbeddingError(
                    f"line {lines.line_num}: expected a name, then numbers"
                ) from error
            if vectors and len(vector) != len(vectors[0]):
                raise EmbeddingError(
                    f"line {lines.line_num}: {len(vector)} numbers, expected {len(vectors[0])} "
                    "as in the lines before"
                )
            names.append(row[0])
            vectors.append(vector)
    if not vectors:
        raise EmbeddingError(
            "no vectors, empty but for a heading perhaps: expected lines of a name, then numbers"
        )
    return tuple(names), np.stack(vectors)


def _is_heading(row: list[str]) -> bool:
    if row[0].strip().lower() in _FIRST_HEADINGS:
        return True
    cells, n = [cell.strip() for cell in row[1:]], len(row) - 1
    # Column numbers. With only one or two, they could just as well be a vector.
    if n > 2 and cells in ([*map(str, range(n))], [*map(str, range(1, n + 1))]):
        return True
    for cell in row[1:]:
        with suppress(ValueError):
            float(cell)
            return False
    return True


def _read_faiss(path: Path, key: str | None) -> tuple[tuple[str, ...] | None, NDArray[Any]]:
    """Vectors of any index that can reconstruct them; ids that count from 0 are rows."""
    faiss = _optional("faiss", "faiss")
    path.open("rb").close()  # faiss says less clearly why it cannot
    whole = faiss.read_index(str(path))
    index, ids = whole, None
    if isinstance(whole, faiss.IndexIDMap):
        index = faiss.downcast_index(whole.index)  # part of `whole`, which must live on
        ids = faiss.vector_to_array(whole.id_map)
    if index.ntotal == 0:
        raise EmbeddingError("an index of faiss without vectors")
    if not index.is_trained or isinstance(index, faiss.IndexBinary):
        raise EmbeddingError("an index of faiss without vectors of floating-point numbers")
    try:
        inverted = faiss.extract_index_ivf(index)
    except RuntimeError:  # it is of another kind
        inverted = None
    if inverted is not None:
        inverted.make_direct_map()
    try:
        vectors = np.asarray(index.reconstruct_n(0, index.ntotal))
    except RuntimeError as error:
        raise EmbeddingError(
            f"an index of the kind {type(index).__name__}, which does not give its vectors back: "
            "save them as .npy when you compute them"
        ) from error
    if ids is None:
        return None, vectors
    order = np.argsort(ids, kind="stable")
    if np.array_equal(ids[order], np.arange(len(ids))):
        return None, vectors[order]
    return tuple(map(str, ids.tolist())), vectors


_READERS = {
    ".npz": _read_numpy,
    ".npy": _read_numpy,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".faiss": _read_faiss,
    ".index": _read_faiss,
    ".faissindex": _read_faiss,
}
