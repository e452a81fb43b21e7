"""COLMAP's database: keypoints and descriptors of pictures, in SQLite.

The tables are described in COLMAP's documentation (colmap.github.io/database.html). Its upper left
pixel has the centre (0.5, 0.5); ours has (0, 0). Angles are radians, ours are degrees; both turn
from x to y, which is clockwise in a picture. Names are relative to the folder of the pictures.
COLMAP does not turn pictures by their EXIF orientation, and bovw does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, SettingsError, StorageError, shown, some
from ..features import Features
from ..settings import checked_arguments

# Numbers of the types of descriptors since COLMAP 4; before, all were SIFT.
TYPES = {"UNDEFINED": -1, "SIFT": 0, "ALIKED_N16ROT": 1, "ALIKED_N32": 2}
_LARGEST_COLUMNS = 1 << 14


class ColmapFeatures(Mapping[str, Features]):
    """The features in a COLMAP database, by the names of the pictures.

    The database is only read. Features are read when they are taken; those that are missing or
    damaged raise a FormatError then, so that others can still be used.

    Parameters
    ----------
    path : path
        A ``database.db`` of COLMAP 3 or 4.

    Attributes
    ----------
    origin : str
        Name of the features, such as "colmap-sift"; see `Engine.from_features`.

    Raises
    ------
    FormatError
        When the file is no such database, or holds descriptors of several types.

    Examples
    --------
    >>> features = ColmapFeatures("database.db")                      # doctest: +SKIP
    >>> engine = Engine.from_features(features, origin=features.origin)  # doctest: +SKIP
    """

    @checked_arguments
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._connected() as database:
            rows = database.execute(
                "SELECT images.name, images.image_id, cameras.width, cameras.height FROM images "
                "JOIN cameras ON images.camera_id = cameras.camera_id"
            ).fetchall()
            types = [TYPES["SIFT"]]
            if is_typed(database):
                types = [r[0] for r in database.execute("SELECT DISTINCT type FROM descriptors")]
        if len(types) > 1:
            raise FormatError(
                f"{self.path}: descriptors of several types ({some(map(_type_name, types))}): "
                "expected one; extract them into a database each"
            )
        self._type = _type_name(types[0]) if types else "SIFT"
        self.origin = f"colmap-{self._type.lower()}"
        self._pictures: dict[str, tuple[int, tuple[int, int]]] = {}
        for name, number, width, height in rows:
            self._pictures[_text(name)] = number, (width, height)

    def __iter__(self) -> Iterator[str]:
        return iter(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    def __repr__(self) -> str:
        return f"ColmapFeatures({os.fspath(self.path)!r}, {len(self)} pictures)"

    def __getitem__(self, name: str) -> Features:
        number, size = self._pictures[name]
        with self._connected() as database:
            points = _matrix(database, "keypoints", number, np.dtype("<f4"))
            values = _matrix(database, "descriptors", number, np.dtype("u1"))
        if points is None or values is None:
            missing = "keypoints" if points is None else "descriptors"
            raise FormatError(f"{name}: no {missing} in {self.path}; run COLMAP's extractor")
        if len(points) != len(values):
            raise FormatError(
                f"{name}: {len(points)} keypoints and {len(values)} descriptors in {self.path}; "
                "extract them again"
            )
        if self._type.startswith("ALIKED"):  # floating-point numbers, stored as bytes
            if values.shape[1] % 4:
                raise FormatError(f"{name}: {values.shape[1]} bytes a descriptor in {self.path}")
            values = values.view("<f4")
        try:
            return Features.from_arrays(_ours(points), values, size, binary=False)
        except SettingsError as error:
            raise FormatError(f"{name}: {error} ({self.path})") from error

    def _connected(self) -> closing[sqlite3.Connection]:
        return closing(opened(self.path))


class _Database(sqlite3.Connection):
    """Names what is wrong with a file in one line."""

    path = Path()

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*arguments)
        except sqlite3.OperationalError as error:
            locked = "locked" in str(error)
            if locked:
                raise StorageError(
                    f"{self.path} is in use by another program ({error}): wait until it has ended"
                ) from error
            raise FormatError(f"{self.path} is no database of COLMAP: {error}") from error
        except sqlite3.DatabaseError as error:
            raise FormatError(f"{self.path} is no database of COLMAP: {error}") from error


def opened(path: Path, *, write: bool = False) -> sqlite3.Connection:
    if not write and not path.is_file():
        raise FormatError(f"{path}: no such file; expected a database of COLMAP")
    mode = "rwc" if write else "ro"
    try:
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, factory=_Database
        )
    except (sqlite3.Error, ValueError) as error:
        raise StorageError(f"{path} cannot be opened: {error}; check the path") from error
    database.path = path
    database.text_factory = bytes  # names may not be valid UTF-8
    return database


def is_typed(database: sqlite3.Connection) -> bool:
    """Whether descriptors have a type, as from COLMAP 4 on."""
    return any(row[1] == b"type" for row in database.execute("PRAGMA table_info(descriptors)"))


def _text(name: Any) -> str:
    return os.fsdecode(name) if isinstance(name, (bytes, str)) else str(name)


def _type_name(number: int) -> str:
    names = {value: name for name, value in TYPES.items()}
    return names.get(number, f"TYPE_{number}")


def _matrix(
    database: sqlite3.Connection, table: str, number: int, dtype: np.dtype[Any]
) -> NDArray[Any] | None:
    found = database.execute(
        f"SELECT rows, cols, data FROM {table} WHERE image_id = ?", (number,)
    ).fetchone()
    if found is None:
        return None
    rows, columns, data = found[0], found[1], found[2] or b""
    whole = isinstance(rows, int) and isinstance(columns, int) and isinstance(data, bytes)
    whole = whole and rows >= 0 and 0 <= columns < _LARGEST_COLUMNS
    if not whole or len(data) != rows * columns * dtype.itemsize:
        raise FormatError(
            f"{table} of picture {number}: {len(data)} bytes for {shown(rows)} x {shown(columns)} "
            "values; extract them again"
        )
    return np.frombuffer(data, dtype).reshape(rows, columns)


def _ours(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert ``x, y``, ``x, y, scale, angle`` or ``x, y, a11, a12, a21, a22`` of COLMAP."""
    columns = points.shape[1]
    if len(points) and columns not in (2, 4, 6):
        raise FormatError(f"keypoints of {columns} columns: expected 2, 4 or 6")
    made = points[:, :4].copy() if columns < 6 else np.empty((len(points), 4), np.float32)
    if columns == 6:
        a11, a12, a21, a22 = points[:, 2:].T
        made[:, :2] = points[:, :2]
        made[:, 2] = (np.hypot(a11, a21) + np.hypot(a12, a22)) / 2
        made[:, 3] = np.arctan2(a21, a11)
    made[:, :2] -= 0.5
    if made.shape[1] == 4:
        made[:, 3] = np.degrees(made[:, 3])
    return made
