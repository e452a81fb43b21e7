"""Loads arrays from disk; their headers are checked before anything is memory-mapped."""

from __future__ import annotations

import errno
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import FormatError, StorageError
from .folders import MANIFEST
from .manifest import advice_for

_HEADER = 4096


def load_array(
    folder: Path,
    manifest: Mapping[str, Any],
    name: str,
    dtypes: tuple[str, ...],
    shape: tuple[int | None, ...],
) -> NDArray[Any]:
    """Memory-map an array that the manifest lists, and check its type and shape.

    None in `shape` allows any length. The shape in the header must fit the size of the file, so a
    false header cannot make this allocate much memory.
    """
    path, advice = folder / name, advice_for(name)
    if name not in manifest["files"]:
        raise FormatError(f"{folder / MANIFEST} does not list {name}: {advice}")
    try:
        with path.open("rb") as file:
            head = io.BytesIO(file.read(_HEADER))  # the header may claim to be longer
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        found, in_columns, dtype = read[npy.read_magic(head)](head)
        start = head.tell()
    except Exception as error:  # numpy parses it as Python, so any error is possible
        _check_limit(path, error)
        raise FormatError(f"{path} cannot be read ({error!r:.200}): {advice}") from error
    fits = len(found) == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, found, strict=True)
    )
    known = any(dtype == np.dtype(name) for name in dtypes)  # with the byte order of this machine
    if not fits or not known or in_columns or min(found, default=0) < 0:
        expected = ", ".join("n" if n is None else str(n) for n in shape)
        raise FormatError(
            f"{path} holds {dtype} of shape {found}, expected "
            f"{' or '.join(dtypes)} of shape ({expected}): {advice}"
        )
    try:
        size = path.stat().st_size
    except OSError as error:  # a writer removed it meanwhile
        raise FormatError(f"{path} cannot be read ({error!r:.200}): {advice}") from error
    # A side of length 0 makes the product 0, however large another side is.
    if start + math.prod(found) * dtype.itemsize != size or max(found) > size:
        raise FormatError(
            f"{path} has {size} bytes, but its header says {dtype} of shape {found}: {advice}"
        )
    if size == start:  # an empty array cannot be mapped
        return np.zeros(found, dtype)
    try:
        return np.asarray(np.memmap(path, dtype, "r", start, found))
    except (OSError, ValueError) as error:
        _check_limit(path, error)
        raise FormatError(f"{path} cannot be mapped ({error!r:.200}): {advice}") from error


def _check_limit(path: Path, error: Exception) -> None:
    """Raise a StorageError when a file is fine, but this process has too many files open."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        raise StorageError(
            f"{path} cannot be opened, because too many files are open: allow more (ulimit -n), "
            "or compact the index"
        ) from error
