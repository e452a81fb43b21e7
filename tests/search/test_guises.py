"""The same thing in another guise: mirrored, or negative."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import bovw
from bovw.errors import SettingsError
from bovw.features import Features, SiftExtractor, checked_guises, in_guise
from bovw.pictures import read_image
from bovw.settings import FeatureSettings

from ..support import SAMPLE

PICTURE = SAMPLE / "posters" / "poster_01_1.jpg"


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.asarray(read_image(PICTURE).pixels)


def other(pixels: np.ndarray, guise: str) -> np.ndarray:
    return np.ascontiguousarray(pixels[:, ::-1]) if guise == "mirror" else 255 - pixels


def nearest(one: Features, others: Features) -> np.ndarray:
    """Number of the feature of `others` with nearly the same keypoint; -1 for none."""
    a, b = one.keypoints[:, None], others.keypoints[None]
    near = np.abs(a[..., :2] - b[..., :2]).max(axis=2) < 0.6
    near &= np.abs((a[..., 3] - b[..., 3] + 180) % 360 - 180) < 4
    near &= np.abs(np.log(a[..., 2] / b[..., 2])) < 0.05
    return np.where(near.any(axis=1), near.argmax(axis=1), -1)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("guise", ["mirror", "negative"])
@pytest.mark.parametrize("region_factor", [1.5, 2.5])
def test_features_of_a_guise_are_those_of_the_other_picture(
    pixels: np.ndarray, guise: str, upright: bool, region_factor: float
) -> None:
    """At half the side a mirrored picture has other pixels, which costs as much as halving does."""
    halved = guise == "mirror" and region_factor == 2.5
    settings = FeatureSettings(upright=upright, max_features=500, region_factor=region_factor)
    extractor = SiftExtractor(settings)
    extracted = extractor.extract(other(pixels, guise))
    computed = in_guise(extractor.extract(pixels), guise, upright=upright)  # type: ignore[arg-type]
    found = nearest(extracted, computed)
    assert np.mean(found >= 0) > 0.85
    ours = computed.descriptors[found[found >= 0]].astype(float)
    distances = np.linalg.norm(extracted.descriptors[found >= 0] - ours, axis=1)
    assert np.median(distances) < (25 if halved else 5)
    assert np.quantile(distances, 0.9) < (50 if halved else 25)


@pytest.mark.parametrize("guise", ["mirror", "negative"])
def test_a_picture_is_found_in_another_guise(
    engine: bovw.Engine, pictures: list[Path], guise: str
) -> None:
    whole = np.asarray(cv2.imread(str(pictures[0])))
    asked = other(whole, guise)
    plain = engine.search(asked)
    result = engine.search(asked, also=("mirror", "negative"))
    assert result.matched
    first = result[0]
    assert (first.identifier, first.guise, first.decision) == (pictures[0].name, guise, "match")
    assert first.contrast is not None and first.contrast > 2 * plain.contrast
    # Everything is said in pixels of the query: the transform leads from it to the picture.
    assert first.transform is not None and first.query_points is not None
    assert first.points is not None
    ones = np.ones((len(first.query_points), 1))
    moved = np.hstack([first.query_points, ones]) @ first.transform.T
    assert np.abs(moved[:, :2] - first.points).max() < 0.03 * max(whole.shape)
    assert (np.linalg.det(first.transform[:2, :2]) < 0) == (guise == "mirror")
    if guise == "mirror":
        x = first.query_points[:, 0]
        assert np.abs(whole.shape[1] - 1 - x - first.points[:, 0]).max() < 20


def test_the_picture_itself_stays_plain(engine: bovw.Engine, pictures: list[Path]) -> None:
    plain = engine.search(pictures[0])
    also = engine.search(pictures[0], also="mirror,negative")
    assert also[0].identifier == plain[0].identifier and also[0].guise == "plain"
    assert also[0].inliers == plain[0].inliers


def test_a_region_is_mirrored_with_its_picture() -> None:
    region = (100.0, 50.0, 300.0, 250.0)
    found = SiftExtractor().extract(PICTURE, region=region)
    mirrored = in_guise(found, "mirror")
    width = found.size[0]
    assert mirrored.region == (width - 300.0, 50.0, width - 100.0, 250.0)
    again = in_guise(mirrored, "mirror")
    assert np.allclose(again.keypoints[:, :3], found.keypoints[:, :3])
    assert np.array_equal(again.descriptors, found.descriptors)


def test_guises_by_name() -> None:
    assert checked_guises("negative, mirror") == ("mirror", "negative")
    assert checked_guises(()) == checked_guises("") == ()
    with pytest.raises(SettingsError, match="upside down"):
        checked_guises(("upside down",))
    with pytest.raises(SettingsError, match="also"):
        bovw.Settings().changed(expansion={"also": "upside down"})
