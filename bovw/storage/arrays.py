"""Loads arrays from disk; their headers are checked before anything is memory-mapped."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import FormatError, StorageError
from .looking import could_not_look, looking, state_at
from .manifest import advice_for, file_problem
from .places import MANIFEST

_HEADER = 4096
# Smaller arrays are read into memory: each mapped file is held open by the process.
_MAPPED = 64 << 10


def load_array(
    folder: Path,
    manifest: Mapping[str, Any],
    name: str,
    dtypes: tuple[Any, ...],
    shape: tuple[int | None, ...],
) -> NDArray[Any]:
    """Memory-map an array that the manifest lists, or read a small one; check its type and shape.

    None in `shape` allows any length. The shape in the header must fit the size of the file, so a
    false header cannot make this allocate much memory. A FormatError means that the file is
    damaged; any other StorageError, that it could not be looked at.
    """
    path, advice = folder / name, advice_for(name)
    if name not in manifest["files"]:
        raise FormatError(f"{folder / MANIFEST} does not list {name}: {advice}")
    try:
        with looking(path):
            with path.open("rb") as file:
                head = io.BytesIO(file.read(_HEADER))  # the header may claim to be longer
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            found, in_columns, dtype = read[npy.read_magic(head)](head)
            start = head.tell()
    except StorageError:
        raise
    except Exception as error:  # numpy parses it as Python, so any error is possible
        raise FormatError(f"{path} cannot be read ({error!r:.200}): {advice}") from error
    fits = len(found) == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, found, strict=True)
    )
    known = any(dtype == np.dtype(name) for name in dtypes)  # with the byte order of this machine
    if not fits or not known or in_columns or min(found, default=0) < 0:
        expected = ", ".join("n" if n is None else str(n) for n in shape)
        raise FormatError(
            f"{path} holds {dtype} of shape {found}, expected "
            f"{' or '.join(map(str, dtypes))} of shape ({expected}): {advice}"
        )
    state = state_at(path)
    if state is None:  # a writer removed it meanwhile
        raise FormatError(f"{path} is missing: {advice}")
    size = state.st_size
    # A side of length 0 makes the product 0, however large another side is.
    if start + math.prod(found) * dtype.itemsize != size or max(found) > size:
        raise FormatError(
            f"{path} has {size} bytes, but its header says {dtype} of shape {found}: {advice}"
        )
    if size == start:  # an empty array cannot be mapped
        return np.zeros(found, dtype)
    try:
        with looking(path):
            if size < _MAPPED:
                return np.frombuffer(path.read_bytes()[start:], dtype).reshape(found)
            return np.asarray(np.memmap(path, dtype, "r", start, found))
    except (OSError, ValueError) as error:
        # The file was sound just now: unless it has changed since, the system lacks something.
        problem = file_problem(folder, name, {"size": size})
        if problem is None:
            raise could_not_look(path, error) from error
        raise FormatError(f"{path} {problem}: {advice}") from error
