#!/usr/bin/env python3
"""One index of all benchmark pictures: what it costs, which candidate method is best, no-match.

    python scripts/benchmarks/index.py [--vocabulary FOLDER] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Without a vocabulary one is
trained on the distractors. Nothing is cached: this measures.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, FOLDERS, machine_and_versions, options_parser, vocabulary_at, write
from joblib.externals.loky import get_reusable_executor

import bovw
from bovw.formats import load_ground_truth
from bovw.parallel import limited_threads
from bovw.search import HistogramIndex, candidate_recall

METHODS = ("exact", "inverted", "sparse-hnsw", "lsa-hnsw")
TRUTHS = (
    "oxford1k/gnd.json",
    "oxford1k/gnd_rox.json",
    "smvs_dvd/gnd_all.json",
    "ukbench1000/gnd.json",
)


def megabytes(who: int) -> float:
    """Peak memory of this process, or of the largest that it started."""
    return resource.getrusage(who).ru_maxrss / 1024


def build(
    vocabulary: bovw.Vocabulary, preset: str, jobs: int
) -> tuple[bovw.Engine, dict[str, Any]]:
    """Index everything, save and open it; return the costs."""
    before = megabytes(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    engine = bovw.Engine.build(
        [DATA / name for name in FOLDERS],
        vocabulary=vocabulary,
        settings=bovw.PRESETS[preset],
        root=DATA,
        n_jobs=jobs,
        progress=True,
    )
    seconds = time.perf_counter() - begun
    get_reusable_executor().shutdown(wait=True)  # a child's memory is known when it has ended
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        engine.save(Path(folder) / "index")
        saving = time.perf_counter() - begun
        sizes = {p: p.stat().st_size for p in Path(folder).rglob("*") if p.is_file()}
        begun = time.perf_counter()
        opened = bovw.Engine.open(Path(folder) / "index", n_jobs=jobs)
        opening = time.perf_counter() - begun
        _ = opened.index.histograms
        loading = time.perf_counter() - begun
        segment = sum(size for path, size in sizes.items() if "segments" in path.parts)
    n = len(engine)
    facts = {
        "pictures": n,
        "features_per_picture": engine.collection.n_features / n,
        "seconds": seconds,
        "seconds_per_picture": seconds / n,
        "saving_seconds": saving,
        "opening_seconds": opening,
        "opening_and_first_search_seconds": loading,
        "bytes_per_picture": segment / n,
        "bytes_with_vocabulary_and_cache": sum(sizes.values()),
        "memory_before_mb": before,
        "peak_memory_mb": megabytes(resource.RUSAGE_SELF),
        "peak_memory_of_a_worker_mb": megabytes(resource.RUSAGE_CHILDREN),
    }
    return engine, facts


def compare_methods(engine: bovw.Engine, n_queries: int = 200) -> dict[str, Any]:
    """Build time, time of a query and recall of every candidate method, on one thread."""
    rows = engine.index.histograms.source.rows(np.arange(len(engine)))
    filled = np.flatnonzero(np.diff(rows.indptr))
    chosen = np.random.default_rng(0).choice(filled, n_queries, replace=False)
    queries = rows[np.sort(chosen)]
    results: dict[str, Any] = {}
    for method in METHODS:
        settings = bovw.Settings().changed(candidates={"method": method}).candidates
        with limited_threads(1):
            begun = time.perf_counter()
            index = HistogramIndex(rows, settings)
            built = time.perf_counter() - begun
            milliseconds = {}
            for k in (100, 1000):
                begun = time.perf_counter()
                for i in range(n_queries):
                    index.search(queries[i], k)
                milliseconds[k] = (time.perf_counter() - begun) / n_queries * 1000
        results[method] = {
            "build_seconds": built,
            "milliseconds": milliseconds,
            "recall": {k: candidate_recall(index, queries, k) for k in (10, 100, 1000)},
        }
        print(f"{method:<12} {json.dumps(results[method])}", flush=True)
    return results


def recall_of_positives(engine: bovw.Engine) -> dict[str, Any]:
    """Share of the positives among the first L candidates (histograms alone)."""
    plain = engine.changed(
        kernel={"method": "none"}, geometry={"verify": 0}, expansion={"method": "none"}
    )
    depths = (100, 300, 1000, 2000)
    results = {}
    for name in TRUTHS:
        truth = load_ground_truth(DATA / name)
        folder = Path(name).parent.as_posix()
        queries = truth.queries[:: max(1, len(truth.queries) // 100)]
        asked = [(DATA / folder / query.image, query.bbox) for query in queries]
        shares = []
        for query, ranking in zip(queries, plain.rank_many(asked), strict=True):
            positions = {identifier: i for i, identifier in enumerate(ranking.identifiers)}
            ranks = [positions.get(f"{folder}/{p}", len(engine)) for p in query.positive]
            shares.append([np.mean(np.array(ranks) < depth) for depth in depths])
        means = np.mean(shares, axis=0)
        results[name] = {depth: float(m) for depth, m in zip(depths, means, strict=True)}
        print(f"{name:<24} positives among the first {results[name]}", flush=True)
    return results


def no_match(engine: bovw.Engine) -> dict[str, Any]:
    """False accepts of pictures that nothing shows, and true accepts, by threshold."""

    def others(identifier: str) -> bool:
        return not identifier.startswith("distractors/")

    negatives = sorted((DATA / "distractors").glob("*.jpg"))[::5]
    evidence = np.array([r.evidence for r in engine.search_many(negatives, 1, allow=others)])
    truth = load_ground_truth(DATA / "smvs_dvd/gnd.json")
    phones = [DATA / "smvs_dvd" / query.image for query in truth.queries[::4]]
    covers = [f"smvs_dvd/{name}" for name in truth.images]
    found = np.array([r.evidence for r in engine.search_many(phones, 1, allow=covers)])
    halves = {"even": evidence[::2], "odd": evidence[1::2]}
    results = {
        threshold: {
            **{f"false_accepts_{k}": float(np.mean(v >= threshold)) for k, v in halves.items()},
            "true_accepts_covers": float(np.mean(found >= threshold)),
        }
        for threshold in (5, 8, 10, 12, 15, 20)
    }
    for threshold, rates in results.items():
        print(f"evidence >= {threshold:<3} {rates}")
    return {"n_negatives": len(negatives), "n_positives": len(phones), "thresholds": results}


def main() -> None:
    """Measure and print."""
    parser = options_parser(__doc__, "vocabulary", "jobs")
    parser.add_argument("--preset", choices=bovw.PRESETS, default="strong")
    parser.add_argument("--keep", type=Path, help="leave the index here, for query.py")
    options = parser.parse_args()

    settings = bovw.PRESETS[options.preset]
    vocabulary = vocabulary_at(options.vocabulary, settings, jobs=options.jobs)
    engine, facts = build(vocabulary, options.preset, options.jobs)
    if options.keep:
        engine.save(options.keep, overwrite=True)
    print(json.dumps(facts, indent=1), flush=True)
    results = {
        "preset": options.preset,
        "build": facts,
        "methods": compare_methods(engine),
        "positives": recall_of_positives(engine),
        "no_match": no_match(engine),
    }
    write(options.json, results, machine_and_versions())


if __name__ == "__main__":
    main()
