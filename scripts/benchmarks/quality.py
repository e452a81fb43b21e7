#!/usr/bin/env python3
"""Quality and speed on photographs with ground truth, with vocabularies of other pictures.

    python scripts/benchmarks/quality.py [--sets NAME...] [--preset NAME] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Features are kept in
`--cache`, so a second run reads each picture from there.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    Benchmark,
    Workshop,
    conditions,
    evaluated,
    figures,
    halves,
    load_truth,
    n_s_text,
    options_parser,
    paths_of,
    write,
)

import bovw


def run(benchmark: Benchmark, workshop: Workshop, every: int = 1) -> dict[str, Any]:
    """Run one benchmark, of many queries every Nth; return its metrics and times."""
    engine, facts = workshop.engine(benchmark)
    spent: dict[str, list[float]] = {}

    def search(queries: Any) -> list[tuple[str, ...]]:
        rankings = engine.rank_many(queries, cache=workshop.cache, progress=True)
        for ranking in rankings:
            for stage, value in ranking.milliseconds.items():
                spent.setdefault(stage, []).append(value)
        return [ranking.identifiers for ranking in rankings]

    truth = load_truth(benchmark.truth, every)
    scores = evaluated(search, paths_of(engine), benchmark, truth)
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
    parser = options_parser(__doc__, "sets", "every", "keep", "cache", "jobs")
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
    results: dict[str, Any] = {}
    print(f"{'':<30}{'mAP':>8}{'P@1':>8}{'N-S':>8}{'ms/query':>10}")
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(settings, options.keep or Path(folder), options.cache, options.jobs)
        for name in options.sets:
            result = results[name] = run(BENCHMARKS[name], workshop, options.every)
            print(
                f"{name:<30}{result['map_trapezoid']:>8.4f}{result['p_at_1']:>8.4f}{n_s_text(result):>8}"
                f"{result['milliseconds_per_query']:>10.1f}",
                flush=True,
            )
    about = conditions(options.preset, [*options.change, f"--every {options.every}"], settings)
    write(options.json, results, about)


if __name__ == "__main__":
    main()
