#!/usr/bin/env python3
"""The vocabulary in the box against vocabularies of photographs and of the collection itself.

    python scripts/benchmarks/vocabularies.py [--kinds NAME...] [--sets NAME...] [--json FILE]

"own" is trained on the collection that is indexed, with each seed; "photographs" on other
pictures, with each seed (see `BENCHMARKS`); a path or "builtin" names one that is trained already.
`--pictures N` takes collections of N pictures out of the sets: as many objects as have room.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    DATA,
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
from bovw.evaluation import GroundTruth

KINDS = ("own", "photographs", "builtin")
TRAINED = KINDS[:2]


def small(truth: GroundTruth, n: int) -> GroundTruth:
    """Take whole objects of a ground truth, in order, and then others, up to `n` pictures."""
    chosen: dict[str, None] = {}
    queries = []
    for query in truth.queries:
        mine = {name for name in (query.image, *query.positive) if name in truth.images}
        if len(chosen.keys() | mine) <= n:
            chosen |= dict.fromkeys(sorted(mine))
            queries.append(query)
    others = dict.fromkeys(sorted(truth.images))
    images = frozenset(list(chosen | others)[:n])
    kept = [replace(query, junk=query.junk & images) for query in queries]
    return replace(truth, images=images, queries=tuple(kept))


def engine_of(
    benchmark: Benchmark, kind: str, workshop: Workshop, only: list[Path] | None = None
) -> bovw.Engine:
    """Index the pictures of a benchmark, or only some, with a vocabulary of a kind."""
    vocabulary: Any = kind
    if kind == "photographs":
        vocabulary = workshop.vocabulary(benchmark.training)[0]
    return workshop.build(benchmark, vocabulary, only)


def measured(
    engine: bovw.Engine, benchmark: Benchmark, workshop: Workshop, truth: GroundTruth
) -> dict[str, Any]:
    """Search all queries of a ground truth; return its metrics."""
    scores, _ = scored(engine, benchmark, truth, workshop.cache)
    values = scores.of("ap_trapezoid").tolist()
    return {
        **figures(scores),
        "n_words": engine.vocabulary.n_words_,
        "map_trapezoid_of_halves": halves(values, scores.groups),
    }


def table(results: dict[str, dict[str, list[dict[str, Any]]]]) -> list[str]:
    """Means over seeds, with those of the halves, as rows of Markdown."""
    kinds = list(dict.fromkeys(kind for runs in results.values() for kind in runs))
    lines = [f"| mAP | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for name, of_kinds in results.items():
        cells = []
        for kind in kinds:
            runs = of_kinds.get(kind, [])
            maps = [run["map_trapezoid"] for run in runs]
            parts = np.mean([run["map_trapezoid_of_halves"] for run in runs], axis=0)
            spread = f"{min(maps):.3f} to {max(maps):.3f}; " if len(maps) > 1 else ""
            cells.append(f"{np.mean(maps):.3f} ({spread}{parts[0]:.3f}, {parts[1]:.3f})")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Run the benchmarks and print a table."""
    parser = options_parser(__doc__, "sets", "every", "keep", "cache", "jobs", "seeds")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), metavar="NAME")
    parser.add_argument("--pictures", type=int, metavar="N", help="of small collections")
    options = parser.parse_args()
    settings = bovw.Settings()
    results: dict[str, dict[str, list[dict[str, Any]]]] = {
        name: {kind: [] for kind in options.kinds} for name in options.sets
    }
    about = conditions("strong", [f"--every {options.every}"], settings)
    for number, (seed, workshop) in enumerate(workshops(settings, options)):
        for kind in options.kinds:
            if number and kind not in TRAINED:  # it is the same with each seed
                continue
            engines: dict[tuple[str, ...], bovw.Engine] = {}
            for name in options.sets:
                benchmark = BENCHMARKS[name]
                truth = load_truth(benchmark.truth, options.every)
                if options.pictures:
                    truth = small(truth, options.pictures)
                    folder = (DATA / benchmark.truth).parent
                    only = [folder / image for image in sorted(truth.images)]
                    engine = engine_of(benchmark, kind, workshop, only)
                elif benchmark.base in engines:
                    engine = engines[benchmark.base]
                else:
                    engine = engine_of(benchmark, kind, workshop)
                    engines = {benchmark.base: engine}
                result = measured(engine, benchmark, workshop, truth)
                results[name][kind].append({"seed": seed, **result})
                print(f"seed {seed}, {kind}, {name}: {result['map_trapezoid']:.4f}", flush=True)
                write(options.json, {"sets": results}, about)
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
