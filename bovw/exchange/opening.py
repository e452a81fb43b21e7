"""Tells which tool wrote a file of features, and opens it; or writes one by its ending."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import FormatError
from ..features import Features
from ..settings import checked_arguments
from .colmap import ColmapFeatures
from .colmap_writer import write_colmap
from .hloc import HlocFeatures, write_hloc

_SQLITE = b"SQLite format 3\0"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_DATABASES = (".db", ".sqlite", ".sqlite3")
_HDF5_ENDINGS = (".h5", ".hdf5")


def holds_features(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a file that begins as a database (SQLite) or an HDF5 file."""
    return _beginning(path) in (_SQLITE, _HDF5)


@checked_arguments
def open_features(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> ColmapFeatures | HlocFeatures:
    """Open a file of features: a database of COLMAP, or an HDF5 file of hloc.

    Parameters
    ----------
    path : path
    root : path, optional
        See `HlocFeatures`.

    Raises
    ------
    FormatError
        When it is neither.
    """
    beginning = _beginning(path)
    if beginning == _SQLITE:
        return ColmapFeatures(path)
    if beginning == _HDF5:
        return HlocFeatures(path, root)
    raise FormatError(
        f"{os.fsdecode(path)}: expected a database of COLMAP (database.db) or features of hloc "
        "(features.h5)"
    )


@checked_arguments
def write_features(
    features: Mapping[str, Features] | Iterable[tuple[str, Features]],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> int:
    """Write features for COLMAP (``.db``) or for hloc (``.h5``); return how many pictures.

    See `write_colmap` and `write_hloc`.

    Raises
    ------
    FormatError
        When the path has another ending.
    """
    ending = Path(path).suffix.lower()
    if ending in _DATABASES:
        return write_colmap(features, path, overwrite=overwrite)
    if ending in _HDF5_ENDINGS:
        return write_hloc(features, path, overwrite=overwrite)
    raise FormatError(
        f"{os.fsdecode(path)}: expected a file that ends in .db (for COLMAP) or .h5 (for hloc)"
    )


def _beginning(path: str | os.PathLike[str]) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            start = file.read(len(_SQLITE))
    except (OSError, ValueError):
        return None
    return next((mark for mark in (_SQLITE, _HDF5) if start.startswith(mark)), None)
