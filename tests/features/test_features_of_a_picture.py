"""SIFT features: shapes, conventions, duplicates, limits, regions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bovw.errors import IncompatibleError
from bovw.features import SiftExtractor, check_same_meaning, root_sift
from bovw.pictures import read_image
from bovw.settings import FeatureSettings, ImageSettings

from ..support import SAMPLE

PICTURE = SAMPLE / "posters" / "poster_01_1.jpg"


def test_shapes_and_types() -> None:
    features = SiftExtractor().extract(PICTURE)
    n = len(features)
    assert n > 200
    assert features.keypoints.shape == (n, 4)
    assert features.keypoints.dtype == np.float32
    assert features.descriptors.shape == (n, 128)
    assert features.descriptors.dtype == np.uint8


def test_plain_sift_at_factor_one_is_opencvs() -> None:
    settings = FeatureSettings(region_factor=1, root=False, max_features=100_000, enlarge=1)
    features = SiftExtractor(settings).extract(PICTURE)
    sift = cv2.SIFT.create(
        contrastThreshold=settings.contrast_threshold, enable_precise_upscale=True
    )
    keypoints, descriptors = sift.detectAndCompute(read_image(PICTURE).pixels, None)
    theirs = {(k.pt, k.size / 2, k.angle): d for k, d in zip(keypoints, descriptors, strict=True)}
    assert len(theirs) == len(features)
    for (x, y, scale, angle), d in zip(features.keypoints, features.descriptors, strict=True):
        other = theirs[(float(x), float(y)), float(scale), float(angle)]
        assert np.abs(other - d).max() <= 1


def test_root_sift_by_hand() -> None:
    descriptor = np.zeros((1, 128), np.float32)
    descriptor[0, :4] = [30, 60, 90, 0]
    expected = np.rint(512 * np.sqrt(np.array([30, 60, 90, 0]) / 180)).clip(0, 255)
    assert root_sift(descriptor)[0, :4].tolist() == expected.tolist()


def test_upright_features_have_no_angle_and_no_duplicates() -> None:
    features = SiftExtractor(FeatureSettings(upright=True)).extract(PICTURE)
    assert (features.keypoints[:, 3] == 0).all()
    assert len(np.unique(features.keypoints[:, :3], axis=0)) == len(features)


def test_oriented_features_keep_second_orientations_once() -> None:
    features = SiftExtractor(FeatureSettings(max_features=100_000)).extract(PICTURE)
    assert len(np.unique(features.keypoints, axis=0)) == len(features)
    assert len(np.unique(features.keypoints[:, :3], axis=0)) < len(features)


def test_the_strongest_are_kept() -> None:
    few = SiftExtractor(FeatureSettings(max_features=50)).extract(PICTURE)
    many = SiftExtractor(FeatureSettings(max_features=100)).extract(PICTURE)
    assert len(few) == 50
    assert np.array_equal(few.keypoints, many.keypoints[:50])
    assert np.array_equal(few.descriptors, many.descriptors[:50])


def test_a_larger_region_changes_descriptors_only() -> None:
    small = SiftExtractor(FeatureSettings(region_factor=1)).extract(PICTURE)
    large = SiftExtractor(FeatureSettings(region_factor=2.5)).extract(PICTURE)
    assert np.array_equal(small.keypoints, large.keypoints)
    assert not np.array_equal(small.descriptors, large.descriptors)


def test_large_regions_are_described_at_half_the_side_as_well_as_in_full() -> None:
    settings = FeatureSettings(max_features=300, enlarge=1)
    features = SiftExtractor(settings).extract(PICTURE)
    sift = cv2.SIFT.create(
        contrastThreshold=settings.contrast_threshold, enable_precise_upscale=True
    )
    image = read_image(PICTURE)
    of = {(k.pt, k.size / 2, k.angle): k for k in sift.detect(image.pixels, None)}
    keypoints = []
    for x, y, scale, angle in features.keypoints.tolist():
        keypoint = of[(x, y), scale, angle]
        keypoint.size *= settings.region_factor
        keypoints.append(keypoint)
    full = root_sift(sift.compute(image.pixels, keypoints)[1]).astype(float)
    distances = np.linalg.norm(full - features.descriptors, axis=1)
    # Descriptors have a length of 512; those of two pictures of one thing are about 200 apart.
    assert np.median(distances) < 25
    assert np.quantile(distances, 0.95) < 50


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (11, 11), (200, 300)])
def test_flat_and_tiny_pictures_have_no_features(shape: tuple[int, int]) -> None:
    features = SiftExtractor().extract(np.full(shape, 128, np.uint8))
    assert len(features) == 0
    assert features.keypoints.shape == (0, 4)
    assert features.descriptors.shape == (0, 128)


def test_region_keeps_only_what_lies_inside() -> None:
    region = (100.0, 150.0, 350.0, 400.0)
    extractor = SiftExtractor(FeatureSettings(enlarge=1))
    features = extractor.extract(PICTURE, region=region)
    assert 20 < len(features) < len(extractor.extract(PICTURE))
    enlarged = SiftExtractor().extract(PICTURE, region=region)
    assert len(enlarged) > len(features)
    x, y = np.concatenate([features.keypoints, enlarged.keypoints])[:, :2].T
    assert (x >= 99.5).all() and (x < 349.5).all() and (y >= 149.5).all() and (y < 399.5).all()


def test_positions_are_in_pixels_of_the_original() -> None:
    picture = read_image(PICTURE).pixels
    side = min(picture.shape)
    picture = np.ascontiguousarray(picture[:side, :side])
    large = np.repeat(np.repeat(picture, 3, axis=0), 3, axis=1)
    limit = ImageSettings(max_side=side)
    ours = SiftExtractor(FeatureSettings(max_features=200)).extract(large, limit)
    same = SiftExtractor(FeatureSettings(max_features=200)).extract(picture)
    assert np.allclose(ours.keypoints[:, :2], (same.keypoints[:, :2] + 0.5) * 3 - 0.5, atol=0.01)
    assert np.allclose(ours.keypoints[:, 2], same.keypoints[:, 2] * 3, rtol=1e-4)


def test_extractors_that_mean_other_things_refuse_each_other() -> None:
    given = SiftExtractor().description()
    check_same_meaning(given, SiftExtractor(FeatureSettings(max_features=9)).description(), "it")
    other = SiftExtractor(FeatureSettings(upright=True)).description()
    with pytest.raises(IncompatibleError, match="upright=True"):
        check_same_meaning(other, given, "it")
    golden = {**given, "golden": given["golden"][::-1]}
    with pytest.raises(IncompatibleError, match="describes a known picture differently"):
        check_same_meaning(golden, given, "it")


def test_print_on_a_long_page_leaves_features_to_a_photograph() -> None:
    photograph = read_image(PICTURE).pixels[:400, :400]
    page = np.full((6000, 400), 255, np.uint8)
    for y in range(30, 6000, 40):
        cv2.putText(page, "strong black print", (5, y), cv2.FONT_HERSHEY_DUPLEX, 1.2, 0, 3)
    page[2000:2400] = photograph
    found = SiftExtractor().extract(page)
    assert found.size == (400, 6000)
    assert 1500 < len(found) <= 6000
    y = found.keypoints[:, 1]
    inside = np.count_nonzero((y > 2000) & (y < 2400))
    assert inside > 0.8 * len(found) * 400 / 6000
    assert np.histogram(y, 15, (0, 6000))[0].min() > 100


def test_a_region_of_a_long_page_keeps_its_detail() -> None:
    photograph = read_image(PICTURE).pixels[:400, :400]
    page = np.full((6000, 1200), 255, np.uint8)
    page[2000:2400, 300:700] = photograph
    region = (300.0, 2000.0, 700.0, 2400.0)
    found = SiftExtractor().extract(page, region=region)
    alone = SiftExtractor().extract(np.ascontiguousarray(photograph))
    assert len(found) > 0.9 * len(alone)
    assert np.median(found.keypoints[:, 2]) < 1.2 * np.median(alone.keypoints[:, 2])


def test_a_very_long_picture_is_read_at_a_bounded_cost() -> None:
    strip = np.tile(read_image(PICTURE).pixels[:60, :300], (1, 300))
    assert strip.shape == (60, 90_000)
    image = read_image(strip)
    assert image.pixels.size <= 4 * 800 * 800
    assert len(SiftExtractor().extract_image(image)) <= 6000
