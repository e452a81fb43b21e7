"""Query expansion by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bovw.expansion import expand_query, expansion_weights

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
