#!/usr/bin/env python3
"""What it costs to keep of each picture a short vector alone: `bovw.lsa_index.LsaIndex`.

    python scripts/benchmark_compression.py [--sets NAME...] [--keep FOLDER] [--json FILE]

Sets, vocabularies and `BOVW_DATA` are those of benchmark_quality.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmark_quality import BENCHMARKS, DATA, Benchmark, Workshop, conditions, figures, load_truth

import bovw
from bovw.embeddings import ProductQuantizer, ScalarQuantizer
from bovw.evaluation import evaluate
from bovw.index import LsaIndex

# Components, and how they are kept.
COMPRESSIONS = {
    "256 bytes (default)": (256, ScalarQuantizer(8)),
    "128 bytes of 256 components": (256, ScalarQuantizer(4)),
    "32 bytes of 256 components": (256, ScalarQuantizer(1)),
    "64 bytes, products of 256": (256, ProductQuantizer(64)),
    "32 bytes, products of 256": (256, ProductQuantizer(32)),
    "128 bytes": (128, ScalarQuantizer(8)),
    "512 bytes": (512, ScalarQuantizer(8)),
}


class _Exact:
    """Keeps vectors as they are."""

    bytes_per_vector_ = 0

    def fit(self, vectors: Any) -> _Exact:
        self.bytes_per_vector_ = vectors.shape[1] * vectors.itemsize
        return self

    def transform(self, vectors: Any) -> Any:
        return vectors

    inverse_transform = transform


def measure(
    benchmark: Benchmark, workshop: Workshop, every: int, cache: Path
) -> dict[str, dict[str, Any]]:
    """Evaluate histograms, and every compression of them."""
    engine, _ = workshop.engine(benchmark)
    truth = load_truth(benchmark.truth, every)
    paths = {record.identifier: record.path for record in engine.collection.records}
    plain = engine.changed(
        kernel={"method": "none"}, geometry={"verify": 0}, expansion={"method": "none"}
    )
    systems: dict[str, tuple[Any, float]] = {
        "histograms": (plain, engine.index.bytes_per_picture),
        "1,024 bytes (float32)": (LsaIndex.of(engine.index, 256, _Exact()), 1024),  # type: ignore[arg-type]
    }
    for name, (n_components, quantizer) in COMPRESSIONS.items():
        made = LsaIndex.of(engine.index, n_components, quantizer)
        systems[name] = made, made.codes.shape[1]
    found = {}
    for name, (system, size) in systems.items():
        scores = evaluate(
            lambda queries, system=system: [
                r.identifiers for r in system.rank_many(queries, cache=cache)
            ],
            paths,
            truth,
            DATA / Path(benchmark.truth).parent,
        )
        found[name] = {**figures(scores), "bytes": size}
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="of sets with over 100 queries, each Nth"
    )
    parser.add_argument("--keep", type=Path, help="keep vocabularies and indexes here")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/features"))
    options = parser.parse_args()

    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(bovw.Settings(), options.keep or Path(folder), options.cache, -1)
        for name in options.sets:
            results[name] = measure(BENCHMARKS[name], workshop, options.every, options.cache)
            for row, found in results[name].items():
                n_s = "" if found["n_s"] is None else f"{found['n_s']:.3f}"
                print(f"{name:<30}{row:<30}{found['map_trapezoid']:>8.4f}{n_s:>8}", flush=True)
    about = conditions("strong", [f"--every {options.every}"], bovw.Settings())
    if options.json:
        options.json.write_text(json.dumps({**results, "conditions": about}, indent=1) + "\n")


if __name__ == "__main__":
    main()
