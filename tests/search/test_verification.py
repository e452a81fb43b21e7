"""Verification: known transforms are found, implausible ones are not."""

from __future__ import annotations

import numpy as np
import pytest

from bovw.collection import PictureFeatures
from bovw.parallel import limited_threads
from bovw.search import verify
from bovw.search.geometry.correspondences import tentative_matches
from bovw.settings import GeometrySettings

SIZE = (640, 480)
MODELS = ["similarity", "partial", "affine", "homography"]


def picture(rng: np.random.Generator, n: int = 120) -> PictureFeatures:
    keypoints = np.column_stack(
        [rng.uniform(0, 640, n), rng.uniform(0, 480, n), rng.uniform(2, 9, n), rng.random(n) * 360]
    ).astype(np.float32)
    return PictureFeatures(np.arange(n), keypoints, SIZE)


def moved(
    query: PictureFeatures, matrix: np.ndarray, scale: float, angle: float
) -> PictureFeatures:
    points = np.column_stack([query.keypoints[:, :2], np.ones(len(query.keypoints))]) @ matrix.T
    keypoints = query.keypoints.copy()
    keypoints[:, :2] = points[:, :2] / points[:, 2:]
    keypoints[:, 2] *= scale
    keypoints[:, 3] = (keypoints[:, 3] + angle) % 360
    return PictureFeatures(query.words, keypoints, SIZE)


def similarity(scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1]])


@pytest.mark.parametrize("model", MODELS)
def test_a_similarity_is_found_among_outliers(rng: np.random.Generator, model: str) -> None:
    query = picture(rng)
    matrix = similarity(0.7, 35, (200, -20))
    candidate = moved(query, matrix, 0.7, 35)
    candidate.keypoints[::3] = picture(rng, 40).keypoints
    (found,) = verify(query, [candidate], GeometrySettings(model=model))
    assert 70 <= found.inliers <= 90
    assert np.allclose(found.transform, matrix, atol=0.6)
    fits = found.pairs[:, 0] == found.pairs[:, 1]
    assert fits.all()
    x0, y0, x1, y1 = found.region
    inside = candidate.keypoints[found.pairs[:, 1], :2]
    assert (x0, y0) == pytest.approx(inside.min(axis=0))
    assert (x1, y1) == pytest.approx(inside.max(axis=0))


@pytest.mark.parametrize("model", ["affine", "homography"])
def test_other_transforms(rng: np.random.Generator, model: str) -> None:
    query = picture(rng)
    matrix = np.array([[1.1, 0.25, -30], [0.1, 0.8, 40], [0, 0, 1.0]])
    if model == "homography":
        matrix[2, :2] = [2e-4, 1e-4]
    candidate = moved(query, matrix, 1, 0)
    (found,) = verify(query, [candidate], GeometrySettings(model=model))
    assert found.inliers > 100
    corners = np.array([[0, 0, 1], [640, 480, 1.0]]).T
    expected, given = matrix @ corners, found.transform @ corners
    assert np.allclose(given[:2] / given[2], expected[:2] / expected[2], atol=2)


@pytest.mark.parametrize("model", MODELS)
def test_unrelated_pictures_have_few_inliers(rng: np.random.Generator, model: str) -> None:
    query = picture(rng)
    found = verify(query, [picture(rng) for _ in range(10)], GeometrySettings(model=model))
    assert max(v.inliers for v in found) < 15


@pytest.mark.parametrize("model", MODELS)
def test_reflections_are_implausible(rng: np.random.Generator, model: str) -> None:
    query = picture(rng)
    mirror = np.array([[-1, 0, 640], [0, 1, 0], [0, 0, 1.0]])
    (found,) = verify(query, [moved(query, mirror, 1, 0)], GeometrySettings(model=model))
    assert found.inliers < 15


def test_extreme_scales_are_implausible(rng: np.random.Generator) -> None:
    query = picture(rng)
    candidate = moved(query, similarity(0.05, 0, (300, 200)), 0.05, 0)
    (found,) = verify(query, [candidate])
    assert found.inliers == 0


def test_one_spot_is_not_evidence(rng: np.random.Generator) -> None:
    query = picture(rng)
    query.keypoints[:, :2] = np.array([300, 200]) + rng.uniform(-3, 3, (120, 2))
    candidate = moved(query, similarity(1, 0, (50, 30)), 1, 0)
    (found,) = verify(query, [candidate])
    assert found.inliers == 0


def test_a_place_counts_once(rng: np.random.Generator) -> None:
    one = picture(rng, 30)
    words = np.sort(np.repeat(np.arange(30), 3) * 3 + np.tile(np.arange(3), 30))
    query = PictureFeatures(words, np.repeat(one.keypoints, 3, axis=0), SIZE)
    candidate = moved(query, similarity(1, 10, (5, 5)), 1, 10)
    (found,) = verify(query, [candidate])
    assert found.inliers <= 30
    assert len(np.unique(found.pairs[:, 0])) == len(np.unique(found.pairs[:, 1])) == found.inliers


@pytest.mark.parametrize("model", MODELS)
def test_the_answer_does_not_depend_on_threads(rng: np.random.Generator, model: str) -> None:
    query = picture(rng, 200)
    candidates = [moved(query, similarity(1, 5 * i, (i, i)), 1, 5 * i) for i in range(6)]
    for candidate in candidates:
        candidate.keypoints[::2] = picture(rng, 100).keypoints
    results = []
    for n in (1, 2):
        with limited_threads(n):
            results.append(verify(query, candidates, GeometrySettings(model=model)))
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a.pairs, b.pairs)
        assert np.array_equal(a.transform, b.transform)


def test_a_candidate_does_not_depend_on_the_others(rng: np.random.Generator) -> None:
    query = picture(rng)
    candidates = [moved(query, similarity(1, 20 * i, (9 * i, 0)), 1, 20 * i) for i in range(5)]
    together = verify(query, candidates)
    for candidate, expected in zip(candidates, together, strict=True):
        (alone,) = verify(query, [candidate])
        assert np.array_equal(alone.pairs, expected.pairs)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_to_match(rng: np.random.Generator, model: str) -> None:
    settings = GeometrySettings(model=model)
    query = picture(rng, 30)
    empty = picture(rng, 0)
    stranger = PictureFeatures(query.words + 1000, query.keypoints, SIZE)
    assert [v.inliers for v in verify(query, [empty, stranger], settings)] == [0, 0]
    assert [v.inliers for v in verify(empty, [query], settings)] == [0]
    assert verify(query, [], settings) == []


def test_tentative_matches_by_hand() -> None:
    matches = tentative_matches(np.array([2, 5, 5, 9]), [np.array([5, 7, 9, 9]), np.array([2])], 2)
    rows = np.column_stack([matches.group, matches.query, matches.candidate, matches.ambiguity])
    assert rows.tolist() == [[0, 1, 0, 2], [0, 2, 0, 2], [0, 3, 2, 2], [0, 3, 3, 2], [1, 0, 0, 1]]
    fewer = tentative_matches(np.array([2, 5, 5, 9]), [np.array([5, 7, 9, 9]), np.array([2])], 1)
    assert fewer.query.tolist() == [0]


@pytest.mark.parametrize("model", ["similarity", "homography"])
def test_several_objects_give_several_models(rng: np.random.Generator, model: str) -> None:
    query = picture(rng)
    first, second = similarity(1.2, 20, (50, -80)), similarity(0.6, -70, (300, 420))
    candidate = moved(query, first, 1.2, 20)
    other = query.keypoints[:, 0] > 380  # another object moved otherwise
    candidate.keypoints[other] = moved(query, second, 0.6, -70).keypoints[other]
    one, two = (
        verify(query, [candidate], GeometrySettings(model=model, max_models=n))[0] for n in (1, 3)
    )
    assert len(one.transforms) == 1 and len(two.transforms) >= 2
    assert two.inliers > one.inliers + 0.8 * other.sum()
    assert np.allclose(two.transforms[0], one.transforms[0])
    assert np.allclose(two.transforms[1] / two.transforms[1][2, 2], second, atol=1)


def test_inliers_weigh_as_their_features_do(rng: np.random.Generator) -> None:
    query = picture(rng)
    weights = rng.random(120).astype(np.float32)
    (found,) = verify(query, [query], weights=weights)
    assert found.weight == pytest.approx(float(weights[found.pairs[:, 0]].mean()))
    (centred,) = verify(query, [query], center_sigma=0.5)
    assert 0 < centred.weight < 1
