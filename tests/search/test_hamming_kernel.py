"""Signatures, the match kernel, and expansion with verified features."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.collection import Collection, make_segment, picture_words
from bovw.errors import SettingsError
from bovw.pictures import Record
from bovw.search import QueryFeatures, enrich_query, picture_as_query
from bovw.search.kernels.hamming import (
    KernelMatches,
    correspondences,
    find_matches,
    join_matches,
    of_candidates,
    score_candidates,
)
from bovw.settings import KernelSettings, Settings
from bovw.vocabulary import HammingEmbedding, Vocabulary, hamming_distances

N_WORDS = 12


def features(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random words, signatures that are near each other, and keypoints."""
    flips = rng.integers(0, 64, (n, 8)).astype(np.uint64)
    signatures = np.bitwise_xor.reduce(np.uint64(1) << flips, axis=1)
    keypoints = rng.uniform(1, 300, (n, 4)).astype(np.float32)
    return rng.integers(0, N_WORDS, n), signatures, keypoints


@pytest.fixture
def collection(rng: np.random.Generator) -> Collection:
    """Six pictures, one of them empty."""
    parts = [picture_words(*features(rng, n), (300, 300), N_WORDS) for n in (30, 0, 25, 40, 7, 30)]
    records = [Record(str(i), str(i), 300, 300, "") for i in range(len(parts))]
    return Collection.of([make_segment(records, parts, N_WORDS)])


@pytest.fixture
def query(rng: np.random.Generator) -> QueryFeatures:
    """A query whose features are looked up in three words, or fewer."""
    words = rng.permuted(np.tile(np.arange(N_WORDS), (20, 1)), axis=1)[:, :3].astype(np.int32)
    words[3, 2] = -1
    signatures = np.stack([features(rng, 20)[1] for _ in range(3)], axis=1)
    return QueryFeatures(
        words, signatures, features(rng, 20)[2], np.ones(20, np.float32), (300, 300)
    )


def within(max_distance: int) -> KernelSettings:
    return KernelSettings(max_distance=max_distance, max_repeats=100)


def naive_pairs(
    query: QueryFeatures, position: int, collection: Collection, limit: int
) -> set[tuple[int, int]]:
    """All pairs of a query with one picture, compared one by one."""
    pairs = set()
    part = collection.part(position)
    for feature in range(part.start, part.stop):
        for i, (words, signatures) in enumerate(zip(query.words, query.signatures, strict=True)):
            for word, signature in zip(words, signatures, strict=True):
                differing = bin(int(signature) ^ int(collection.signatures[feature])).count("1")
                if word == collection.words[feature] and differing <= limit:
                    pairs.add((i, feature - part.start))
    return pairs


def words_of(matches: KernelMatches, positions: np.ndarray, collection: Collection) -> np.ndarray:
    """Word of the candidate's feature in each match."""
    starts = collection.starts[positions][matches.candidate]
    return np.asarray(collection.words[starts + matches.feature])


def test_matches_are_those_of_a_comparison_one_by_one(
    query: QueryFeatures, collection: Collection
) -> None:
    positions = np.array([5, 0, 1, 3])
    matches = find_matches(query, positions, collection, np.ones(N_WORDS, np.float32), within(14))
    assert len(matches.query) > 20
    for number, position in enumerate(positions):
        mine = matches.candidate == number
        found = set(zip(matches.query[mine].tolist(), matches.feature[mine].tolist(), strict=True))
        assert found == naive_pairs(query, int(position), collection, 14)


def test_words_without_weight_do_not_match(query: QueryFeatures, collection: Collection) -> None:
    idf = np.ones(N_WORDS, np.float32)
    idf[:6] = 0
    matches = find_matches(query, np.arange(6), collection, idf, within(64))
    assert (words_of(matches, np.arange(6), collection) >= 6).all()
    none = find_matches(query, np.arange(0), collection, idf, within(64))
    assert len(none.query) == 0


def test_plain_scores_by_hand(query: QueryFeatures, collection: Collection) -> None:
    settings = KernelSettings(burstiness=False, angle_bins=1, size_exponent=0.0, sigma=10.0)
    idf = np.linspace(0.5, 2, N_WORDS).astype(np.float32)
    positions = np.arange(len(collection))
    matches = find_matches(query, positions, collection, idf, within(16))
    scores = score_candidates(matches, query, collection.sizes[positions], settings)
    expected = np.zeros(len(collection))
    words = words_of(matches, positions, collection)
    for word, distance, candidate in zip(words, matches.distance, matches.candidate, strict=True):
        expected[candidate] += idf[word] ** 2 * np.exp(-((distance / 10) ** 2))
    assert np.allclose(scores, expected, rtol=1e-5)
    assert scores[1] == 0


def test_a_repeated_feature_counts_less_than_its_copies() -> None:
    one = picture_words(
        np.array([4]), np.zeros(1, np.uint64), np.ones((1, 4), np.float32), (10, 10), N_WORDS
    )
    nine = picture_words(
        np.full(9, 4), np.zeros(9, np.uint64), np.ones((9, 4), np.float32), (10, 10), N_WORDS
    )
    records = [Record(str(i), str(i), 10, 10, "") for i in range(2)]
    collection = Collection.of([make_segment(records, [one, nine], N_WORDS)])
    query = picture_as_query(collection, 0)
    settings = KernelSettings(size_exponent=0.0, angle_bins=1)
    matches = find_matches(query, np.arange(2), collection, np.ones(N_WORDS, np.float32), within(0))
    scores = score_candidates(matches, query, collection.sizes[np.arange(2)], settings)
    assert scores[1] == pytest.approx(3 * scores[0])  # nine copies count as three


def test_a_picture_may_be_turned_but_all_of_it() -> None:
    rng = np.random.default_rng(1)
    words, signatures, keypoints = np.arange(12), np.zeros(12, np.uint64), features(rng, 12)[2]
    turned, scattered = keypoints.copy(), keypoints.copy()
    turned[:, 3] = (turned[:, 3] + 137) % 360
    scattered[:, 3] = (scattered[:, 3] + np.arange(12) * 30) % 360
    parts = [
        picture_words(words, signatures, k, (300, 300), N_WORDS)
        for k in (keypoints, turned, scattered)
    ]
    collection = Collection.of(
        [make_segment([Record(str(i), str(i), 300, 300, "") for i in range(3)], parts, N_WORDS)]
    )
    query = picture_as_query(collection, 0)
    matches = find_matches(query, np.arange(3), collection, np.ones(N_WORDS, np.float32), within(0))
    scores = score_candidates(matches, query, collection.sizes[np.arange(3)], KernelSettings())
    assert scores[1] == pytest.approx(scores[0], rel=1e-5)
    assert scores[2] < scores[0] / 3


def test_correspondences_use_each_feature_once(
    query: QueryFeatures, collection: Collection
) -> None:
    positions = np.array([0, 3])
    idf = np.ones(N_WORDS, np.float32)
    matches = find_matches(query, positions, collection, idf, within(30))
    chosen = correspondences(matches, KernelSettings())
    assert (np.diff(chosen.group) >= 0).all()
    for group in (0, 1):
        mine = chosen.group == group
        assert mine.any()
        assert len(set(chosen.query[mine].tolist())) == mine.sum()
        assert len(set(chosen.candidate[mine].tolist())) == mine.sum()


def test_signatures_split_each_word_in_halves(rng: np.random.Generator) -> None:
    descriptors = rng.integers(0, 200, (4000, 128)).astype(np.uint8)
    vocabulary = Vocabulary(8, random_state=3).fit(descriptors)
    words = vocabulary.predict(descriptors)
    signatures = vocabulary.signatures(descriptors, words)
    bits = np.unpackbits(signatures.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    for word in range(8):
        assert np.abs(bits[words == word].mean(axis=0) - 0.5).max() < 0.02
    several = vocabulary.signatures(descriptors[:9], vocabulary.nearest(descriptors[:9], 2)[0])
    assert np.array_equal(several[:, 0], signatures[:9])
    noisy = np.clip(descriptors[:200].astype(int) + rng.integers(-5, 6, (200, 128)), 0, 255)
    near = vocabulary.signatures(noisy.astype(np.uint8), words[:200])
    assert np.median(hamming_distances(near, signatures[:200])) < 8
    assert np.median(hamming_distances(signatures[:200], signatures[200:400])) > 24


def test_thresholds_of_rare_words_are_their_centres() -> None:
    centers = np.array([[10] * 64, [60] * 64], np.uint8)
    embedding = HammingEmbedding.fit(centers[:0], np.zeros(0, int), centers)
    assert embedding.transform(centers, np.array([0, 1])).tolist() == [0, 0]


def test_expansion_brings_features_back_into_the_query() -> None:
    transform = np.array([[0, -2, 50.0], [2, 0, 10.0], [0, 0, 1]])  # turned by 90, twice as large
    query = QueryFeatures(
        np.array([[1, 2], [3, 4]], np.int32),
        np.zeros((2, 2), np.uint64),
        np.array([[0, 0, 2, 10], [100, 100, 2, 20]], np.float32),
        np.ones(2, np.float32),
        (101, 101),
    )
    inside, outside = transform @ [30, 40, 1], transform @ [130, 40, 1]
    answer = QueryFeatures(
        np.array([[7], [8]], np.int32),
        np.array([[5], [6]], np.uint64),
        np.array([[*inside[:2], 6, 100], [*outside[:2], 6, 100]], np.float32),
        np.ones(2, np.float32),
        (300, 300),
    )
    joined = enrich_query(query, [answer], [transform], 0.5)
    assert joined.words.tolist() == [[1, 2], [3, 4], [7, -1]]
    assert joined.weights.tolist() == [1, 1, 0.5]
    assert joined.keypoints[2] == pytest.approx([30, 40, 3, 10], abs=1e-4)


def test_hamming_expansion_needs_a_kernel() -> None:
    with pytest.raises(SettingsError, match="needs a match kernel"):
        Settings().changed(kernel={"method": "none"})


def test_what_repeats_in_a_query_is_thinned_evenly() -> None:
    keypoints = np.zeros((1, 4), np.float32)
    part = picture_words(np.array([5]), np.zeros(1, np.uint64), keypoints, (9, 9), N_WORDS)
    collection = Collection.of([make_segment([Record("a", "a", 9, 9, "")], [part], N_WORDS)])
    words = np.array([[5]] * 20 + [[3]] * 2, np.int32)
    query = QueryFeatures(
        words,
        np.zeros((22, 1), np.uint64),
        np.zeros((22, 4), np.float32),
        np.ones(22, np.float32),
        (9, 9),
    )
    idf = np.ones(N_WORDS, np.float32)
    for most, expected in ((30, 20), (20, 20), (10, 10), (7, 7), (1, 1)):
        found = find_matches(
            query, np.array([0]), collection, idf, KernelSettings(max_repeats=most)
        )
        assert len(found.query) == expected
        assert found.query[0] == 0
        gaps = np.diff(found.query)
        assert gaps.max(initial=0) - gaps.min(initial=3) <= 1


def test_matches_of_some_candidates(query: QueryFeatures, collection: Collection) -> None:
    idf = np.ones(N_WORDS, np.float32)
    positions = np.array([0, 2, 3, 5])
    every = find_matches(query, positions, collection, idf, within(24))
    some = of_candidates(every, positions, np.array([5, 2]))
    fresh = find_matches(query, np.array([5, 2]), collection, idf, within(24))
    pairs = [
        set(zip(m.query, m.feature, m.candidate, m.distance, strict=True)) for m in (some, fresh)
    ]
    assert pairs[0] == pairs[1] != set()


@pytest.mark.parametrize("settings", [{"sigma": 0.1}, {"size_exponent": 4}])
def test_extreme_settings_give_numbers(
    engine: bovw.Engine, pictures: list[Path], settings: dict[str, float]
) -> None:
    """What weighs next to nothing is divided by sums of such; whole numbers could overflow."""
    for answer in engine.changed(kernel=settings).search(pictures[0], None):
        assert np.isfinite(answer.score)


def test_groups_of_candidates_are_matched_as_all_together(
    query: QueryFeatures, collection: Collection
) -> None:
    idf = np.linspace(0.5, 2, N_WORDS).astype(np.float32)
    numbers = [np.array([0, 3, 4]), np.array([1, 2, 5])]
    parts = [find_matches(query, each, collection, idf, within(24)) for each in numbers]
    whole = find_matches(query, np.arange(6), collection, idf, within(24))
    for each in fields(KernelMatches):
        joined = getattr(join_matches(parts, numbers), each.name)
        assert np.array_equal(joined, getattr(whole, each.name)), each.name
