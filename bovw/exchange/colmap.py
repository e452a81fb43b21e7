"""COLMAP's database: keypoints and descriptors of pictures, in SQLite.

The tables are described in COLMAP's documentation (colmap.github.io/database.html). Its upper left
pixel has the centre (0.5, 0.5); ours has (0, 0). Angles are radians, ours are degrees; both turn
from x to y, which is clockwise in a picture. Names are relative to the folder of the pictures.
COLMAP does not turn pictures by their EXIF orientation, and bovw does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, SettingsError, StorageError, shown, some
from ..features import Features
from ..settings import checked_arguments
from .naming import named

# Numbers of the types of descriptors since COLMAP 4; before, all were SIFT.
_TYPES = {"UNDEFINED": -1, "SIFT": 0, "ALIKED_N16ROT": 1, "ALIKED_N32": 2}
_SIFT_LENGTH = 128
_SIMPLE_RADIAL = 2  # one focal length, the middle, one coefficient of distortion
_FOCAL = 1.2  # COLMAP's guess of a focal length that is not known, as a share of the longest side
_CAMERA = 0  # among the types of sensors
_LARGEST_COLUMNS = 1 << 14
_TABLES = """
CREATE TABLE IF NOT EXISTS cameras (camera_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  model INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, params BLOB,
  prior_focal_length INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rigs (rig_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  ref_sensor_id INTEGER NOT NULL, ref_sensor_type INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS rig_ref_sensor_assignment
  ON rigs(ref_sensor_id, ref_sensor_type);
CREATE TABLE IF NOT EXISTS frames (frame_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  rig_id INTEGER NOT NULL, FOREIGN KEY(rig_id) REFERENCES rigs(rig_id) ON DELETE CASCADE);
CREATE TABLE IF NOT EXISTS frame_data (frame_id INTEGER NOT NULL, data_id INTEGER NOT NULL,
  sensor_id INTEGER NOT NULL, sensor_type INTEGER NOT NULL,
  FOREIGN KEY(frame_id) REFERENCES frames(frame_id) ON DELETE CASCADE);
CREATE UNIQUE INDEX IF NOT EXISTS frame_sensor_assignment ON frame_data(data_id, sensor_type);
CREATE TABLE IF NOT EXISTS images (image_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL UNIQUE, camera_id INTEGER NOT NULL,
  CONSTRAINT image_id_check CHECK(image_id >= 0 and image_id < 2147483647),
  FOREIGN KEY(camera_id) REFERENCES cameras(camera_id));
CREATE UNIQUE INDEX IF NOT EXISTS index_name ON images(name);
CREATE TABLE IF NOT EXISTS keypoints (image_id INTEGER PRIMARY KEY NOT NULL,
  rows INTEGER NOT NULL, cols INTEGER NOT NULL, data BLOB,
  FOREIGN KEY(image_id) REFERENCES images(image_id) ON DELETE CASCADE);
CREATE TABLE IF NOT EXISTS descriptors (image_id INTEGER PRIMARY KEY NOT NULL,
  type INTEGER NOT NULL, rows INTEGER NOT NULL, cols INTEGER NOT NULL, data BLOB,
  FOREIGN KEY(image_id) REFERENCES images(image_id) ON DELETE CASCADE);
CREATE TABLE IF NOT EXISTS matches (pair_id INTEGER PRIMARY KEY NOT NULL,
  rows INTEGER NOT NULL, cols INTEGER NOT NULL, data BLOB);
CREATE TABLE IF NOT EXISTS two_view_geometries (pair_id INTEGER PRIMARY KEY NOT NULL,
  rows INTEGER NOT NULL, cols INTEGER NOT NULL, data BLOB, config INTEGER NOT NULL, F BLOB,
  E BLOB, H BLOB, qvec BLOB, tvec BLOB, camera1 BLOB, camera2 BLOB);
"""


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
            types = [_TYPES["SIFT"]]
            if _is_typed(database):
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
        return closing(_opened(self.path))


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


def _opened(path: Path, *, write: bool = False) -> sqlite3.Connection:
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


def _is_typed(database: sqlite3.Connection) -> bool:
    """Whether descriptors have a type, as from COLMAP 4 on."""
    return any(row[1] == b"type" for row in database.execute("PRAGMA table_info(descriptors)"))


def _text(name: Any) -> str:
    return os.fsdecode(name) if isinstance(name, (bytes, str)) else str(name)


def _type_name(number: int) -> str:
    names = {value: name for name, value in _TYPES.items()}
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


@checked_arguments
def write_colmap(
    features: Mapping[str, Features] | Iterable[tuple[str, Features]],
    path: str | os.PathLike[str],
    *,
    kind: str = "SIFT",
    overwrite: bool = False,
) -> int:
    """Write features into a COLMAP database, an existing or a new one.

    Pictures that the database does not know get a camera each (SIMPLE_RADIAL; its focal length is
    1.2 times the longest side until COLMAP refines it), and a frame, as from COLMAP 3.12 on.
    Everything is written in one transaction: after an error the database is as it was.

    Parameters
    ----------
    features : mapping of str to Features, or iterable of pairs of these
        By the names of the pictures, relative to the folder that COLMAP is given.
    path : path
    kind : {"SIFT", "ALIKED_N16ROT", "ALIKED_N32", "UNDEFINED"}
        Type of the descriptors. SIFT has 128 uint8 values, which RootSIFT has too. Those of ALIKED
        are floating-point numbers. COLMAP refuses to match different types.
    overwrite : bool
        Replace features that the database has. Matches of these pictures are then removed, since
        they name features by their number.

    Returns
    -------
    int
        Number of pictures.

    Raises
    ------
    SettingsError
        When descriptors do not fit `kind`, the database has features of a picture already, or
        another size for it. COLMAP does not apply EXIF orientation, so a turned picture has
        another size there.
    """
    if kind not in _TYPES:
        raise SettingsError(f"kind={shown(kind)}: expected one of {', '.join(_TYPES)}")
    target = Path(path)
    is_new = not target.exists()
    try:
        return _write_all(features, target, kind, overwrite)
    except BaseException:
        if is_new:
            target.unlink(missing_ok=True)
        raise


def _write_all(
    features: Mapping[str, Features] | Iterable[tuple[str, Features]],
    target: Path,
    kind: str,
    overwrite: bool,
) -> int:
    with closing(_opened(target, write=True)) as database:
        database.execute("SELECT count(*) FROM sqlite_master")  # raises when it is something else
        database.executescript(_TABLES)
        typed = _is_typed(database)
        if not typed and kind != "SIFT":
            raise SettingsError(
                f"{target} is of a COLMAP before 4, which knows SIFT only, not {kind}: open it "
                "with COLMAP 4 once"
            )
        n = 0
        with database:  # one transaction
            for name, each in named(features):
                number = _picture(database, name, each.size)
                _write(database, name, number, each, kind, typed=typed, overwrite=overwrite)
                n += 1
    return n


def _picture(database: sqlite3.Connection, name: str, size: tuple[int, int]) -> int:
    """Number of a picture; it is added if it is not there."""
    text = os.fsencode(name).decode("utf-8", "surrogateescape")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{name!r}: COLMAP has only names in UTF-8; rename it") from None
    found = database.execute(
        "SELECT image_id, width, height FROM images JOIN cameras "
        "ON images.camera_id = cameras.camera_id WHERE name = ?",
        (text,),
    ).fetchone()
    if found is not None:
        if tuple(found[1:]) != size:
            raise SettingsError(
                f"{name}: {found[1]} x {found[2]} pixels in the database, but the features are of "
                f"{size[0]} x {size[1]}: the same picture? COLMAP does not turn pictures by their "
                "EXIF orientation; turn the files first"
            )
        return int(found[0])
    width, height = size
    camera = np.array([_FOCAL * max(size), width / 2, height / 2, 0], "<f8").tobytes()
    camera_id = database.execute(
        "INSERT INTO cameras (model, width, height, params, prior_focal_length) "
        "VALUES (?, ?, ?, ?, 0)",
        (_SIMPLE_RADIAL, width, height, camera),
    ).lastrowid
    image_id = database.execute(
        "INSERT INTO images (name, camera_id) VALUES (?, ?)", (text, camera_id)
    ).lastrowid
    rig_id = database.execute(
        "INSERT INTO rigs (ref_sensor_id, ref_sensor_type) VALUES (?, ?)", (camera_id, _CAMERA)
    ).lastrowid
    frame_id = database.execute("INSERT INTO frames (rig_id) VALUES (?)", (rig_id,)).lastrowid
    database.execute(
        "INSERT INTO frame_data (frame_id, data_id, sensor_id, sensor_type) VALUES (?, ?, ?, ?)",
        (frame_id, image_id, camera_id, _CAMERA),
    )
    return int(image_id or 0)


def _write(
    database: sqlite3.Connection,
    name: str,
    number: int,
    features: Features,
    kind: str,
    *,
    typed: bool,
    overwrite: bool,
) -> None:
    values = _stored(features, name, kind)
    tables = ("keypoints", "descriptors")
    held = [
        table
        for table in tables
        if database.execute(f"SELECT 1 FROM {table} WHERE image_id = ?", (number,)).fetchone()
    ]
    if held and not overwrite:
        raise SettingsError(
            f"{name}: the database has {' and '.join(held)} of it already: overwrite them "
            "(overwrite=True, --overwrite), or write into a new database"
        )
    for table in held:
        database.execute(f"DELETE FROM {table} WHERE image_id = ?", (number,))
    if held:
        for table in ("matches", "two_view_geometries"):  # a pair is 2147483647 * smaller + larger
            database.execute(
                f"DELETE FROM {table} WHERE pair_id / 2147483647 = ? OR pair_id % 2147483647 = ?",
                (number, number),
            )
    points = features.keypoints.astype("<f4")
    points[:, :2] += 0.5
    points[:, 3] = np.radians(points[:, 3])
    database.execute(
        "INSERT INTO keypoints (image_id, rows, cols, data) VALUES (?, ?, 4, ?)",
        (number, len(points), points.tobytes()),
    )
    names, marks = ("image_id, rows, cols, data", "?, ?, ?, ?")
    row: tuple[Any, ...] = (number, *values.shape, values.tobytes())
    if typed:
        names, marks, row = f"{names}, type", f"{marks}, ?", (*row, _TYPES[kind])
    database.execute(f"INSERT INTO descriptors ({names}) VALUES ({marks})", row)


def _stored(features: Features, name: str, kind: str) -> NDArray[np.uint8]:
    """Descriptors as the bytes that the database holds."""
    values = features.descriptors
    if len(values) == 0:
        return np.zeros((0, _SIFT_LENGTH), np.uint8)
    is_sift = values.dtype == np.uint8 and values.shape[1] == _SIFT_LENGTH
    if (kind == "SIFT" and not is_sift) or (kind.startswith("ALIKED") and values.dtype == np.uint8):
        raise SettingsError(
            f"{name}: descriptors of {values.shape[1]} values of {values.dtype} are not {kind}: "
            "expected 128 of uint8 for SIFT and floats for ALIKED; or give kind='UNDEFINED'"
        )
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return np.ascontiguousarray(values, "<f4").view(np.uint8)
