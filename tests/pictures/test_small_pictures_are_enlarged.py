"""Small pictures are enlarged before features are found; positions stay those of the original."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import bovw
from bovw.features import SiftExtractor, without_finest
from bovw.pictures import read_image
from bovw.settings import FeatureSettings


def drawn(height: int, width: int) -> np.ndarray:
    """A smooth pattern, which no size of a picture favours."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (height // 5, width // 5)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def test_by_two_at_most_and_no_further_than_the_limit() -> None:
    for side, factor in ((100, 2.0), (500, 1.6), (800, 1.0)):
        image = read_image(drawn(side, side)).enlarged(2.0)
        assert image.pixels.shape == (side * factor, side * factor)
        assert image.scale == (factor, factor) and image.size == (side, side)


def test_a_small_region_of_a_large_picture_is_enlarged() -> None:
    image = read_image(drawn(600, 800), region=(300.0, 200.0, 500.0, 350.0)).enlarged(2.0)
    assert image.scale == (2, 2)
    corner = image.to_original(np.array([[-0.5, -0.5]]))[0]
    assert corner == pytest.approx((249.5, 149.5))  # a quarter of the longer side around it


def test_it_adds_finer_features_to_those_that_are_there() -> None:
    picture = drawn(240, 320)
    usual, plain = (
        SiftExtractor(FeatureSettings(enlarge=factor)).extract(picture) for factor in (2.0, 1.0)
    )
    assert len(plain) < len(usual) <= 1500
    assert usual.keypoints[:, 2].min() < plain.keypoints[:, 2].min()
    few = [SiftExtractor(FeatureSettings(enlarge=f, max_features=60)) for f in (2.0, 1.0)]
    one, other = (extractor.extract(picture) for extractor in few)
    assert np.array_equal(one.keypoints, other.keypoints)  # there are enough without


def test_positions_are_those_of_the_original() -> None:
    picture = np.full((160, 160), 40, np.uint8)
    spots = np.array([(40.0, 50.0), (120.0, 60.0), (70.0, 125.0)])
    for x, y in spots.astype(int):
        cv2.circle(picture, (x, y), 5, 230, -1, cv2.LINE_AA)
    for region in (None, (20.0, 20.0, 150.0, 150.0)):
        features = SiftExtractor().extract(picture, None, region)
        distance = np.linalg.norm(features.keypoints[:, None, :2] - spots, axis=2).min(axis=0)
        assert (distance < 0.3).all()


def test_an_index_of_before_keeps_its_pictures_as_they_were(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "golden"
    folder = next(path.parent for path in sorted(golden.rglob("manifest.json"))
                  if '"bovw-index"' in path.read_text())  # fmt: skip
    assert bovw.Engine.open(folder).settings.features.enlarge == 1


def test_vocabularies_are_trained_without_the_finest(tmp_path: Path) -> None:
    picture = drawn(240, 320)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    plain = SiftExtractor(FeatureSettings(enlarge=1)).extract(picture)
    usual = SiftExtractor().extract(picture)
    assert without_finest(plain) is plain
    kept = without_finest(usual)
    assert len(plain) * 0.9 < len(kept) < len(usual)
    smallest = plain.keypoints[:, 2].min()
    assert kept.keypoints[:, 2].min() > smallest * 0.99 > usual.keypoints[:, 2].min()
