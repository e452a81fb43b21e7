"""TF-IDF: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from bovw.errors import NotFittedError, SettingsError
from bovw.vocabulary import TfidfWeighting, center_weights, word_counts

COUNTS = sparse.csr_matrix(np.array([[3, 1, 0, 0], [1, 0, 4, 0], [2, 0, 0, 0]], np.float32))


def test_word_counts() -> None:
    words = np.array([0, 0, 2, 1, 1, 1, 3], np.uint16)
    counts = word_counts(words, np.array([0, 3, 3, 7, 7]), 5).toarray()
    expected = [[2, 0, 1, 0, 0], [0] * 5, [0, 3, 0, 1, 0], [0] * 5]
    assert counts.tolist() == expected


def test_word_counts_of_neighbours_with_one_word() -> None:
    counts = word_counts(np.array([1, 1, 1, 1]), np.array([0, 2, 4]), 2).toarray()
    assert counts.tolist() == [[0, 2], [0, 2]]


def test_word_counts_of_nothing() -> None:
    assert word_counts(np.zeros(0, np.uint16), np.array([0, 0]), 3).toarray().tolist() == [[0] * 3]


@pytest.mark.parametrize(
    ("tf", "value"), [("raw", 3.0), ("sqrt", 3**0.5), ("log", 1 + np.log(3)), ("binary", 1.0)]
)
def test_term_frequencies(tf: str, value: float) -> None:
    rows = TfidfWeighting(tf=tf, idf="none", norm="none").fit_transform(COUNTS)
    assert rows[0, 0] == pytest.approx(value)


@pytest.mark.parametrize(
    ("idf", "values"),
    [
        ("plain", [0.0, np.log(3), np.log(3), 0.0]),
        ("smooth", [0.0, np.log(2), np.log(2), np.log(4)]),
        ("sklearn", [1.0, 1 + np.log(2), 1 + np.log(2), 1 + np.log(4)]),
        ("none", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_inverse_document_frequencies(idf: str, values: list[float]) -> None:
    assert TfidfWeighting(idf=idf).fit(COUNTS).idf_.tolist() == pytest.approx(values)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("log", [False, True])
def test_agrees_with_scikit_learn(norm: str, log: bool) -> None:
    ours = TfidfWeighting(tf="log" if log else "raw", idf="sklearn", norm=norm)
    theirs = TfidfTransformer(norm=norm, sublinear_tf=log)
    difference = ours.fit_transform(COUNTS) - theirs.fit_transform(COUNTS)
    assert abs(difference).max() < 1e-6


def test_stop_words_are_the_most_frequent() -> None:
    weighting = TfidfWeighting(idf="none", stop_words=2).fit(COUNTS)
    assert weighting.stop_words_.tolist() == [0, 1]
    assert weighting.transform(COUNTS).toarray()[0].tolist() == [0, 0, 0, 0]


def test_frequencies_counted_elsewhere() -> None:
    fitted = TfidfWeighting().fit_frequencies(np.array([3, 1, 1, 0]), 3)
    assert np.array_equal(fitted.idf_, TfidfWeighting().fit(COUNTS).idf_)


def test_errors() -> None:
    with pytest.raises(NotFittedError):
        TfidfWeighting().transform(COUNTS)
    with pytest.raises(SettingsError, match="expecting 4"):
        TfidfWeighting().fit(COUNTS).transform(COUNTS[:, :3])
    for parameters in ({"tf": "x"}, {"idf": "x"}, {"norm": "x"}):
        with pytest.raises(SettingsError, match="'x'"):
            TfidfWeighting(**parameters).fit_transform(COUNTS)


def test_the_middle_counts_most() -> None:
    points = np.array([[49.5, 24.5], [99.5, 24.5], [49.5, -0.5], [-0.5, -0.5]], np.float32)
    expected = np.exp([0, -2, -2, -4])  # half a side is two standard deviations
    assert center_weights(points, (100, 50), 0.5) == pytest.approx(expected)
    assert center_weights(points, (100, 50), 0).tolist() == [1] * 4
