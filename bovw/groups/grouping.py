"""From links between pictures to groups: connected components, cut where they hang by a thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components


def labels_of(
    n: int, ends: NDArray[np.integer], strength: NDArray[np.floating], strong: float
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Group pictures that links join, directly or through others, and cut threads.

    A thread is a link that no third picture confirms (none is linked with both of its ends),
    though both of its ends have other links, and that is not strong by itself. One wrong link
    would otherwise join two groups, and a few of them everything. A picture that hangs by its only
    link stays, since a second picture of a thing has no third one to confirm it.

    Bridges of the graph, which are the usual definition, would let two wrong links between two
    groups pass; and a wrong link seldom has a third picture that agrees with it.

    Parameters
    ----------
    n : int
        Number of pictures.
    ends : (m, 2) integer ndarray
        The two pictures of each link, which differ; each pair occurs once.
    strength : (m,) floating ndarray
    strong : float
        From this strength on a link needs no confirmation.

    Returns
    -------
    labels : (n,) int32 ndarray
        Number of the group of each picture; a picture without links is a group by itself.
    cut : (m,) bool ndarray
        Whether each link is a thread.
    """
    ones = np.ones(len(ends), np.int32)
    upper = sparse.csr_matrix((ones, (ends[:, 0], ends[:, 1])), shape=(n, n))
    linked = upper + upper.T
    degree = np.asarray(linked.sum(axis=1)).ravel()
    confirmed = _shared(linked, ends) > 0
    busy = (degree[ends] > 1).all(axis=1)
    cut = np.asarray(busy & ~confirmed & (strength < strong), np.bool_)
    kept = ends[~cut]
    left = sparse.csr_matrix((ones[~cut], (kept[:, 0], kept[:, 1])), shape=(n, n))
    _, labels = connected_components(left, directed=False)
    return np.asarray(labels, np.int32), cut


def _shared(linked: sparse.csr_matrix, ends: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many third pictures are linked with both ends of each link ``(m,)``."""
    found = np.zeros(len(ends), np.int64)
    at_once = 100_000  # rows of the matrix in memory
    for start in range(0, len(ends), at_once):
        part = slice(start, start + at_once)
        both = linked[ends[part, 0]].multiply(linked[ends[part, 1]])
        found[part] = np.asarray(both.sum(axis=1)).ravel()
    return found
