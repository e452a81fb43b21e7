#!/usr/bin/env python3
"""Measure how well an index answers a ground truth, after each stage of the search.

python scripts/evaluate.py photos.bovw photos/gnd.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import bovw
from bovw.evaluation import evaluate
from bovw.formats import load_ground_truth

STAGES = {
    "TF-IDF": {"geometry": {"verify": 0}, "expansion": {"method": "none"}},
    "+ verification": {"expansion": {"method": "none"}},
    "+ expansion": {},
}


def main() -> None:
    """Evaluate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("ground_truth", type=Path)
    parser.add_argument("--root", type=Path, help="default: the folder of the ground truth")
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    engine = bovw.Engine.open(options.index, n_jobs=options.jobs)
    truth = load_ground_truth(options.ground_truth)
    paths = {record.identifier: record.path for record in engine.collection.records}
    print(f"{'':<16}{'mAP':>8}{'P@1':>8}")
    for name, changes in STAGES.items():
        stage = engine.changed(**changes)
        scores = evaluate(
            lambda queries, stage=stage: [r.identifiers for r in stage.rank_many(queries)],
            paths,
            truth,
            options.root or options.ground_truth.parent,
        )
        print(f"{name:<16}{scores.macro('ap_trapezoid'):>8.4f}{scores.macro('p@1'):>8.4f}")


if __name__ == "__main__":
    main()
