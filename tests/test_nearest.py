"""Nearest neighbours do not depend on where things lie in memory."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bovw.nearest import NearestNeighbours


def test_equally_near_rows_are_ordered_by_number() -> None:
    few = np.random.default_rng(0).integers(0, 2, (400, 4)).astype(np.uint8)  # many are equal
    rows = np.concatenate([few[:16], 200 - few[:16]])
    neighbours, distances = NearestNeighbours(rows).search(rows, len(rows))
    same = np.diff(distances, axis=1) == 0
    assert same.any()
    assert (np.diff(neighbours, axis=1)[same] > 0).all()


def test_missing_neighbours_are_padded_at_the_end() -> None:
    rows = np.eye(6, dtype=np.float32)
    found = NearestNeighbours(sparse.csr_matrix(rows), method="simple_invindx", space="dot")
    neighbours, products = found.search(sparse.csr_matrix(rows[:2]), 3)
    assert neighbours[:, 0].tolist() == [0, 1]
    assert products[:, 0].tolist() == [1, 1]
    assert set(products[neighbours == -1]) <= {-np.inf}
