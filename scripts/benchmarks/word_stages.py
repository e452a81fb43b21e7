"""The stages of stages.py that have to do with words: clustering and assignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
from common import DATA, FOLDERS
from contest import Contestant, Figure, Run, contest, say, threads_text, timed
from numpy.typing import NDArray

import bovw
from bovw.features import Features, extract_files
from bovw.parallel import limited_threads, worker_count
from bovw.pictures import PictureFile, find_pictures
from bovw.vocabulary import Vocabulary
from bovw.vocabulary.clustering import nearest_exactly

SECONDS = Figure("seconds", "seconds")
ERROR = Figure("error", "mean squared error", digits=0)
MICROSECONDS = Figure("microseconds", "microseconds a descriptor", digits=2)
EXACT = Figure("exact", "share of exact nearest words", more_is_better=True, digits=3)

PER_WORD = 50  # training descriptors, as bovw takes by default
HELD_OUT = 50_000
LINKS, CONSTRUCTION, BREADTH = 16, 200, 32  # of all graphs of words, as bovw sets them


def spread(folders: Sequence[str] = FOLDERS) -> list[PictureFile]:
    """All pictures of some folders of the data, in an order that mixes the folders."""
    files = find_pictures([DATA / name for name in folders], root=DATA)
    return [files[i] for i in np.random.default_rng(0).permutation(len(files))]


def sample(files: Sequence[PictureFile], n: int, options: Any) -> NDArray[np.uint8]:
    """Draw `n` descriptors from the first of these pictures that have enough."""
    parts: list[NDArray[np.uint8]] = []
    seen = 0
    found = extract_files(
        files, bovw.Settings(), cache=options.cache, n_jobs=options.jobs, description="features"
    )
    with closing(found):
        for _, features in found:
            if isinstance(features, Features):
                parts.append(features.descriptors)
                seen += len(features)
            if seen >= n:
                break
    if seen < n:
        raise SystemExit(f"{seen} descriptors in {len(files)} pictures, but {n} are needed")
    chosen = np.random.default_rng(1).permutation(seen)[:n]
    return np.concatenate(parts)[chosen]


# Clustering


def clustering(options: Any) -> list[dict[str, Any]]:
    """Train words, and look how near they come to descriptors of other pictures."""
    k, n = options.words, options.words * PER_WORD
    files = spread()
    held = len(files) // 10
    say(f"clustering: taking {n} descriptors, and others that are held out")
    given = sample(files[held:], n, options)
    others = sample(files[:held], min(HELD_OUT, n), options)
    floats = given.astype(np.float32)
    threads = worker_count(options.jobs)

    def ours() -> NDArray[Any]:
        return np.asarray(Vocabulary(k, n_jobs=options.jobs).fit(given).centers_)

    def scikit_learn() -> NDArray[Any]:
        from sklearn.cluster import MiniBatchKMeans

        model = MiniBatchKMeans(k, batch_size=max(1024, k), n_init=1, random_state=0)
        return np.asarray(model.fit(floats).cluster_centers_)

    def faiss_kmeans() -> NDArray[Any]:
        import faiss

        faiss.omp_set_num_threads(threads)
        kmeans = faiss.Kmeans(floats.shape[1], k, seed=1)
        kmeans.train(floats)
        return np.asarray(kmeans.centroids)

    def trained(train: Callable[[], NDArray[Any]]) -> dict[str, float]:
        with limited_threads(threads):
            seconds, centers = timed(train)
            error = nearest_exactly(others, centers.astype(np.float32), 1)[1].mean()
        return {"seconds": seconds, "error": float(error)}

    table = contest(
        "clustering",
        [
            Contestant(
                "bovw",
                "`Vocabulary.fit`: k-means (in two levels from 4,096 words on), centres rounded to "
                "bytes, graph to find words, thresholds of the signatures.",
                lambda: partial(trained, ours),
            ),
            Contestant(
                "scikit-learn MiniBatchKMeans",
                "one k-means++ start, batches of as many descriptors as words, otherwise its "
                "defaults.",
                lambda: partial(trained, scikit_learn),
            ),
            Contestant(
                "faiss Kmeans",
                "its defaults: random start, 25 iterations over all descriptors.",
                lambda: partial(trained, faiss_kmeans),
                "faiss",
                "faiss-cpu",
            ),
        ],
        [SECONDS, ERROR],
        options.runs,
        f"{k:,} words from {n:,} descriptors; the error is the mean squared distance of "
        f"{len(others):,} descriptors of other pictures to their nearest word; "
        f"{threads_text(threads)}.",
    )
    return [table]


# Assignment


def _faiss(index: Any, centers: NDArray[np.float32]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    import faiss

    faiss.omp_set_num_threads(1)
    index.add(centers)
    return lambda descriptors: np.asarray(index.search(descriptors, 1)[1][:, 0])


def _flat(centers: NDArray[np.float32]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    import faiss

    return _faiss(faiss.IndexFlatL2(centers.shape[1]), centers)


def _faiss_graph(centers: NDArray[np.float32]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    import faiss

    index = faiss.IndexHNSWFlat(centers.shape[1], LINKS)
    index.hnsw.efConstruction, index.hnsw.efSearch = CONSTRUCTION, BREADTH
    return _faiss(index, centers)


def _hnswlib(centers: NDArray[np.float32]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    import hnswlib

    index = hnswlib.Index("l2", centers.shape[1])
    index.init_index(len(centers), M=LINKS, ef_construction=CONSTRUCTION, random_seed=0)
    index.set_num_threads(1)
    index.add_items(centers)
    index.set_ef(BREADTH)
    return lambda descriptors: np.asarray(index.knn_query(descriptors, 1)[0][:, 0], np.int64)


def _voyager(centers: NDArray[np.float32]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    from voyager import Index, Space

    index = Index(Space.Euclidean, centers.shape[1], LINKS, CONSTRUCTION, random_seed=0)
    index.add_items(centers, num_threads=1)
    return lambda descriptors: np.asarray(
        index.query(descriptors, 1, num_threads=1, query_ef=BREADTH)[0][:, 0], np.int64
    )


def assignment(options: Any) -> list[dict[str, Any]]:
    """Find the nearest word of each descriptor, by different indexes of the same words."""
    vocabulary = bovw.Engine.open(options.index, n_jobs=1).vocabulary
    bytes_ = sample(spread(), options.descriptors, options)
    floats, centers = bytes_.astype(np.float32), vocabulary.centers_.astype(np.float32)
    least = nearest_exactly(bytes_, centers, 1)[1][:, 0]

    def found(
        find: Callable[[NDArray[Any]], NDArray[Any]], values: NDArray[Any]
    ) -> dict[str, float]:
        with limited_threads(1):
            seconds, words = timed(lambda: find(values))
        # Of several words at the same distance each is right: distances are whole numbers.
        distances = np.square(floats - centers[words]).sum(axis=1)
        right = (words >= 0) & (distances <= least)
        return {"microseconds": seconds / len(values) * 1e6, "exact": float(right.mean())}

    def ours() -> Run:
        def find(values: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(vocabulary.nearest(values, 1, n_threads=1)[0][:, 0])

        find(bytes_[:1])  # builds or loads the graph
        return partial(found, find, bytes_)

    def of(make: Callable[[NDArray[np.float32]], Any]) -> Callable[[], Run]:
        return lambda: partial(found, make(centers), floats)

    graph = f"{LINKS} links, breadth {CONSTRUCTION} to build and {BREADTH} to search"
    table = contest(
        "assignment",
        [
            Contestant("bovw", f"`Vocabulary.nearest`: nmslib's graph over bytes ({graph}).", ours),
            Contestant(
                "faiss flat",
                "compares with all words: exact but for rounding.",
                of(_flat),
                "faiss",
                "faiss-cpu",
            ),
            Contestant(
                "faiss HNSW", f"its graph ({graph}).", of(_faiss_graph), "faiss", "faiss-cpu"
            ),
            Contestant("hnswlib", f"its graph ({graph}).", of(_hnswlib), "hnswlib", "hnswlib"),
            Contestant("voyager", f"its graph ({graph}).", of(_voyager), "voyager", "voyager"),
        ],
        [MICROSECONDS, EXACT],
        options.runs,
        f"{len(floats):,} descriptors, {len(centers):,} words; one thread; building the graphs is "
        "not counted.",
    )
    return [table]
