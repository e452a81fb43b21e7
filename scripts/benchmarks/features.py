#!/usr/bin/env python3
"""Which local features pay: orientation, region, number, threshold, picture size, other detectors.

    python scripts/benchmarks/features.py [--rows NAME...] [--every N] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Each row has features of its
own, kept in `--cache`. The words are trained on the distractors alone: once for all rows that
leave the descriptor as it is, anew for each other descriptor. A run that was interrupted goes on
after the last row in `--json`. Intervals are 95 % of bootstrap samples of objects.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from ablation import Changes
from common import DATA, conditions, figures, load_truth, options_parser, write
from feature_variants import PLAIN, added, dense, mser, sift, tilted, unless_full, upright_too

import bovw
from bovw.evaluation import bootstrap_interval, evaluate
from bovw.features import FeatureCache, Features
from bovw.parallel import limited_threads, ordered_map
from bovw.pictures import Box, find_pictures, read_bytes, read_image

SETS = ("oxford1k/gnd", "oxford1k/gnd_rox", "smvs_dvd/gnd_all", "ukbench1000/gnd")
Query = tuple[str, "Box | None"]


Make = Callable[[bytes, "Box | None", "str | None"], Features]


@dataclass(frozen=True)
class Row:
    """Settings, or what makes the features instead.

    `shortcut` makes the features of these settings from others that are in the cache.
    """

    changes: Changes = field(default_factory=dict)
    make: Make | None = None
    shortcut: Make | None = None
    queries_only: bool = False
    turned: bool = False


def _features(**changes: Any) -> Changes:
    return {"features": changes}


_MORE = _features(max_features=2500)
ROWS = {
    "default": Row(),
    "small pictures enlarged": Row(_features(enlarge=bovw.Settings().features.enlarge)),
    "upright": Row(_features(upright=True)),
    "upright, query turned four ways": Row(_features(upright=True), turned=True),
    "region 1.0": Row(_features(region_factor=1.0)),
    "2,500 features": Row(_MORE),
    "contrast 0.04": Row(_features(contrast_threshold=0.04)),
    "500 MSERs added": Row(make=partial(added, find=mser)),
    "500 dense added": Row(make=partial(added, find=dense)),
    "2,000 features": Row(_features(max_features=2000), shortcut=partial(sift, n=2000, **_MORE)),
    "tilted views of the query": Row(make=tilted, queries_only=True),
    "480 pixels": Row({"images": {"max_side": 480}}),
    "contrast 0.004": Row(
        _features(contrast_threshold=0.004),
        shortcut=partial(unless_full, **_features(contrast_threshold=0.004)),
    ),
    "region 2.0": Row(_features(region_factor=2.0)),
    "oriented and upright": Row(make=upright_too),
    "700 features": Row(_features(max_features=700), shortcut=partial(sift, n=700)),
    "region 3.0": Row(_features(region_factor=3.0)),
    "640 pixels": Row({"images": {"max_side": 640}}),
}


def keep(query: Query, make: Make, settings: bovw.Settings, cache: str, folder: str) -> None:
    """Make the features of a picture, and keep them where those of `settings` are looked for."""
    content = read_bytes(query[0])
    kept = FeatureCache(folder, settings)
    if kept.load(hashlib.sha256(content).hexdigest(), query[1]) is None:
        kept.save(make(content, query[1], cache), query[1])


def seconds_ratio(row: Row) -> float:
    """Time of extraction on one core, on some pictures, as a multiple of the default's."""
    paths = [p for name in SETS[1:] for p in sorted((DATA / name).parent.rglob("*.jpg"))[5::200]]
    make = row.make or partial(sift, **row.changes)
    spent = {sift: 0.0, make: 0.0}
    with limited_threads(1):
        for content in map(read_bytes, paths):
            for function in spent:
                begun = time.process_time()  # of this process, whatever else runs
                function(content, None, None)
                spent[function] += time.process_time() - begun
    return spent[make] / spent[sift] * (4 if row.turned else 1)


def ranked_turned(engine: bovw.Engine, queries: list[Query]) -> list[list[str]]:
    """Rank for the picture of the query at four angles.

    Turned pictures count by the geometry of what they verify alone: their similarities cannot be
    compared, since the best is 1 for each.
    """
    asked: list[tuple[Any, Box | None]] = []
    for path, box in queries:
        image = read_image(path, PLAIN.images)
        pixels = image.pixels
        turned = None if box is None else tuple(v * image.scale[0] for v in box)
        for _ in range(4):
            asked.append((pixels, turned))
            if turned is not None:
                x0, y0, x1, y1 = turned
                turned = y0, pixels.shape[1] - x1, y1, pixels.shape[1] - x0
            pixels = np.rot90(pixels)
    rankings = []
    for first in range(0, len(asked), 80):
        results = engine.search_many(asked[first : first + 80], None, on_error="raise")
        for start in range(0, len(results), 4):
            best = {answer.identifier: answer.score for answer in results[start]}
            for result in results[start + 1 : start + 4]:
                for answer in result:
                    score = answer.score - answer.similarity
                    if answer.verified and score > best.get(answer.identifier, 0.0):
                        best[answer.identifier] = score
            rankings.append(sorted(best, key=lambda name, best=best: (-best[name], name)))
    return rankings


def measure(
    name: str, vocabulary: bovw.Vocabulary, options: argparse.Namespace, default: dict[str, Any]
) -> dict[str, Any]:
    """Score a row on all sets."""
    row = ROWS[name]
    settings = PLAIN.changed(**row.changes)
    cache = options.cache / name.replace(" ", "-") if row.make else options.cache
    result: dict[str, Any] = {"seconds_ratio": seconds_ratio(row), "sets": {}}
    engines: dict[str, bovw.Engine] = {}

    def prepare(queries: list[Query]) -> None:
        make = row.make or row.shortcut
        if make is not None:
            work = partial(
                keep, make=make, settings=settings, cache=str(options.cache), folder=str(cache)
            )
            list(ordered_map(work, queries, n_jobs=options.jobs))

    def search(engine: bovw.Engine, queries: Any) -> Any:
        if row.turned:
            return ranked_turned(engine, queries)
        prepare(queries)
        return [ranking.identifiers for ranking in engine.rank_many(queries, cache=cache)]

    for truth_name in SETS:
        folder = (DATA / truth_name).parent
        if folder.name not in engines:
            if not row.queries_only:
                prepare([(file.path, None) for file in find_pictures(folder)])
            engines[folder.name] = bovw.Engine.build(
                folder,
                vocabulary=vocabulary,
                settings=settings,
                root=DATA,
                cache=options.cache if row.queries_only else cache,
                n_jobs=options.jobs,
            )
        engine = engines[folder.name]
        truth = load_truth(f"{truth_name}.json", options.every)
        paths = {record.identifier: record.path for record in engine.collection.records}
        scores = evaluate(partial(search, engine), paths, truth, folder)
        values = scores.of("ap_trapezoid")
        gains = values - (default["sets"][truth_name]["ap"] if default else values)
        own, gained = (bootstrap_interval(v, scores.groups) for v in (values, gains))
        result["sets"][truth_name] = {
            **figures(scores),
            "interval": [own.low, own.high],
            "gain": float(gains.mean()),
            "gain_interval": [gained.low, gained.high],
            "features_per_picture": engine.collection.n_features / len(engine),
            "ap": values.tolist(),
        }
    n_features = sum(engine.collection.n_features for engine in engines.values())
    result["features_per_picture"] = n_features / sum(map(len, engines.values()))
    return result


def main() -> None:
    """Measure and print the rows."""
    parser = options_parser(__doc__, "every", "cache", "jobs", every=8)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    options = parser.parse_args()

    results: dict[str, Any] = {}
    if options.json and options.json.exists():
        results = json.loads(options.json.read_text())["rows"]
    vocabularies: dict[tuple[bool, float], bovw.Vocabulary] = {}
    print(f"{'':<34}" + "".join(f"{name:>18}" for name in SETS) + "   N-S features  time")
    for name in options.rows:
        if name not in results:
            begun = time.perf_counter()
            described = PLAIN.changed(**ROWS[name].changes).features
            key = described.upright, described.region_factor
            if key not in vocabularies:
                vocabularies[key] = bovw.train_vocabulary(
                    DATA / "distractors",
                    settings=PLAIN.changed(features={"upright": key[0], "region_factor": key[1]}),
                    root=DATA,
                    cache=options.cache,
                    n_jobs=options.jobs,
                )
            results[name] = measure(name, vocabularies[key], options, results.get("default", {}))
            results[name]["seconds"] = time.perf_counter() - begun
            about = conditions("strong", [f"--every {options.every}"], PLAIN)
            about["vocabulary_trained_on"] = ["distractors"]
            write(options.json, {"rows": results}, about)
        result = results[name]
        print(
            f"{name:<34}"
            + "".join(f"{result['sets'][s]['map_trapezoid']:>18.4f}" for s in SETS)
            + f" {result['sets'][SETS[-1]]['n_s']:.3f}{result['features_per_picture']:>9.0f}"
            f"{result['seconds_ratio']:>6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
