"""Features of other extractors: what is taken, what is refused, and what they mean in an index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import bovw
from bovw import ExtractorTemplate, Features
from bovw.errors import ImageError, IncompatibleError, SettingsError
from bovw.features import extract_files
from bovw.pictures import Failure, PictureFile, read_image

from ..support import SAMPLE


class Orb(ExtractorTemplate):
    """Binary descriptors, packed."""

    binary = True

    def __init__(self, n_features: int = 300) -> None:
        self.n_features = n_features

    def detect_and_describe(self, pixels: NDArray[np.uint8]) -> Any:
        return cv2.ORB.create(self.n_features).detectAndCompute(pixels, None)


class FloatSift(ExtractorTemplate):
    """Floating-point descriptors, between 0 and 1."""

    def detect_and_describe(self, pixels: NDArray[np.uint8]) -> Any:
        keypoints, values = cv2.SIFT.create(300).detectAndCompute(pixels, None)
        return keypoints, None if values is None else np.sqrt(values / values.sum(1, keepdims=True))


POINTS = np.array([[10.0, 20.0, 2.0, 370.0], [30.0, 40.0, 1.5, 0.0]])
SIZE = (100, 50)
TURNED = POINTS + np.array([0, 30, 0, 0])


def test_arrays_become_features() -> None:
    values = np.array([[0.5, -1, 2], [0, 0, 1]])
    features = Features.from_arrays(POINTS, values, SIZE)
    assert features.keypoints.dtype == np.float32 and features.descriptors.dtype == np.float32
    assert features.keypoints[0].tolist() == [10, 20, 2, 10]  # a turn of 370 degrees is one of 10
    assert np.array_equal(features.descriptors, values.astype(np.float32))
    again = Features.from_arrays(POINTS, values, SIZE)
    other = Features.from_arrays(POINTS, values + 1, SIZE)
    assert features.sha256 == again.sha256 != other.sha256


def test_without_scale_and_angle_they_are_one_and_zero() -> None:
    features = Features.from_arrays(POINTS[:, :2], np.zeros((2, 5), np.float16), SIZE)
    assert features.keypoints[:, 2:].tolist() == [[1, 0], [1, 0]]


def test_no_features_are_features_too() -> None:
    for none in (None, [], np.zeros((0, 64), np.float32)):
        assert len(Features.from_arrays([], none, SIZE)) == 0


def test_packed_bits_keep_their_hamming_distances(rng: np.random.Generator) -> None:
    packed = rng.integers(0, 256, (2, 32)).astype(np.uint8)
    features = Features.from_arrays(POINTS, packed, SIZE, binary=True)
    a, b = features.descriptors.astype(float)
    bits = int(np.bitwise_count(packed[0] ^ packed[1]).sum())
    assert features.descriptors.shape == (2, 256) and ((a - b) ** 2).sum() == 255**2 * bits


WRONG: dict[str, tuple[Any, Any, Any, str]] = {
    "transposed": (POINTS, np.zeros((256, 2)), SIZE, "give their transpose"),
    "one too few": (POINTS, np.zeros((1, 8)), SIZE, "one descriptor for each keypoint"),
    "bits or numbers": (POINTS, np.zeros((2, 32), np.uint8), SIZE, "binary=True or binary=False"),
    "NaN": (POINTS, np.full((2, 8), np.nan), SIZE, "NaN"),
    "far outside": (POINTS + 500, np.zeros((2, 8)), SIZE, "outside of the picture"),
    "turned size": (TURNED, np.zeros((2, 8)), SIZE, "is this height, width"),
    "no scale": (POINTS * [1, 1, 0, 1], np.zeros((2, 8)), SIZE, "a scale of 0"),
    "five columns": (np.zeros((2, 5)), np.zeros((2, 8)), SIZE, "x, y, scale, angle"),
    "wide integers": (POINTS, np.zeros((2, 8), np.int32), SIZE, "uint8 or floating-point"),
    "text": (POINTS, [["a"], ["b"]], SIZE, "rows of numbers"),
    "size of an array": (POINTS, np.zeros((2, 8)), (50, 100, 3), "width and the height"),
    "very long": (POINTS, np.zeros((2, 5000)), SIZE, "at most 4096"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    keypoints, descriptors, size, message = WRONG[name]
    with pytest.raises(SettingsError, match=message):
        Features.from_arrays(keypoints, descriptors, size)


def test_a_shrunk_picture_and_a_region_have_places_in_the_original() -> None:
    picture = SAMPLE / "posters" / "poster_01_1.jpg"
    image = read_image(picture, bovw.Settings().images.__class__(max_side=200))
    whole = FloatSift().extract_image(image)
    assert whole.size == image.size and whole.sha256 == image.sha256
    assert whole.keypoints[:, :2].max() > 250  # not in pixels of the shrunk one
    part = FloatSift().extract_image(read_image(picture, region=(50, 60, 200, 220)))
    x, y = part.keypoints[:, :2].T
    assert len(part) and x.min() >= 49.5 and x.max() < 199.5 and y.min() >= 59.5 and y.max() < 219.5


@pytest.fixture(scope="module")
def orb() -> bovw.Engine:
    return bovw.Engine.build(SAMPLE / "posters", extractor=Orb())


@pytest.fixture(scope="module")
def floats() -> bovw.Engine:
    return bovw.Engine.build(SAMPLE / "posters", extractor=FloatSift(), n_jobs=2)


@pytest.mark.parametrize("name", ["orb", "floats"])
def test_an_index_of_other_features_finds_the_same_objects(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made: bovw.Engine = request.getfixturevalue(name)
    made.save(tmp_path / "i")
    engine = bovw.Engine.open(tmp_path / "i", extractor=made.extractor)
    for query in ("poster_02_3.jpg", "poster_05_1.jpg"):
        found = engine.search(SAMPLE / "posters" / query, 4)
        assert [answer.identifier[:9] for answer in found] == [query[:9]] * 4
        again = made.search(SAMPLE / "posters" / query, 4)
        assert [a.score for a in again] == [a.score for a in found]
    assert engine.info()["descriptor"] == type(made.extractor).__name__


def test_floats_are_quantised_by_a_scale_that_is_kept(floats: bovw.Engine, tmp_path: Path) -> None:
    floats.save(tmp_path / "i")
    words = bovw.Engine.open(tmp_path / "i").vocabulary
    assert words.scale_ == floats.vocabulary.scale_ is not None
    assert 0 < words.quantization_error_ == floats.vocabulary.quantization_error_ < 0.05
    with pytest.raises(SettingsError, match="floating-point numbers, not uint8"):
        words.predict(np.zeros((1, 128), np.uint8))


def test_the_extractor_is_remembered_and_compared(orb: bovw.Engine, tmp_path: Path) -> None:
    orb.save(tmp_path / "i")
    picture = SAMPLE / "posters" / "poster_01_1.jpg"
    plain = bovw.Engine.open(tmp_path / "i")
    with pytest.raises(IncompatibleError, match=r"features of 'Orb'.*extractor=\.\.\."):
        plain.search(picture)
    for reads in (plain.add, plain.search_many, plain.search_each, plain.rank_many):
        with pytest.raises(IncompatibleError, match="features of 'Orb'"):
            reads([picture])
    with pytest.raises(IncompatibleError, match="n_features"):
        bovw.Engine.open(tmp_path / "i", extractor=Orb(99))
    with pytest.raises(IncompatibleError, match="FloatSift"):
        bovw.Engine.open(tmp_path / "i", extractor=FloatSift())
    with pytest.raises(IncompatibleError, match="made with"):  # words of ORB for SIFT
        bovw.Engine.build(picture, vocabulary=orb.vocabulary)
    with pytest.raises(IncompatibleError, match="mirrored"):
        orb.search(picture, also="mirror")


class Retrained(FloatSift):
    """The same name and parameters, but other descriptors, as of a network trained again."""

    name = "FloatSift"

    def detect_and_describe(self, pixels: NDArray[np.uint8]) -> Any:
        keypoints, values = super().detect_and_describe(pixels)
        return keypoints, values[:, ::-1]


def test_another_version_of_an_extractor_is_noticed(floats: bovw.Engine, tmp_path: Path) -> None:
    floats.save(tmp_path / "i")
    with pytest.raises(IncompatibleError, match="another version of 'FloatSift'"):
        bovw.Engine.open(tmp_path / "i", extractor=Retrained())


class Failing(Orb):
    """Fails for pictures of one size."""

    def detect_and_describe(self, pixels: NDArray[np.uint8]) -> Any:
        if pixels.shape == (77, 99):
            raise RuntimeError("no such\nlayer")
        return super().detect_and_describe(pixels)


def test_a_picture_for_which_the_extractor_fails_is_one_failure(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "bad.png"), np.full((77, 99), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((80, 80), 200, np.uint8))
    files = [PictureFile(name, str(tmp_path / name)) for name in ("bad.png", "flat.png")]
    found = [each for _, each in extract_files(files, bovw.Settings(), extractor=Failing())]
    assert isinstance(found[0], Failure) and "Failing failed (RuntimeError: no such layer" in (
        found[0].reason
    )
    assert isinstance(found[1], Features) and len(found[1]) == 0
    with pytest.raises(ImageError, match="Failing failed"):
        list(extract_files(files, bovw.Settings(), extractor=Failing(), on_error="raise"))


class Held(Orb):
    """Holds what cannot be copied to another process."""

    def __init__(self) -> None:
        super().__init__()
        self.orb = cv2.ORB.create()


def test_what_is_no_extractor_is_refused(orb: bovw.Engine) -> None:
    picture = SAMPLE / "posters" / "poster_01_1.jpg"
    for wrong in (Orb, object(), 3):
        with pytest.raises(SettingsError, match="ExtractorTemplate"):
            bovw.Engine.build(picture, vocabulary=orb.vocabulary, extractor=wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="cannot be sent to other processes"):
        bovw.train_vocabulary(SAMPLE / "posters", extractor=Held(), n_jobs=2)


def test_the_cache_does_not_mix_extractors(tmp_path: Path) -> None:
    picture = SAMPLE / "posters" / "poster_01_1.jpg"
    files = [PictureFile("a", str(picture))]
    lengths = []
    for extractor in (None, Orb(), Orb(50), FloatSift(), Orb()):
        found = extract_files(files, bovw.Settings(), extractor=extractor, cache=tmp_path)
        ((_, features),) = found
        assert isinstance(features, Features)
        lengths.append((len(features), features.descriptors.shape[1]))
    assert lengths[1] == lengths[4] and len(set(lengths)) == 4
