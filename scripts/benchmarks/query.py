#!/usr/bin/env python3
"""Time of a query, stage by stage, in an index; of the match kernel; of a verification.

    python scripts/benchmarks/query.py INDEX [--preset NAME] [--json FILE]

`INDEX` holds all benchmark pictures, as `index.py --keep INDEX` leaves it; `BOVW_DATA`
names the folder with the data (default: ../shared/data). Everything runs on one thread.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import BENCHMARKS, DATA, conditions, options_parser, write

import bovw
from bovw.collection import Collection, PictureWords, make_segment
from bovw.features import Features, extract_query
from bovw.formats import load_ground_truth
from bovw.parallel import limited_threads
from bovw.search import Stopwatch
from bovw.search.histograms import picture_lengths
from bovw.search.kernels.aggregated import Aggregated, score_aggregated
from bovw.search.kernels.hamming import find_matches, score_candidates

Asked = dict[str, list[Features]]


def queries(engine: bovw.Engine, n: int) -> Asked:
    """Extract the features of `n` queries of each set."""
    found: Asked = {}
    for name, benchmark in BENCHMARKS.items():
        truth = load_ground_truth(DATA / benchmark.truth)
        folder = DATA / Path(benchmark.truth).parent
        chosen = truth.queries[:: max(1, len(truth.queries) // n)][:n]
        pairs = [(folder / query.image, query.bbox) for query in chosen]
        features = [extract_query(p, settings=engine.settings, cache=None) for p in pairs]
        found[name] = [f for f in features if isinstance(f, Features)]
    return found


def whole_queries(engine: bovw.Engine, asked: Asked) -> dict[str, Any]:
    """Milliseconds of the stages of a search; the features are at hand."""
    results: dict[str, Any] = {}
    for name, pictures in asked.items():
        engine.search_features(pictures[0])
        spent: dict[str, list[float]] = {}
        for features in pictures:
            stopwatch = Stopwatch()
            begun = time.perf_counter()
            engine.search_features(features, stopwatch=stopwatch)
            spent.setdefault("all", []).append((time.perf_counter() - begun) * 1000)
            for stage, value in stopwatch.milliseconds.items():
                spent.setdefault(stage, []).append(value)
        results[name] = {s: sum(values) / len(pictures) for s, values in spent.items()}
        results[name]["slowest"] = max(spent["all"])
        print(f"{name:<30}", {s: round(v, 1) for s, v in results[name].items()}, flush=True)
    return results


def thinned(collection: Collection, n_features: int, n_words: int) -> Collection:
    """Leave `n_features` of each picture, and only pictures that have as many."""
    rng = np.random.default_rng(0)
    records, pictures = [], []
    for position in np.flatnonzero(collection.sizes >= n_features).tolist():
        rows = rng.choice(int(collection.sizes[position]), n_features, replace=False)
        stored = {k: v[np.sort(rows)] for k, v in collection.stored(position).items()}
        records.append(collection.records[position])
        pictures.append(PictureWords(**stored))
    return Collection.of([make_segment(records, pictures, n_words)])


def kernel(engine: bovw.Engine, asked: Asked, n_features: int = 700, c: int = 1000) -> Any:
    """Milliseconds to score candidates by each kernel, at so many features a picture."""
    collection = thinned(engine.collection, n_features, engine.vocabulary.n_words_)
    idf, settings = engine.index.base.idf, engine.settings.kernel
    (segment,) = collection.segments
    lengths = picture_lengths(segment.views, len(segment), engine.index.weighting)
    aggregated = Aggregated.of(collection, lengths[:, 1])
    spent: dict[str, list[float]] = {"hamming": [], "asmk": [], "both": []}
    rng = np.random.default_rng(0)
    for features in (f for pictures in asked.values() for f in pictures):
        if len(features) < n_features:
            continue
        rows = np.sort(rng.choice(len(features), n_features, replace=False))
        picture = engine.index.query([features], Stopwatch()).pictures[0]
        parts = ("words", "signatures", "keypoints", "weights")
        picture = dataclasses.replace(picture, **{p: getattr(picture, p)[rows] for p in parts})
        positions = np.sort(rng.choice(len(collection), min(c, len(collection)), replace=False))
        begun = time.perf_counter()
        scores = score_aggregated(picture, positions, aggregated, idf, settings)
        asmk = time.perf_counter()
        best = np.sort(positions[np.argsort(-scores)[: settings.n_both]])
        for name, some in (("hamming", positions), ("both", best)):
            start = time.perf_counter()
            matches = find_matches(picture, some, collection, idf, settings)
            score_candidates(matches, picture, collection.sizes[some], settings)
            spent[name].append((time.perf_counter() - start) * 1000)
        spent["asmk"].append((asmk - begun) * 1000)
        spent["both"][-1] += spent["asmk"][-1]
    result = {name: float(np.mean(values)) for name, values in spent.items()}
    print(f"kernel, {n_features} features, {c} candidates, {len(spent['asmk'])} queries", result)
    return {"n_features": n_features, "candidates": c, "milliseconds": result}


def verification(engine: bovw.Engine, asked: Asked) -> dict[str, float]:
    """Milliseconds that verification takes for a pair, all included."""
    n = engine.settings.geometry.verify
    alone = engine.changed(expansion={"method": "none"})
    results = {}
    for name, pictures in asked.items():
        times = []
        for features in pictures:
            found = alone.search_features(features, n)
            if len(found):
                times.append(found.milliseconds["geometry"] / min(n, len(found)))
        results[name] = float(np.mean(times))
    print("verification, ms a pair", {k: round(v, 3) for k, v in results.items()})
    return results


def main() -> None:
    """Measure and print."""
    parser = options_parser(__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument(
        "--preset", choices=bovw.PRESETS, help="search as this preset does; default: as indexed"
    )
    parser.add_argument("--queries", type=int, default=50, help="of each set")
    options = parser.parse_args()

    engine = bovw.Engine.open(options.index)
    if options.preset is not None:
        engine = engine.changed(**bovw.PRESETS[options.preset].of_search())
    with limited_threads(1):
        asked = queries(engine, options.queries)
        results: dict[str, Any] = {
            "pictures": len(engine),
            "queries": whole_queries(engine, asked),
            "verification": verification(engine, asked),
        }
        if engine.settings.kernel.method == "both":
            results["kernel"] = kernel(engine, asked)
    about = conditions(options.preset or "as indexed", [], engine.settings)
    write(options.json, results, about)


if __name__ == "__main__":
    main()
