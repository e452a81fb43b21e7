#!/usr/bin/env python3
"""Others on the same pictures: ASMK* by the package `asmk`.

    python scripts/benchmarks/other_tools.py [--sets NAME...] [--every N] [--json FILE]

Needs `pip install bovw[benchmark]`. `BOVW_DATA` names the folder with the data (default:
../shared/data). `asmk` gets the descriptors and the words of `quality.py`, and five
words for each feature of a query, as its authors take. Embeddings: scripts/compare_neural.py.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    DATA,
    Benchmark,
    Workshop,
    conditions,
    evaluated,
    figures,
    load_truth,
    n_s_text,
    options_parser,
    write,
)
from numpy.typing import NDArray

import bovw
from bovw.features import FeatureCache, Features, extract_query

_PARAMETERS = {
    "index": {"gpu_id": None},
    "build_ivf": {
        "kernel": {"binary": True},
        "ivf": {"use_idf": True},
        "quantize": {"multiple_assignment": 1},
        "aggregate": {},
    },
    "query_ivf": {
        "quantize": {"multiple_assignment": 5},
        "aggregate": {},
        "search": {"topk": None},
        "similarity": {"similarity_threshold": 0.0, "alpha": 3.0},
    },
}


def pictures(benchmark: Benchmark) -> dict[str, Path]:
    """Identifiers and paths of what is indexed."""
    files = [p for name in benchmark.base for p in (DATA / name).rglob("*.jpg")]
    return {p.relative_to(DATA).as_posix(): p for p in sorted(files)}


class Asmk:
    """ASMK* as the package `asmk` has it, over the words of a bovw vocabulary."""

    def __init__(self, benchmark: Benchmark, workshop: Workshop) -> None:
        from asmk import asmk_method, codebook, index

        self.settings, self.cache = workshop.settings, workshop.cache
        self.identifiers = list(pictures(benchmark))
        vocabulary, _ = workshop.vocabulary(benchmark.training)
        words = codebook.Codebook(index.initialize_index(None), size=int(vocabulary.n_words_))
        words.index(np.asarray(vocabulary.centers_, np.float32))
        parts = [self._descriptors((p, None)) for p in pictures(benchmark).values()]
        method = asmk_method.ASMKMethod(_PARAMETERS, {}, codebook=words)
        builder = method.create_ivf_builder()
        for number, part in enumerate(parts):
            builder.add(part, np.full(len(part), number))
        self.method = method.add_ivf_builder(builder)
        self.milliseconds: list[float] = []

    def _descriptors(self, query: Any) -> NDArray[np.float32]:
        features = extract_query(query, self.settings, FeatureCache(self.cache, self.settings))
        assert isinstance(features, Features), features
        return np.asarray(features.descriptors, np.float32)

    def search(self, queries: Any) -> list[list[str]]:
        """Rank everything for queries, one at a time."""
        found = []
        for query in queries:
            descriptors = self._descriptors(query)
            begun = time.perf_counter()
            _, _, ranks, _ = self.method.query_ivf(descriptors, np.zeros(len(descriptors), int))
            self.milliseconds.append((time.perf_counter() - begun) * 1000)
            found.append([self.identifiers[i] for i in ranks[0]])
        return found


def main() -> None:
    """Measure and print."""
    options = options_parser(__doc__, "sets", "every", "cache", "jobs").parse_args()

    results: dict[str, Any] = {}
    made: dict[Any, Asmk] = {}
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(bovw.Settings(), Path(folder), options.cache, options.jobs)
        for name in options.sets:
            benchmark = BENCHMARKS[name]
            key = benchmark.base, benchmark.training
            if key not in made:
                made[key] = Asmk(benchmark, workshop)
            asmk = made[key]
            asmk.milliseconds.clear()
            truth = load_truth(benchmark.truth, options.every)
            paths = {i: os.path.abspath(DATA / i) for i in asmk.identifiers}
            scores = evaluated(asmk.search, paths, benchmark, truth)
            spent = float(np.mean(asmk.milliseconds))
            result = results[name] = {**figures(scores), "milliseconds_per_query": spent}
            print(
                f"{name:<30}{result['map_trapezoid']:>8.4f}{result['p_at_1']:>8.4f}"
                f"{n_s_text(result):>8}{spent:>8.1f} ms",
                flush=True,
            )
            about = conditions("strong", [f"--every {options.every}"], bovw.Settings())
            write(options.json, results, about)


if __name__ == "__main__":
    main()
