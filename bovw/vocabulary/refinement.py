"""Lloyd's algorithm for very many centres, with an approximate assignment.

Philbin, Chum, Isard, Sivic & Zisserman, "Object retrieval with large vocabularies and fast spatial
matching" (CVPR 2007) assign by trees. Here the centres are divided into cells, and a descriptor is
compared with the centres of the nearest cells, as in the inverted files of Jegou, Douze & Schmid,
"Product quantization for nearest neighbor search" (PAMI 2011).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..parallel import limited_threads, progress_bar, thread_count
from .clustering import minibatch_kmeans, nearest_exactly

# With 8,192 words, 8 of 91 cells find the nearest centre of 95 % of the descriptors, and one almost
# as near of the others.
_PROBES = 8
# Distances between descriptors and cells that a thread computes together; what is made of them
# takes half a gigabyte.
_AT_ONCE = 1 << 25


class Cells:
    """Centres, divided into about as many cells as each has centres.

    Parameters
    ----------
    centers : (k, d) float32 ndarray
        With values from 0 to 255.
    seed : int
    """

    def __init__(self, centers: NDArray[np.float32], seed: int) -> None:
        n_cells = max(1, round(np.sqrt(len(centers))))
        rounded = np.rint(centers).astype(np.uint8)
        tops = minibatch_kmeans(rounded, n_cells, seed)
        cell = nearest_exactly(rounded, tops, 1)[0][:, 0]
        order = np.argsort(cell, kind="stable")
        bounds = np.searchsorted(cell[order], np.arange(n_cells + 1))
        self.members = [order[a:b] for a, b in pairwise(bounds.tolist())]
        self._tops, ordered = _table(tops), _table(centers)[order]
        self._tables = [ordered[a:b] for a, b in pairwise(bounds.tolist())]

    def __len__(self) -> int:
        return len(self.members)

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
        values = np.ones((len(descriptors), descriptors.shape[1] + 1), np.float32)
        values[:, :-1] = descriptors
        n_probes = min(_PROBES, len(self))
        squared = values @ self._tops.T
        probes = np.argpartition(squared, n_probes - 1, axis=1)[:, :n_probes].astype(np.int32)
        order = np.argsort(probes, axis=None, kind="stable")
        bounds = np.searchsorted(probes.ravel()[order], np.arange(len(self) + 1))
        words = np.zeros(len(values), np.int32)
        distances = np.full(len(values), np.inf, np.float32)
        for cell, members in enumerate(self.members):
            rows = order[bounds[cell] : bounds[cell + 1]] // n_probes
            if len(rows) == 0 or len(members) == 0:
                continue
            squared = values[rows] @ self._tables[cell].T
            near = squared.argmin(axis=1)
            found = squared[np.arange(len(rows)), near]
            better = found < distances[rows]
            words[rows[better]] = members[near[better]]
            distances[rows[better]] = found[better]
        return words, distances + np.einsum("ij,ij->i", values, values) - 1


def _table(centers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make the columns whose product with ``(descriptor, 1)`` is the squared distance, less the
    square of the descriptor."""
    norms = np.einsum("ij,ij->i", centers, centers)
    return np.column_stack([-2 * centers, norms])


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
    at_once = max(1, _AT_ONCE // len(cells))
    parts = [slice(start, start + at_once) for start in range(0, len(descriptors), at_once)]

    def words_of(part: slice) -> NDArray[np.int32]:
        with limited_threads(1):  # products take half of the time, and only they use more
            return cells.assign(np.asarray(descriptors[part]))[0]

    n_threads = min(thread_count(n_jobs), len(parts))
    walked = parts if description is None else progress_bar(parts, description, unit="part")
    with closing(_in_threads(words_of, parts, n_threads)) as found:
        yield from zip(walked, found, strict=True)


def _in_threads(
    function: Callable[[slice], NDArray[np.int32]], parts: Sequence[slice], n_threads: int
) -> Generator[NDArray[np.int32], None, None]:
    """Yield the results in order; each thread works on one part ahead at most."""
    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        waiting = deque(pool.submit(function, part) for part in parts[:n_threads])
        for part in [*parts[n_threads:], *[None] * n_threads]:
            done = waiting.popleft().result()
            if part is not None:
                waiting.append(pool.submit(function, part))
            yield done
