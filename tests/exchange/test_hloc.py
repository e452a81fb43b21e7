"""Files of hloc: local features in and out, and vectors of pictures as embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw import Features
from bovw.embeddings import load_embeddings
from bovw.errors import EmbeddingError, ExistsError, FormatError
from bovw.exchange import HlocFeatures, open_features, write_features, write_hloc

from ..support import FEW, SAMPLE

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


@pytest.fixture(scope="module")
def features(pictures: list[Path]) -> dict[str, Features]:
    extractor = bovw.SiftExtractor(FEW.features)
    return {f"db/{p.name}": extractor.extract(p, FEW.images) for p in pictures[:6]}


@pytest.fixture
def superpoint(features: dict[str, Features], tmp_path: Path) -> Path:
    """A file as hloc writes it with SuperPoint: float16, no scales."""
    path = tmp_path / "feats-superpoint-n4096.h5"
    with h5py.File(path, "w", libver="latest") as file:
        for name, each in features.items():
            values = each.descriptors.astype(np.float32) / 512
            group = file.create_group(name)
            group["keypoints"] = each.keypoints[:, :2].astype(np.float16)
            group["descriptors"] = values.T.astype(np.float16)
            group["scores"] = np.ones(len(each), np.float16)
            group["image_size"] = np.array(each.size)
    return path


def test_what_is_written_is_read(features: dict[str, Features], tmp_path: Path) -> None:
    assert write_features(features, tmp_path / "f.h5") == 6
    found = open_features(tmp_path / "f.h5")
    assert isinstance(found, HlocFeatures) and sorted(found) == sorted(features)
    for name, each in features.items():
        assert np.allclose(found[name].keypoints, each.keypoints, atol=1e-3)
        lengths = np.linalg.norm(found[name].descriptors, axis=1)
        assert np.allclose(lengths, 1, atol=1e-2) and found[name].descriptors.shape[1] == 128
        assert found[name].size == each.size
    with h5py.File(tmp_path / "f.h5") as file:
        group = file["db"]["poster_01_1.jpg"]
        n = len(features["db/poster_01_1.jpg"])
        assert group["descriptors"].shape == (128, n) and group["descriptors"].dtype == np.float16
        assert group["keypoints"].shape == (n, 2) and "uncertainty" in group["keypoints"].attrs


def test_features_of_hloc_are_indexed(superpoint: Path) -> None:
    found = HlocFeatures(superpoint)
    assert found.origin == "hloc-feats-superpoint-n4096"
    engine = bovw.Engine.from_features(found, origin=found.origin)
    assert engine.vocabulary.scale_ is not None
    result = engine.search_stored("db/poster_01_1.jpg", 3)
    assert {answer.identifier[3:12] for answer in result} == {"poster_01"}


def test_a_file_is_added_to_but_not_overwritten_in_silence(
    features: dict[str, Features], tmp_path: Path
) -> None:
    path, names = tmp_path / "f.h5", sorted(features)
    write_hloc({names[0]: features[names[0]]}, path)
    write_hloc({names[1]: features[names[1]]}, path)
    assert list(HlocFeatures(path)) == names[:2]
    with pytest.raises(ExistsError, match="already"):
        write_hloc({names[1]: features[names[1]]}, path)
    write_hloc({names[2]: features[names[2]]}, path, overwrite=True)
    assert list(HlocFeatures(path)) == names[2:3]
    with pytest.raises(FormatError, match=r"\.db .for COLMAP. or \.h5"):
        write_features(features, tmp_path / "f.npz")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failure_leaves_the_file_as_it_was(
    features: dict[str, Features], tmp_path: Path, overwrite: bool
) -> None:
    path = tmp_path / "f.h5"
    write_hloc(features, path)
    before = path.read_bytes()

    def broken() -> Iterator[tuple[str, Features]]:
        yield "new.jpg", next(iter(features.values()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_hloc(broken(), path, overwrite=overwrite)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["f.h5"]


def test_places_that_float16_rounded_beyond_the_border_are_kept(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        group = file.create_group("wide.jpg")
        group["keypoints"] = np.array([[4031, 10], [3, 3]], np.float16)  # becomes 4032
        group["descriptors"] = np.eye(8, 2, dtype=np.float16)
        group["image_size"] = np.array([4031, 600])
    assert HlocFeatures(tmp_path / "f.h5")["wide.jpg"].keypoints[0, 0] == 4030.5


def test_without_a_size_the_picture_tells_it(superpoint: Path) -> None:
    with h5py.File(superpoint, "a") as file:
        for name in file["db"]:
            del file["db"][name]["image_size"]
    with pytest.raises(FormatError, match="give the folder as root"):
        HlocFeatures(superpoint)["db/poster_01_1.jpg"]
    link = superpoint.parent / "db"
    link.symlink_to(SAMPLE / "posters")
    found = HlocFeatures(superpoint, superpoint.parent)["db/poster_01_1.jpg"]
    assert found.size == bovw.SiftExtractor().extract(link / "poster_01_1.jpg").size


def test_broken_pictures_cost_only_themselves(superpoint: Path) -> None:
    with h5py.File(superpoint, "a") as file:
        db = file["db"]
        del db["poster_01_1.jpg"]["descriptors"]
        values = db["poster_01_2.jpg"]["descriptors"][()]
        del db["poster_01_2.jpg"]["descriptors"]
        db["poster_01_2.jpg"]["descriptors"] = values.T
        db["poster_01_3.jpg"]["keypoints"][0, 0] = np.nan
    found = HlocFeatures(superpoint)
    for name, message in (("1", "no descriptors"), ("2", "D x N"), ("3", "NaN")):
        with pytest.raises(FormatError, match=message):
            found[f"db/poster_01_{name}.jpg"]
    engine = bovw.Engine.from_features(found)
    assert len(engine) == 3 and len(engine.failures) == 3


def test_vectors_of_pictures_are_embeddings(rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "global-feats-netvlad.h5"
    vectors = rng.normal(size=(3, 16)).astype(np.float16)
    with h5py.File(path, "w") as file:
        for name, vector in zip(("db/b.jpg", "db/a.jpg", "q.jpg"), vectors, strict=True):
            file.create_group(name)["global_descriptor"] = vector
    found = load_embeddings(path)
    assert found.identifiers == ("db/a.jpg", "db/b.jpg", "q.jpg")
    assert np.array_equal(found.vectors, vectors[[1, 0, 2]].astype(np.float32))
    with pytest.raises(FormatError, match="no local features"):
        HlocFeatures(path)
    with h5py.File(path, "a") as file:
        del file["q.jpg"]["global_descriptor"]
        file["q.jpg"]["global_descriptor"] = np.zeros(5)
    with pytest.raises(EmbeddingError, match="all of one length"):
        load_embeddings(path)


def test_local_features_are_no_embeddings(superpoint: Path) -> None:
    with pytest.raises(EmbeddingError, match="local features, which 'bovw index' takes") as caught:
        load_embeddings(superpoint)
    assert len(str(caught.value)) < 400


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f.h5").write_bytes(b"\x89HDF\r\n\x1a\n torn")
    for name in ("f.h5", "none.h5"):
        with pytest.raises(FormatError, match=name):
            HlocFeatures(tmp_path / name)
