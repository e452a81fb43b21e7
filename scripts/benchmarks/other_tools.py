#!/usr/bin/env python3
"""Others on the same pictures: ASMK* by the package `asmk`.

    python scripts/benchmarks/other_tools.py [--sets NAME...] [--every N] [--json FILE]

Needs `pip install bovw[benchmark]`. `BOVW_DATA` names the folder with the data (default:
../shared/data). `asmk` gets the descriptors and the words of `quality.py`. Smaller runs beside ours
and COLMAP's vocabulary tree: stages.py. Embeddings: scripts/compare_neural.py.
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
from other_engines import Asmk

import bovw
from bovw.features import FeatureCache, Features, extract_query


def pictures(benchmark: Benchmark) -> dict[str, Path]:
    """Identifiers and paths of what is indexed."""
    files = [p for name in benchmark.base for p in (DATA / name).rglob("*.jpg")]
    return {p.relative_to(DATA).as_posix(): p for p in sorted(files)}


class Measured:
    """`Asmk` over the words of a benchmark, and the time of its queries."""

    def __init__(self, benchmark: Benchmark, workshop: Workshop) -> None:
        self.settings, self.cache = workshop.settings, workshop.cache
        vocabulary, _ = workshop.vocabulary(benchmark.training)
        found = {name: self._features((p, None)) for name, p in pictures(benchmark).items()}
        self.asmk = Asmk(found, vocabulary)
        self.milliseconds: list[float] = []

    def _features(self, query: Any) -> Features:
        features = extract_query(query, self.settings, FeatureCache(self.cache, self.settings))
        assert isinstance(features, Features), features
        return features

    def search(self, queries: Any) -> list[list[str]]:
        """Rank everything for queries, one at a time."""
        found = []
        for query in queries:
            features = self._features(query)
            begun = time.perf_counter()
            found.append(self.asmk.search(features))
            self.milliseconds.append((time.perf_counter() - begun) * 1000)
        return found


def main() -> None:
    """Measure and print."""
    options = options_parser(__doc__, "sets", "every", "cache", "jobs").parse_args()

    results: dict[str, Any] = {}
    made: dict[Any, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(bovw.Settings(), Path(folder), options.cache, options.jobs)
        for name in options.sets:
            benchmark = BENCHMARKS[name]
            key = benchmark.base, benchmark.training
            if key not in made:
                made[key] = Measured(benchmark, workshop)
            measured = made[key]
            measured.milliseconds.clear()
            truth = load_truth(benchmark.truth, options.every)
            paths = {i: os.path.abspath(DATA / i) for i in measured.asmk.identifiers}
            scores = evaluated(measured.search, paths, benchmark, truth)
            spent = float(np.mean(measured.milliseconds))
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
