#!/usr/bin/env python3
"""The classical engine, a neural model and both fused, on every set with embeddings.

    python scripts/benchmarks/comparison.py [--sets NAME...] [--keep FOLDER] [--json FILE]

Rows: the presets `strong` and `classic`, each with its own vocabulary, of pictures that are
neither asked nor searched; the embeddings, exactly, and with alpha query expansion; `strong` and
the embeddings fused; the first 100 answers of the embeddings verified by `strong`. Distractors are
not indexed, for they have no embeddings.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from common import (
    DATA,
    Benchmark,
    Workshop,
    machine_and_versions,
    options_parser,
    write,
)

import bovw
from bovw.evaluation import Comparison
from bovw.report import comparison_text

_OXFORD = ("distractors", "ukbench1000", "smvs_dvd")
_DVD = ("oxford1k", "ukbench1000")
_UKBENCH = ("distractors", "oxford1k", "smvs_dvd")
SETS = {
    name: Benchmark(f"{name}.json", (name.split("/")[0],), training)
    for name, training in (
        ("oxford1k/gnd", _OXFORD),
        ("oxford1k/gnd_official", _OXFORD),
        ("oxford1k/gnd_rox", _OXFORD),
        ("smvs_dvd/gnd", _DVD),
        ("smvs_dvd/gnd_all", _DVD),
        ("ukbench1000/gnd", _UKBENCH),
    )
}


def embeddings(name: str) -> str:
    """Of the base, and of the queries where they ask for parts of pictures."""
    folder, truth = name.split("/")
    queries = DATA / folder / f"mobilenet_v2_{truth}_queries.npz"
    base = f"{DATA / folder / 'mobilenet_v2.npz'}"
    return f"{base},queries={queries}" if queries.is_file() else base


def compare(
    name: str, benchmark: Benchmark, workshops: dict[str, Workshop], cache: Path
) -> Comparison:
    """Compare on one set."""
    indexes = []
    for preset, workshop in workshops.items():
        workshop.engine(benchmark)
        indexes.append(f"{preset}={workshop.index_folder(benchmark)}")
    net = embeddings(name)
    return bovw.compare(
        DATA / benchmark.truth,
        [*indexes, f"network={net}", f"network+alpha={net},expand=alpha"],
        fuse=[
            "fused=rrf:strong+network",
            "fused by score=z:strong+network",
            "network verified=verify:network+strong",
        ],
        cache=cache,
        n_jobs=-1,
        progress=True,
    )


def main() -> None:
    """Compare on every set, and print."""
    parser = options_parser(__doc__, "keep", "cache")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()

    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        workshops = {
            preset: Workshop(bovw.PRESETS[preset], kept / preset, options.cache, -1)
            for preset in ("strong", "classic")
        }
        for name in options.sets:
            comparison = compare(name, SETS[name], workshops, options.cache)
            print(comparison_text(comparison, everything=True), "\n", flush=True)
            results[name] = comparison.to_dict()
            del results[name]["queries"]
            write(options.json, results, machine_and_versions())


if __name__ == "__main__":
    main()
