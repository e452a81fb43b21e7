"""Arrays on disk: their headers are checked before a byte of them is mapped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import FormatError
from .manifest import ADVICE, MANIFEST


def load_array(
    folder: Path,
    manifest: Mapping[str, Any],
    name: str,
    dtypes: tuple[str, ...],
    shape: tuple[int | None, ...],
) -> NDArray[Any]:
    """Memory-map an array that the manifest lists, and check its type and shape.

    `shape` has None for lengths that may be anything. Nothing is allocated for what the header
    claims: it must fit the file.
    """
    path = folder / name
    if name not in manifest["files"]:
        raise FormatError(f"{folder / MANIFEST} does not list {name}: {ADVICE}")
    try:
        with path.open("rb") as file:
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            found, in_columns, dtype = read[npy.read_magic(file)](file)
            start = file.tell()
    except (OSError, ValueError, KeyError, EOFError, TypeError, SyntaxError) as error:
        raise FormatError(f"{path} cannot be read ({error}): {ADVICE}") from error
    fits = len(found) == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, found, strict=True)
    )
    if not fits or dtype.name not in dtypes or in_columns or min(found, default=0) < 0:
        expected = ", ".join("n" if n is None else str(n) for n in shape)
        raise FormatError(
            f"{path} holds {dtype.name} of shape {found}, expected "
            f"{' or '.join(dtypes)} of shape ({expected}): {ADVICE}"
        )
    size = path.stat().st_size
    if start + math.prod(found) * dtype.itemsize != size:
        raise FormatError(
            f"{path} has {size} bytes, which {dtype.name} of shape {found} does not fit: {ADVICE}"
        )
    if size == start:  # nothing cannot be mapped
        return np.zeros(found, dtype)
    return np.asarray(np.memmap(path, dtype, "r", start, found))
