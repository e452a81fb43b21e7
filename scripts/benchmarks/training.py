#!/usr/bin/env python3
"""What it takes to train a large vocabulary, and how near it comes to k-means.

    python scripts/benchmarks/training.py --words 65536 --descriptors 5000000 [--json FILE]
    python scripts/benchmarks/training.py --compare 8192

Descriptors are those of the pictures of the benchmarks, as a stream of pictures; where more are
asked for than these have, each picture comes again with noise. ``--compare K`` trains K words on 76
descriptors for each, by us and by faiss (`pip install 'bovw[faiss]'`; 20 iterations, as many
threads), and compares the mean squared distance of other descriptors to their nearest word.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, FOLDERS, Memory, machine_and_versions, options_parser, write
from numpy.typing import NDArray

import bovw
from bovw.features import Features, SiftExtractor, extract_files
from bovw.parallel import limited_threads, worker_count
from bovw.pictures import find_pictures
from bovw.vocabulary import Vocabulary, train_on_features
from bovw.vocabulary.clustering import nearest_exactly

PER_WORD = 76  # 5 million descriptors for 65,536 words
ITERATIONS = 20


def stream(settings: bovw.Settings, wanted: int, options: Any) -> Iterator[Features]:
    """Yield the features of pictures until there are enough descriptors."""
    files = find_pictures([DATA / name for name in FOLDERS], root=DATA)
    rng = np.random.default_rng(0)
    seen = turn = 0
    while seen < wanted:
        for _, found in extract_files(files, settings, cache=options.cache, n_jobs=options.jobs):
            if not isinstance(found, Features):
                continue
            values = found.descriptors[: wanted - seen]
            if turn:
                noise = rng.normal(0, 8, values.shape)
                values = np.clip(np.rint(values + noise), 0, 255).astype(np.uint8)
            seen += len(values)
            points = found.keypoints[: len(values)]
            yield Features(points, values, found.size, f"{found.sha256}-{turn}")
            if seen == wanted:
                return
        turn += 1


def trained(options: Any) -> dict[str, Any]:
    """Train on a stream, with a sample of all its descriptors."""
    per_word = max(3, options.descriptors // options.words)
    settings = bovw.Settings().changed(
        vocabulary={"n_words": options.words, "samples_per_word": per_word}
    )
    description = SiftExtractor(settings.features).description()
    memory, begun = Memory(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = train_on_features(
            stream(settings, options.descriptors, options),
            settings,
            description,
            cache=folder,
            n_jobs=options.jobs,
            progress=True,
        )
        vocabulary.save_graph(Path(folder, "graph"))
    return {
        "n_words": vocabulary.n_words_,
        "n_descriptors": options.descriptors,
        "minutes": (time.perf_counter() - begun) / 60,
        "own_memory_mb": memory.end(),
        **vocabulary.facts(),
    }


def compared(options: Any) -> dict[str, Any]:
    """Train with faiss, too, and compare the errors."""
    import faiss

    n = PER_WORD * options.compare
    parts = [f.descriptors for f in stream(bovw.Settings(), 2 * n, options)]
    values = np.concatenate(parts)
    values = values[np.random.default_rng(1).permutation(len(values))]
    given, others = values[:n], values[n : n + 50_000]

    def error(centers: NDArray[np.floating]) -> float:
        return float(nearest_exactly(others, centers.astype(np.float32), 1)[1].mean())

    found: dict[str, Any] = {"n_words": options.compare, "n_descriptors": n}
    from bovw.vocabulary import vocabulary as ours

    for name, least in (("two levels", 1 << 30), ("refined", 0)):
        ours._REFINED_FROM = least
        begun = time.perf_counter()
        made = Vocabulary(options.compare, two_level=True, n_jobs=options.jobs).fit(given)
        found[name] = {"error": error(made.centers_), "seconds": time.perf_counter() - begun}
    faiss.omp_set_num_threads(worker_count(options.jobs))
    with limited_threads(worker_count(options.jobs)):
        begun = time.perf_counter()
        kmeans = faiss.Kmeans(
            given.shape[1], options.compare, niter=ITERATIONS, seed=1, max_points_per_centroid=1000
        )
        kmeans.train(given.astype(np.float32))
    rounded = np.clip(np.rint(kmeans.centroids), 0, 255)
    found["faiss"] = {"error": error(rounded), "seconds": time.perf_counter() - begun}
    for name in ("two levels", "refined"):
        found[name]["error_to_faiss"] = found[name]["error"] / found["faiss"]["error"]
        found[name]["time_to_faiss"] = found[name]["seconds"] / found["faiss"]["seconds"]
    return found


def main() -> int:
    """Measure and print."""
    parser = options_parser(__doc__, "cache", "jobs")
    parser.add_argument("--words", type=int, default=65_536)
    parser.add_argument("--descriptors", type=int, default=5_000_000)
    parser.add_argument("--compare", type=int, metavar="K", help="compare with faiss instead")
    options = parser.parse_args()
    found = compared(options) if options.compare else trained(options)
    for name, value in found.items():
        print(f"{name}: {value}")
    write(options.json, found, machine_and_versions())
    return 0


if __name__ == "__main__":
    sys.exit(main())
