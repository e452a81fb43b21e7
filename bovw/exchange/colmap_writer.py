"""Writes features into a COLMAP database; see `colmap.py` for its conventions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..features import DESCRIPTOR_LENGTH, Features
from ..settings import checked_arguments
from .colmap import TYPES, is_typed, opened
from .naming import named

_SIMPLE_RADIAL = 2  # one focal length, the middle, one coefficient of distortion
_FOCAL = 1.2  # COLMAP's guess of a focal length that is not known, as a share of the longest side
_CAMERA = 0  # among the types of sensors
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
    if kind not in TYPES:
        raise SettingsError(f"kind={shown(kind)}: expected one of {', '.join(TYPES)}")
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
    with closing(opened(target, write=True)) as database:
        database.execute("SELECT count(*) FROM sqlite_master")  # raises when it is something else
        database.executescript(_TABLES)
        typed = is_typed(database)
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
        names, marks, row = f"{names}, type", f"{marks}, ?", (*row, TYPES[kind])
    database.execute(f"INSERT INTO descriptors ({names}) VALUES ({marks})", row)


def _stored(features: Features, name: str, kind: str) -> NDArray[np.uint8]:
    """Descriptors as the bytes that the database holds."""
    values = features.descriptors
    if len(values) == 0:
        return np.zeros((0, DESCRIPTOR_LENGTH), np.uint8)
    is_sift = values.dtype == np.uint8 and values.shape[1] == DESCRIPTOR_LENGTH
    if (kind == "SIFT" and not is_sift) or (kind.startswith("ALIKED") and values.dtype == np.uint8):
        raise SettingsError(
            f"{name}: descriptors of {values.shape[1]} values of {values.dtype} are not {kind}: "
            "expected 128 of uint8 for SIFT and floats for ALIKED; or give kind='UNDEFINED'"
        )
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return np.ascontiguousarray(values, "<f4").view(np.uint8)
