"""COLMAP's database: what pycolmap writes is read, what we write pycolmap reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw import Features
from bovw.errors import FormatError, SettingsError
from bovw.exchange import ColmapFeatures, open_features, write_colmap

from ..support import FEW


@pytest.fixture(scope="module")
def features(pictures: list[Path]) -> dict[str, Features]:
    extractor = bovw.SiftExtractor(FEW.features)
    return {f"a b/{p.name}": extractor.extract(p, FEW.images) for p in pictures[:4]}


@pytest.fixture
def database(features: dict[str, Features], tmp_path: Path) -> Path:
    assert write_colmap(features, tmp_path / "d.db") == 4
    return tmp_path / "d.db"


@pytest.fixture(scope="module")
def pycolmap() -> Any:
    found = pytest.importorskip("pycolmap", reason="pycolmap is not installed")
    found.logging.minloglevel = 2
    return found


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_what_is_written_is_read(database: Path, features: dict[str, Features]) -> None:
    found = open_features(database)
    assert isinstance(found, ColmapFeatures) and found.origin == "colmap-sift"
    assert sorted(found) == sorted(features) and len(found) == 4
    for name, each in features.items():
        assert np.allclose(found[name].keypoints, each.keypoints, atol=1e-3)
        assert np.array_equal(found[name].descriptors, each.descriptors)
        assert found[name].size == each.size and found[name].descriptors.dtype == np.uint8
    with pytest.raises(KeyError):
        found["nonsense"]


def test_colmap_reads_what_is_written(
    database: Path, features: dict[str, Features], pycolmap: Any
) -> None:
    with pycolmap.Database.open(database) as held:
        for name, each in features.items():
            image = held.read_image_with_name(name)
            camera = held.read_camera(image.camera_id)
            assert (camera.width, camera.height) == each.size
            points = held.read_keypoints(image.image_id)
            # The centre of COLMAP's first pixel is (0.5, 0.5), and its angles are radians.
            assert np.allclose(points[:, :2], each.keypoints[:, :2] + 0.5, atol=1e-3)
            assert np.allclose(points[:, 2], each.keypoints[:, 2], atol=1e-3)
            assert np.allclose(points[:, 3], np.radians(each.keypoints[:, 3]), atol=1e-4)
            values = held.read_descriptors(image.image_id)
            assert values.type == pycolmap.FeatureExtractorType.SIFT
            assert np.array_equal(values.data, each.descriptors)
        assert held.num_frames() == held.num_rigs() == 4


@pytest.fixture(scope="module")
def extracted(
    pycolmap: Any, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A database in which COLMAP has extracted its own features."""
    folder = tmp_path_factory.mktemp("colmap")
    names = [picture.name for picture in pictures[:6]]
    options = pycolmap.FeatureExtractionOptions()
    options.max_image_size = 400
    options.num_threads = 1
    pycolmap.extract_features(
        folder / "d.db", pictures[0].parent, image_names=names, extraction_options=options
    )
    yield folder / "d.db"


def test_features_of_colmap_lie_where_ours_do(extracted: Path, pictures: list[Path]) -> None:
    """Of features at the same place and of about the same scale, the angles agree."""
    name = pictures[0].name
    theirs = ColmapFeatures(extracted)[name]
    ours = bovw.SiftExtractor().extract(pictures[0])
    assert theirs.size == ours.size and theirs.descriptors.shape[1] == 128
    away = theirs.keypoints[:, None, :2] - ours.keypoints[None, :, :2]
    distances = np.linalg.norm(away, axis=2)
    ratios = np.log2(theirs.keypoints[:, None, 2] / ours.keypoints[None, :, 2])
    turns = (theirs.keypoints[:, None, 3] - ours.keypoints[None, :, 3] + 180) % 360 - 180
    same = (distances < 0.7) & (np.abs(ratios) < 0.2)
    assert same.sum() > 100
    # A place may have several orientations: the nearest one counts.
    nearest = np.where(same, np.abs(turns), np.inf).min(axis=1)
    assert np.median(nearest[np.isfinite(nearest)]) < 6
    assert np.abs(np.mean(away[same], axis=0)).max() < 0.1  # half a pixel would show


def test_an_index_of_colmap_finds_the_same_objects(extracted: Path) -> None:
    features = ColmapFeatures(extracted)
    engine = bovw.Engine.from_features(features, origin=features.origin)
    found = engine.search_stored("poster_01_1.jpg", 4)
    assert [answer.identifier[:9] for answer in found] == ["poster_01"] * 4


def test_typed_descriptors_are_numbers_again(
    pycolmap: Any, features: dict[str, Features], rng: np.random.Generator, tmp_path: Path
) -> None:
    name, each = next(iter(features.items()))
    values = rng.normal(size=(len(each), 128)).astype(np.float32)
    floats = Features.from_arrays(each.keypoints, values, each.size)
    write_colmap({name: floats}, tmp_path / "d.db", kind="ALIKED_N16ROT")
    with pycolmap.Database.open(tmp_path / "d.db") as held:
        read = held.read_descriptors(1)
        assert read.type == pycolmap.FeatureExtractorType.ALIKED_N16ROT
        assert np.array_equal(read.to_float().data, values)
    found = ColmapFeatures(tmp_path / "d.db")
    assert found.origin == "colmap-aliked_n16rot"
    assert np.array_equal(found[name].descriptors, values)
    with pytest.raises(SettingsError, match="are not SIFT"):
        write_colmap({name: floats}, tmp_path / "e.db")
    assert not (tmp_path / "e.db").exists()
    with pytest.raises(SettingsError, match="kind='SURF'"):
        write_colmap({name: floats}, tmp_path / "e.db", kind="SURF")


def test_a_database_of_colmap_3_is_read_and_written(
    database: Path, features: dict[str, Features]
) -> None:
    """Its descriptors have no type, and are SIFT; its keypoints may be affine, or bare."""
    change(
        database,
        "ALTER TABLE descriptors DROP COLUMN type",
        "UPDATE keypoints SET cols = 2, data = substr(data, 1, rows * 8) WHERE image_id = 1",
    )
    found = ColmapFeatures(database)
    names = list(features)
    assert (found[names[0]].keypoints[:, 2] == 1).all()
    assert found.origin == "colmap-sift"
    points = features[names[1]].keypoints.astype(np.float64)
    angles = np.radians(points[:, 3])
    a, b = points[:, 2] * np.cos(angles), points[:, 2] * np.sin(angles)
    affine = np.column_stack([points[:, :2] + 0.5, a, -b, b, a]).astype("<f4")
    with closing(sqlite3.connect(database)) as held, held:
        held.execute(
            "UPDATE keypoints SET cols = 6, data = ? WHERE image_id = 2", (affine.tobytes(),)
        )
    turned = (found[names[1]].keypoints - points)[:, 3]
    assert np.abs((turned + 180) % 360 - 180).max() < 0.01
    assert np.allclose(found[names[1]].keypoints[:, :3], points[:, :3], atol=1e-3)
    write_colmap({"more.jpg": features[names[0]]}, database)
    assert len(ColmapFeatures(database)["more.jpg"]) == len(features[names[0]])


def test_features_that_are_there_are_not_replaced_in_silence(
    database: Path, features: dict[str, Features]
) -> None:
    name = sorted(features)[0]
    fewer = Features.from_arrays(
        features[name].keypoints[:5], features[name].descriptors[:5], features[name].size
    )
    with pytest.raises(SettingsError, match="already"):
        write_colmap({"new.jpg": fewer, name: fewer}, database)
    assert "new.jpg" not in ColmapFeatures(database)  # all or nothing
    other = 2147483647 * 1 + 2, 2147483647 * 2 + 3
    change(database, *(f"INSERT INTO matches VALUES ({pair}, 0, 2, NULL)" for pair in other))
    assert write_colmap({name: fewer}, database, overwrite=True) == 1
    assert len(ColmapFeatures(database)[name]) == 5
    with closing(sqlite3.connect(database)) as held:
        left = [row[0] for row in held.execute("SELECT pair_id FROM matches")]
        number = held.execute("SELECT image_id FROM images WHERE name = ?", (name,)).fetchone()[0]
    assert left == [pair for pair in other if number not in divmod(pair, 2147483647)]
    turned = Features.from_arrays([], None, features[name].size[::-1])
    with pytest.raises(SettingsError, match="EXIF"):
        write_colmap({name: turned}, database, overwrite=True)


def test_broken_pictures_cost_only_themselves(
    database: Path, features: dict[str, Features]
) -> None:
    names = list(features)
    change(
        database,
        "DELETE FROM keypoints WHERE image_id = 1",
        "UPDATE descriptors SET data = substr(data, 1, 100) WHERE image_id = 2",
        "UPDATE descriptors SET rows = 1, data = substr(data, 1, 128) WHERE image_id = 3",
    )
    found = ColmapFeatures(database)
    for name, message in zip(names, ("no keypoints", "100 bytes", "1 descriptors"), strict=False):
        with pytest.raises(FormatError, match=message):
            found[name]
    engine = bovw.Engine.from_features(found, origin=found.origin)
    assert engine.identifiers == (names[3],) and len(engine.failures) == 3


def test_other_files_are_refused_in_one_line(tmp_path: Path, database: Path) -> None:
    (tmp_path / "text.db").write_text("no database")
    with closing(sqlite3.connect(tmp_path / "other.db")) as held, held:
        held.execute("CREATE TABLE things (a)")
    for name in ("text.db", "other.db", "none.db"):
        with pytest.raises(FormatError, match=name) as caught:
            ColmapFeatures(tmp_path / name)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    with pytest.raises(FormatError, match="expected a database of COLMAP"):
        open_features(tmp_path / "text.db")
    with pytest.raises(FormatError, match="no database"):
        write_colmap({}, tmp_path / "text.db")
    assert (tmp_path / "text.db").read_text() == "no database"
    change(database, "UPDATE descriptors SET type = 2 WHERE image_id = 1")
    with pytest.raises(FormatError, match="several types"):
        ColmapFeatures(database)
