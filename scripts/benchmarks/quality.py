#!/usr/bin/env python3
"""Quality and speed on photographs with ground truth, with vocabularies of other pictures.

    python scripts/benchmarks/quality.py [--sets NAME...] [--preset NAME] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Features are kept in
`--cache`, so a second run reads each picture from there.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    Benchmark,
    Workshop,
    conditions,
    figures,
    halves,
    load_truth,
    options_parser,
    scored,
    workshops,
    write,
)

import bovw


def run(benchmark: Benchmark, workshop: Workshop, every: int = 1) -> dict[str, Any]:
    """Run one benchmark, of many queries every Nth; return its metrics and times."""
    engine, facts = workshop.engine(benchmark)
    truth = load_truth(benchmark.truth, every)
    scores, rankings = scored(engine, benchmark, truth, workshop.cache)
    spent: dict[str, list[float]] = {}
    for ranking in rankings:
        for stage, value in ranking.milliseconds.items():
            spent.setdefault(stage, []).append(value)
    values = scores.of("ap_trapezoid").tolist()
    milliseconds = {stage: float(np.mean(values)) for stage, values in spent.items()}
    return {
        **figures(scores),
        "map_trapezoid_of_halves": halves(values, scores.groups),
        **facts,
        "milliseconds": milliseconds,
        "milliseconds_per_query": sum(milliseconds.values()),
        "indexed": benchmark.base,
        "vocabulary_trained_on": benchmark.training,
    }


def main() -> None:
    """Run the benchmarks and print a table."""
    parser = options_parser(__doc__, "sets", "every", "keep", "cache", "jobs", "seeds")
    parser.add_argument("--preset", choices=bovw.PRESETS, default="strong")
    parser.add_argument(
        "--change",
        action="append",
        default=[],
        metavar="ROOM.FIELD=VALUE",
        help="change a setting, such as geometry.verify=0 (the value is JSON); may be repeated",
    )
    options = parser.parse_args()

    settings = bovw.PRESETS[options.preset]
    for change in options.change:
        place, value = change.split("=", 1)
        room, name = place.split(".")
        settings = settings.changed(**{room: {name: json.loads(value)}})
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in options.sets}
    about = conditions(options.preset, [*options.change, f"--every {options.every}"], settings)
    for seed, workshop in workshops(settings, options):
        for name in options.sets:
            result = run(BENCHMARKS[name], workshop, options.every)
            results[name].append({"seed": seed, **result})
            print(f"seed {seed}, {name}: mAP {result['map_trapezoid']:.4f}", flush=True)
            write(options.json, {"sets": results}, about)
    print(f"{'mean over vocabularies':<36}{'mAP':>7}{'from':>7}{'to':>7}{'P@1':>8}{'N-S':>8}")
    for name, runs in results.items():
        maps = [result["map_trapezoid"] for result in runs]
        first = float(np.mean([result["p_at_1"] for result in runs]))
        n_s = [result["n_s"] for result in runs if result["n_s"] is not None]
        print(
            f"{name:<36}{np.mean(maps):>7.3f}{min(maps):>7.3f}{max(maps):>7.3f}{first:>8.3f}"
            f"{f'{np.mean(n_s):.3f}' if n_s else '':>8}"
        )


if __name__ == "__main__":
    main()
