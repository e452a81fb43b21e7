"""Vocabularies: training, assignment, facts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from bovw.errors import NotFittedError, SettingsError, TrainingError
from bovw.vocabulary import Vocabulary, WordStatistics


@pytest.fixture
def blobs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors around twelve centres, and the centre of each."""
    centers = rng.integers(20, 236, (12, 16))
    labels = rng.integers(0, 12, 3000)
    noise = rng.integers(-4, 5, (3000, 16))
    return (centers[labels] + noise).astype(np.uint8), labels


def test_one_level_finds_the_blobs(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    descriptors, labels = blobs
    vocabulary = Vocabulary(60, random_state=0).fit(descriptors)
    words = vocabulary.predict(descriptors)
    assert all(len(np.unique(labels[words == w])) == 1 for w in np.unique(words))
    assert vocabulary.agreement_ == 1


def test_two_levels_give_as_many_words(rng: np.random.Generator) -> None:
    descriptors = rng.integers(0, 256, (20_000, 32)).astype(np.uint8)
    vocabulary = Vocabulary(3000, two_level=True, random_state=1).fit(descriptors)
    assert vocabulary.n_words_ == 3000
    assert vocabulary.centers_.dtype == np.uint8
    statistics = vocabulary.statistics_
    assert statistics.used + statistics.empty == 3000
    assert statistics.used > 2500
    assert vocabulary.agreement_ > 0.9
    assert not vocabulary.is_exact


def test_training_does_not_depend_on_the_number_of_workers(rng: np.random.Generator) -> None:
    descriptors = rng.integers(0, 256, (6000, 32)).astype(np.uint8)
    one = Vocabulary(1200, two_level=True, n_jobs=1).fit(descriptors)
    two = Vocabulary(1200, two_level=True, n_jobs=2).fit(descriptors)
    assert np.array_equal(one.centers_, two.centers_)
    assert np.array_equal(one.predict(descriptors), two.predict(descriptors))


def test_several_nearest(rng: np.random.Generator) -> None:
    descriptors = rng.integers(0, 256, (2000, 24)).astype(np.uint8)
    vocabulary = Vocabulary(50).fit(descriptors)
    words, distances = vocabulary.nearest(descriptors[:20], 3)
    assert words.shape == distances.shape == (20, 3)
    difference = descriptors[:20, None].astype(int) - vocabulary.centers_[None].astype(int)
    expected = np.sort((difference**2).sum(axis=2), axis=1)[:, :3]
    assert np.array_equal(distances, expected)


def test_approximate_assignment_agrees_with_exact(rng: np.random.Generator) -> None:
    centers = np.unique(rng.integers(0, 256, (3000, 24)).astype(np.uint8), axis=0)
    vocabulary = Vocabulary.from_centers(centers)
    queries = rng.integers(0, 256, (500, 24)).astype(np.uint8)
    words, distances = vocabulary.nearest(queries, 2)
    exact, exact_distances = vocabulary.exact(queries, 2)
    same = words[:, 0] == exact[:, 0]
    assert same.mean() > 0.9
    assert np.array_equal(distances[same, 0], exact_distances[same, 0])


def test_fewer_distinct_words_are_reported() -> None:
    descriptors = np.repeat(np.arange(10, dtype=np.uint8)[:, None] * 20, 8, axis=1)
    with pytest.warns(UserWarning, match=r"distinct words instead of 40"):
        vocabulary = Vocabulary(40).fit(np.repeat(descriptors, 10, axis=0))
    assert vocabulary.n_words_ <= 10


def test_errors_say_what_to_do(rng: np.random.Generator) -> None:
    descriptors = rng.integers(0, 256, (30, 8)).astype(np.uint8)
    with pytest.raises(TrainingError, match="30 descriptors for 31 words: give more"):
        Vocabulary(31).fit(descriptors)
    with pytest.raises(NotFittedError, match="call fit"):
        Vocabulary(3).predict(descriptors)
    with pytest.raises(SettingsError, match="uint8"):
        Vocabulary(3).fit(descriptors).predict(descriptors.astype(np.float32))
    with pytest.raises(SettingsError, match="NaN"):
        Vocabulary(3).fit(np.full((9, 8), np.nan))
    with pytest.raises(SettingsError, match=r"\(n, 8\)"):
        Vocabulary(3).fit(descriptors).predict(descriptors[:, :5])
    with pytest.raises(SettingsError, match="1 to 1,000,000"):
        Vocabulary(0).fit(descriptors)


def test_it_is_an_estimator() -> None:
    vocabulary = Vocabulary(7, random_state=3)
    assert clone(vocabulary).get_params() == vocabulary.get_params()
    assert vocabulary.get_params()["n_words"] == 7


def test_statistics_by_hand() -> None:
    statistics = WordStatistics.of(np.array([0, 0, 0, 2]), 4)
    assert (statistics.used, statistics.empty) == (2, 2)
    assert statistics.imbalance == pytest.approx(4 * (9 / 16 + 1 / 16))


def test_no_descriptors_have_no_words(rng: np.random.Generator) -> None:
    for n in (20, 2000):
        centers = np.unique(rng.integers(0, 256, (n, 8)).astype(np.uint8), axis=0)
        words = Vocabulary.from_centers(centers).predict(np.zeros((0, 8), np.uint8))
        assert words.shape == (0,)
