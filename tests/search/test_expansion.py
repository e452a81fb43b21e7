"""Query expansion by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bovw.embeddings import augment, discriminative_weights, expand_query, expansion_weights

QUERY = np.array([[1.0, 0, 0]], np.float32)
ANSWERS = np.array([[0.6, 0.8, 0], [0.0, 0.6, 0.8]], np.float32)
SIMILARITIES = np.array([0.6, 0.5], np.float32)


@pytest.mark.parametrize(
    ("by", "alpha", "weights"),
    [
        ("none", 1, [1, 1]),
        ("rank", 1, [1, 0.5]),
        ("rank", 2, [1, 0.25]),
        ("similarity", 1, [0.6, 0.5]),
        ("similarity", 3, [0.216, 0.125]),
        ("similarity", 0, [1, 1]),
    ],
)
def test_weights(by: str, alpha: float, weights: list[float]) -> None:
    assert expansion_weights(SIMILARITIES, by=by, alpha=alpha) == pytest.approx(weights)
    expected = QUERY + np.array([weights]) @ ANSWERS
    expected /= np.linalg.norm(expected)
    dense = expand_query(QUERY, ANSWERS, SIMILARITIES, by=by, alpha=alpha)
    assert np.allclose(dense, expected)
    rows = sparse.csr_matrix(QUERY), sparse.csr_matrix(ANSWERS)
    assert np.allclose(expand_query(*rows, SIMILARITIES, by=by, alpha=alpha).toarray(), expected)


def test_no_answers_leave_the_query() -> None:
    assert np.allclose(expand_query(QUERY, ANSWERS[:0], SIMILARITIES[:0]), QUERY)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_weights_of_a_support_vector_machine(as_sparse: bool) -> None:
    positives = np.array([[1.0, 0.2, 0], [0.9, 0.1, 0.1]], np.float32)
    negatives = np.array([[0.0, 0.2, 1], [0.1, 0.3, 0.9], [-9, 0, 0]], np.float32)
    examples = np.concatenate([positives, negatives])
    weights = (
        discriminative_weights(sparse.csr_matrix(positives), sparse.csr_matrix(negatives))
        if as_sparse
        else discriminative_weights(positives, negatives)
    )
    assert (weights[:2] >= 0).all() and (weights[2:] <= 0).all()
    assert weights[4] == 0  # far on the right side already
    scores = examples @ (weights @ examples)
    assert scores[:2].min() > scores[2:].max()


@pytest.mark.parametrize("as_sparse", [False, True])
def test_rows_are_augmented_by_their_neighbours(as_sparse: bool) -> None:
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    neighbours = np.array([[2, 1], [2, -1], [-1, -1]])
    similarities = np.array([[0.6, 0], [0.8, 0], [0, 0]])
    given = sparse.csr_matrix(rows) if as_sparse else rows
    found = augment(given, neighbours, similarities, by="rank")
    found = found.toarray() if as_sparse else found
    expected = np.array([[1.6, 0.8 + 0.5], [0.6, 1.8], [0.6, 0.8]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert found == pytest.approx(expected, abs=1e-6)
