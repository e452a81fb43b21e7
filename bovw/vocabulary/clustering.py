"""k-means over descriptors, in one level or two, and exact search for the nearest centres."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..parallel import limited_threads, ordered_map, progress_bar, thread_count
from .checkpoints import Checkpoints

_EPOCHS = 4
_BATCH = 16_384


def minibatch_kmeans(
    descriptors: NDArray[np.uint8], k: int, seed: int, *, progress: bool = False
) -> NDArray[np.float32]:
    """Train `MiniBatchKMeans` and return the (k, d) float32 centres.

    Batches are converted to float32 one at a time, to save memory.

    The initial centres are random descriptors. k-means++ would cost as much as the whole training
    when `k` is large, and gains nothing there (measured; Philbin et al. 2007 use random centres,
    too). Centres with few descriptors are not moved elsewhere (``reassignment_ratio=0``), as in
    the textbook algorithm.
    """
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(seed)
    first = np.sort(rng.choice(len(descriptors), k, replace=False))
    model = MiniBatchKMeans(
        n_clusters=k,
        init=descriptors[first].astype(np.float32),
        n_init=1,
        batch_size=_BATCH,
        init_size=3 * k,
        reassignment_ratio=0,
        compute_labels=False,
        random_state=seed,
    )
    batches: Iterable[NDArray[np.intp]] = list(_batches(len(descriptors), k, rng))
    if progress:
        batches = progress_bar(batches, "clustering", unit="batch")
    for batch in batches:
        model.partial_fit(descriptors[batch].astype(np.float32))
    return np.asarray(model.cluster_centers_, np.float32)


def two_levels(
    descriptors: NDArray[np.uint8],
    k: int,
    seed: int,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
    checkpoints: Checkpoints | None = None,
) -> NDArray[np.float32]:
    """Cluster coarsely first, then cluster each of the clusters by itself.

    The `k` centres are divided among the first clusters in proportion to their number of
    descriptors. Returns all centres, (k, d) float32. What `checkpoints` have is not computed again.
    """
    kept = checkpoints or Checkpoints()
    n_top = max(1, round(np.sqrt(k)))
    top = kept.load("top")
    if top is None:
        # A sample is enough for the first level.
        rng = np.random.default_rng(seed)
        size = min(len(descriptors), max(500 * n_top, 200_000))
        sample = descriptors[np.sort(rng.choice(len(descriptors), size, replace=False))]
        top = minibatch_kmeans(sample, n_top, seed)
        kept.save("top", top)
    with limited_threads(thread_count(n_jobs)):
        cluster = nearest_exactly(descriptors, top, 1)[0][:, 0]
    order = np.argsort(cluster, kind="stable")
    sizes = np.bincount(cluster, minlength=len(top))
    parts = np.split(order, np.cumsum(sizes)[:-1])
    shares = _apportion(sizes, k).tolist()
    found = {i: kept.load(f"part-{i:05}") for i, share in enumerate(shares) if share}
    missing = [i for i, centers in found.items() if centers is None]
    made = ordered_map(
        partial(_cluster_part, descriptors),
        [(parts[i], shares[i], seed + 1 + i) for i in missing],
        n_jobs=n_jobs,
        description="clustering" if progress else None,
        unit="cluster",
    )
    with closing(made):
        for i, centers in zip(missing, made, strict=True):
            kept.save(f"part-{i:05}", centers)
            found[i] = centers
    return np.concatenate([centers for centers in found.values() if centers is not None])


def nearest_exactly(
    descriptors: NDArray[np.uint8], centers: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the `k` nearest centres and their squared distances, by comparing with all centres.

    Of centres at equal distances the one with the smaller number comes first.
    """
    k = min(k, len(centers))
    norms = np.einsum("ij,ij->i", centers, centers)
    words = np.empty((len(descriptors), k), np.int32)
    distances = np.empty((len(descriptors), k), np.float32)
    block = max(1, 16_000_000 // len(centers))
    for start in range(0, len(descriptors), block):
        part = descriptors[start : start + block].astype(np.float32)
        squared = norms - 2 * (part @ centers.T)
        if k == 1:
            near = squared.argmin(axis=1)[:, None]
        else:
            near = np.argsort(squared, axis=1, kind="stable")[:, :k]
        words[start : start + block] = near
        distances[start : start + block] = (
            np.take_along_axis(squared, near, axis=1) + np.einsum("ij,ij->i", part, part)[:, None]
        )
    return words, distances


def _batches(n: int, k: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield, for each epoch, a random partition of ``range(n)`` into parts of at least `k`."""
    n_parts = max(1, n // max(_BATCH, k))
    for _ in range(_EPOCHS):
        yield from np.array_split(rng.permutation(n), n_parts)


def _cluster_part(
    descriptors: NDArray[np.uint8], task: tuple[NDArray[np.intp], int, int]
) -> NDArray[np.float32]:
    rows, k, seed = task
    return minibatch_kmeans(descriptors[rows], k, seed)


def _apportion(sizes: NDArray[np.integer], total: int) -> NDArray[np.int64]:
    """Divide `total` in proportion to `sizes` (largest remainder), no share above its size."""
    exact = sizes * (total / sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(shares - exact, kind="stable")
    shares[by_remainder[: total - int(shares.sum())]] += 1
    return np.asarray(shares, np.int64)
