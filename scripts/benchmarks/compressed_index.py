#!/usr/bin/env python3
"""What it costs to keep of each picture a short vector alone: `bovw.index.LsaIndex`.

    python scripts/benchmarks/compressed_index.py [--sets NAME...] [--keep FOLDER] [--json FILE]

Sets, vocabularies and `BOVW_DATA` are those of quality.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from common import (
    BENCHMARKS,
    Benchmark,
    Workshop,
    conditions,
    evaluated,
    figures,
    load_truth,
    n_s_text,
    options_parser,
    paths_of,
    write,
)

import bovw
from bovw.embeddings import ProductQuantizer, ScalarQuantizer
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
        scores = evaluated(
            lambda queries, system=system: [
                r.identifiers for r in system.rank_many(queries, cache=cache)
            ],
            paths_of(engine),
            benchmark,
            truth,
        )
        found[name] = {**figures(scores), "bytes": size}
    return found


def main() -> None:
    """Measure, and print a table."""
    options = options_parser(__doc__, "sets", "every", "keep", "cache").parse_args()

    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(bovw.Settings(), options.keep or Path(folder), options.cache, -1)
        for name in options.sets:
            results[name] = measure(BENCHMARKS[name], workshop, options.every, options.cache)
            for row, found in results[name].items():
                scored = f"{found['map_trapezoid']:>8.4f}{n_s_text(found):>8}"
                print(f"{name:<30}{row:<30}{scored}", flush=True)
    about = conditions("strong", [f"--every {options.every}"], bovw.Settings())
    write(options.json, results, about)


if __name__ == "__main__":
    main()
