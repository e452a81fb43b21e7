"""Lloyd's algorithm for very many centres, with an approximate assignment.

Philbin, Chum, Isard, Sivic & Zisserman, "Object retrieval with large vocabularies and fast spatial
matching" (CVPR 2007) assign by trees. Here the centres are divided into cells, and a descriptor is
compared with the centres of the nearest cells, as in the inverted files of Jegou, Douze & Schmid,
"Product quantization for nearest neighbor search" (PAMI 2011).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..parallel import limited_threads, progress_bar, thread_count
from .clustering import minibatch_kmeans, nearest_exactly

# With 8,192 words, 8 of 91 cells find the nearest centre of 95 % of the descriptors, and one almost
# as near of the others.
_PROBES = 8
# Distances between descriptors and cells that are computed together: a gigabyte for all that is
# made of them.
_AT_ONCE = 1 << 26


class Cells:
    """Centres, divided into about as many cells as each has centres.

    Parameters
    ----------
    centers : (k, d) float32 ndarray
        With values from 0 to 255.
    seed : int
    """

    def __init__(self, centers: NDArray[np.float32], seed: int) -> None:
        self.centers = centers
        n_cells = max(1, round(np.sqrt(len(centers))))
        rounded = np.rint(centers).astype(np.uint8)
        self.tops = minibatch_kmeans(rounded, n_cells, seed)
        self._norms = np.einsum("ij,ij->i", self.tops, self.tops)
        cell = nearest_exactly(rounded, self.tops, 1)[0][:, 0]
        order = np.argsort(cell, kind="stable")
        bounds = np.searchsorted(cell[order], np.arange(n_cells + 1))
        self.members = [order[a:b] for a, b in pairwise(bounds.tolist())]

    def assign(
        self, descriptors: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the nearest centre of each descriptor, and the squared distance.

        Parameters
        ----------
        descriptors : (n, d) uint8 ndarray

        Returns
        -------
        words : (n,) int32 ndarray
        distances : (n,) float32 ndarray
        """
        values = descriptors.astype(np.float32)
        n_probes = min(_PROBES, len(self.tops))
        squared = self._norms - 2 * (values @ self.tops.T)
        probes = np.argpartition(squared, n_probes - 1, axis=1)[:, :n_probes]
        order = np.argsort(probes, axis=None, kind="stable")
        bounds = np.searchsorted(probes.ravel()[order], np.arange(len(self.tops) + 1))
        words = np.zeros(len(values), np.int32)
        distances = np.full(len(values), np.inf, np.float32)
        for cell, members in enumerate(self.members):
            rows = order[bounds[cell] : bounds[cell + 1]] // n_probes
            if len(rows) == 0 or len(members) == 0:
                continue
            near, found = nearest_exactly(descriptors[rows], self.centers[members], 1)
            better = found[:, 0] < distances[rows]
            words[rows[better]] = members[near[better, 0]]
            distances[rows[better]] = found[better, 0]
        return words, distances


def refined(
    descriptors: NDArray[np.uint8],
    centers: NDArray[np.float32],
    seed: int,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> NDArray[np.float32]:
    """Move each centre ``(k, d)`` to the mean of its descriptors; one without any stays."""
    cells = Cells(centers, seed)
    sums = np.zeros_like(centers)
    counts = np.zeros(len(centers), np.int64)
    for part, words in assigned(cells, descriptors, n_jobs, "refining" if progress else None):
        order = np.argsort(words, kind="stable")
        found, starts = np.unique(words[order], return_index=True)
        values = descriptors[part][order].astype(np.float32)
        sums[found] += np.add.reduceat(values, starts, axis=0)
        counts += np.bincount(words, minlength=len(centers))
    filled = counts > 0
    moved = centers.copy()
    moved[filled] = sums[filled] / counts[filled, None].astype(np.float32)
    return moved


def assigned(
    cells: Cells,
    descriptors: NDArray[np.uint8],
    n_jobs: int | None = None,
    description: str | None = None,
) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """Yield parts of the descriptors, and their words."""
    at_once = max(1, _AT_ONCE // len(cells.tops))
    starts = range(0, len(descriptors), at_once)
    walked = starts if description is None else progress_bar(starts, description, unit="part")
    for start in walked:
        part = slice(start, start + at_once)
        with limited_threads(thread_count(n_jobs)):
            words = cells.assign(np.asarray(descriptors[part]))[0]
        yield part, words
