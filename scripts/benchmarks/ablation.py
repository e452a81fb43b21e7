#!/usr/bin/env python3
"""What each ingredient is worth: switched on in turn, and switched off from the best.

    python scripts/benchmarks/ablation.py [--sets NAME...] [--rows NAME...] [--every N]

Sets, vocabularies and `BOVW_DATA` are those of quality.py. All rows search one index of
each set, so they differ in nothing else. Intervals are 95 % of 2,000 bootstrap samples of objects.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    Benchmark,
    Workshop,
    conditions,
    figures,
    load_truth,
    options_parser,
    scored,
    write,
)

import bovw
from bovw.evaluation import GroundTruth, bootstrap_interval

Changes = dict[str, dict[str, Any]]
_NO_GEOMETRY: Changes = {"geometry": {"verify": 0}, "expansion": {"method": "none"}}
_PLAIN = {"burstiness": False, "angle_bins": 1, "n_nearest": 1, "center_sigma": 0.0}


def _kernel(**changes: Any) -> Changes:
    return {**_NO_GEOMETRY, "kernel": {**_PLAIN, **changes}}


# What each row changes in the default settings. First one ingredient more in each row, ...
_ON: dict[str, Changes] = {
    "TF-IDF": {**_NO_GEOMETRY, "kernel": {"method": "none"}},
    "TF-IDF + verification": {"kernel": {"method": "none"}, "expansion": {"method": "none"}},
    "TF-IDF + verification + average expansion": {
        "kernel": {"method": "none"},
        "expansion": {"method": "average", "rounds": 1},
    },
    "signatures": _kernel(method="hamming"),
    "+ burstiness": _kernel(method="hamming", burstiness=True),
    "+ agreement of angles": _kernel(method="hamming", burstiness=True, angle_bins=32),
    "+ three words a feature": _kernel(
        method="hamming", burstiness=True, angle_bins=32, n_nearest=3
    ),
    "aggregated signatures, three words a feature": _kernel(method="asmk", n_nearest=3),
    "both kernels": {**_NO_GEOMETRY, "kernel": {"center_sigma": 0.0}},
    "+ the middle counts": _NO_GEOMETRY,
    "+ verification": {"expansion": {"method": "none"}},
    "+ Hamming expansion": {"expansion": {"rounds": 1, "indirect": False}},
    "+ verification with the expanded query": {"expansion": {"rounds": 1}},
    "+ three rounds of expansion: strong": {},
}
# ... then the best without one of them, ...
_OFF: dict[str, Changes] = {
    "without burstiness": {"kernel": {"burstiness": False}},
    "without agreement of angles": {"kernel": {"angle_bins": 1}},
    "one word a feature": {"kernel": {"n_nearest": 1}},
    "signatures alone": {"kernel": {"method": "hamming"}},
    "aggregated signatures alone": {"kernel": {"method": "asmk"}},
    "without the middle": {"kernel": {"center_sigma": 0.0}},
}
# ... and with others in their place.
_INSTEAD: dict[str, Changes] = {
    "average expansion": {"expansion": {"method": "average", "rounds": 1}},
    "rank-weighted expansion": {"expansion": {"method": "rank", "rounds": 1}},
    "alpha expansion": {"expansion": {"method": "alpha", "rounds": 1}},
    "discriminative expansion": {"expansion": {"method": "discriminative", "rounds": 1}},
    "two rounds of expansion": {"expansion": {"rounds": 2}},
    "both kernels score all": {"kernel": {"n_both": 1_000_000}},
    "10 answers expand": {"expansion": {"n_answers": 10}},
    "two models a pair": {"geometry": {"max_models": 2}},
    "affine model": {"geometry": {"model": "affine"}},
    "homography": {"geometry": {"model": "homography"}},
    "places twice as large": {"geometry": {"place": 0.03}},
    "24 bits may differ": {"kernel": {"max_distance": 24}},
    "200 verified": {"geometry": {"verify": 200}},
}
ROWS = {**_ON, **_OFF, **_INSTEAD}


def measure(
    engine: bovw.Engine, benchmark: Benchmark, truth: GroundTruth, cache: Path
) -> dict[str, Any]:
    """Score one engine."""
    scores, rankings = scored(engine, benchmark, truth, cache)
    spent = [sum(ranking.milliseconds.values()) for ranking in rankings]
    interval = bootstrap_interval(scores.of("ap_trapezoid"), scores.groups)
    return {
        **figures(scores),
        "interval": [interval.low, interval.high],
        "milliseconds": float(np.mean(spent)),
    }


def main() -> None:
    """Measure and print the rows."""
    parser = options_parser(__doc__, "sets", "every", "cache", "jobs")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    options = parser.parse_args()

    results: dict[str, Any] = {name: {} for name in options.rows}
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(bovw.Settings(), Path(folder), options.cache, options.jobs)
        for name in options.sets:
            benchmark = BENCHMARKS[name]
            engine, _ = workshop.engine(benchmark)
            truth = load_truth(benchmark.truth, options.every)
            print(f"\n{name}, {len(truth.queries)} queries")
            for row in options.rows:
                changed = engine.changed(**ROWS[row])
                result = results[row][name] = measure(changed, benchmark, truth, options.cache)
                low, high = result["interval"]
                n_s = "" if result["n_s"] is None else f"  N-S {result['n_s']:.3f}"
                print(
                    f"{row:<50}{result['map_trapezoid']:.4f}  [{low:.3f}, {high:.3f}]"
                    f"{result['milliseconds']:>7.0f} ms{n_s}",
                    flush=True,
                )
                about = conditions("strong", [f"--every {options.every}"], bovw.Settings())
                write(options.json, {"rows": results}, about)


if __name__ == "__main__":
    main()
