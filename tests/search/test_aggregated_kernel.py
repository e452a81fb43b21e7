"""The aggregated kernel."""

from __future__ import annotations

import numpy as np
import pytest

from bovw.collection import Collection, make_segment, picture_words
from bovw.pictures import Record
from bovw.search import QueryFeatures
from bovw.search.histograms import picture_lengths
from bovw.search.kernels.aggregated import Aggregated, aggregate_query, score_aggregated
from bovw.settings import KernelSettings
from bovw.vocabulary import TfidfWeighting, aggregate

ALL = np.uint64(2**64 - 1)


def test_most_bits_win() -> None:
    keys = np.array([3, 3, 3, 5, 8, 8])
    signatures = np.array([0b110, 0b100, 0b011, 7, 0b1100, 0b1010], np.uint64)
    starts, joined = aggregate(keys, signatures)
    assert starts.tolist() == [0, 3, 4]
    assert joined.tolist() == [0b110, 7, 0b1110]  # half of the bits is enough


def test_nothing_to_join() -> None:
    starts, joined = aggregate(np.zeros(0, int), np.zeros(0, np.uint64))
    assert len(starts) == len(joined) == 0


def test_the_words_of_a_query_are_joined() -> None:
    query = QueryFeatures(
        np.array([[4, 2], [2, -1]], np.int32),
        np.array([[1, 3], [3, 0]], np.uint64),
        np.zeros((2, 4), np.float32),
        np.array([1, 0.5], np.float32),
        (10, 10),
    )
    joined = aggregate_query(query)
    assert joined.words.tolist() == [[2], [4]]
    assert joined.signatures.tolist() == [[3], [1]]
    assert joined.weights.tolist() == [0.75, 1]


def test_scores_by_hand() -> None:
    keypoints = np.zeros((3, 4), np.float32)
    first = picture_words(
        np.array([0, 0, 1]), np.array([ALL, ALL, 0], np.uint64), keypoints, (9, 9), 3
    )
    second = picture_words(
        np.array([1, 2]), np.array([255, 0], np.uint64), keypoints[:2], (9, 9), 3
    )
    empty = picture_words(np.zeros(0, int), np.zeros(0, np.uint64), keypoints[:0], (9, 9), 3)
    records = [Record(name, name, 9, 9, "") for name in "abc"]
    collection = Collection.of([make_segment(records, [first, second, empty], 3)])
    idf = np.array([2.0, 1.0, 1.0], np.float32)
    weighting = TfidfWeighting()
    weighting.idf_ = idf
    (segment,) = collection.segments
    aggregated = Aggregated.of(collection, picture_lengths(segment.views, 3, weighting)[:, 1])
    words, signatures, first = aggregated.features(np.arange(3))
    assert words[first].tolist() == [0, 1, 1, 2]
    assert signatures[first].tolist() == [ALL, 0, 255, 0]
    assert aggregated.norms[:2] == pytest.approx([5**0.5, 2**0.5])
    query = QueryFeatures(
        np.array([[0], [1]], np.int32),
        np.array([[ALL], [0]], np.uint64),
        np.zeros((2, 4), np.float32),
        np.ones(2, np.float32),
        (9, 9),
    )
    scores = score_aggregated(
        query, np.array([1, 0, 2]), aggregated, idf, KernelSettings(selectivity=2)
    )
    # Word 1 of the second picture differs in 8 of 64 bits: 1 - 8 / 32, squared.
    assert scores == pytest.approx([0.75**2 / 2**0.5, 5 / 5**0.5, 0])
