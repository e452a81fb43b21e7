#!/usr/bin/env python3
"""What each step of the order of verified answers is worth, over the same verifications.

    python scripts/benchmarks/order.py [--seeds 0 1 2] [--sets NAME...] [--every N] [--json FILE]

Each query is searched once with each vocabulary (those of quality.py, one for each seed); then
its answers are put in order in several ways. Columns: mAP of all objects, of the half on which the
order was chosen, and of the other half, which confirms it; means over the vocabularies, and the
range of the first. `BOVW_DATA` names the folder with the data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    conditions,
    evaluated,
    halves,
    load_truth,
    options_parser,
    paths_of,
    workshops,
    write,
)
from numpy.typing import NDArray

import bovw
from bovw.features import Features, extract_queries
from bovw.search import Ranking
from bovw.search.decision import weigh

Floats = NDArray[np.float32]


class Order:
    """One ranking, and what its answers can be sorted by."""

    def __init__(self, ranking: Ranking, n_features: int, size: tuple[int, int], settings: Any):
        found = [ranking.found.get(position) for position in ranking.positions.tolist()]
        self.similarity: Floats = np.maximum(ranking.similarities, 0)
        self.evidence: Floats = ranking.evidence
        self.weight: Floats = np.array(
            [1.0 if one is None else one.verification.weight for one in found], np.float32
        )
        weighed = weigh(found, ranking.similarities, [size], n_features, settings)
        self.strength: Floats = weighed.strength
        self.verified = ranking.evidence >= settings.min_evidence
        self.direct = weighed.direct & self.verified
        self.matched = weighed.direct & (weighed.contrast >= settings.match_evidence)

    def first(self, strength: Floats, *, matches: bool = False) -> Floats:
        """Direct answers, then other verified ones, then the rest by similarity."""
        tier = self.verified.astype(np.float64) + self.direct + (self.matched if matches else 0)
        share = strength / (strength + 20)
        if matches:
            tier[self.matched] = 3
        return np.asarray(np.where(tier > 0, tier + share, self.similarity))


STEPS: dict[str, Callable[[Order], Floats]] = {
    "similarity + e / (e + 20)": lambda o: np.asarray(
        10.0 * o.direct + o.similarity + o.weight * o.evidence / (o.weight * o.evidence + 20)
    ),
    "evidence e": lambda o: o.first(o.evidence),
    "weight x e": lambda o: o.first(o.weight * o.evidence),
    "weight x e x sqrt(similarity)": lambda o: o.first(
        o.weight * o.evidence * np.sqrt(o.similarity)
    ),
    "+ shared places count less": lambda o: o.first(o.strength),
    "+ matches first (as it is)": lambda o: o.first(o.strength, matches=True),
}


def rankings(
    engine: bovw.Engine, queries: Sequence[Any], cache: Path
) -> list[tuple[Ranking, Order]]:
    """Search with each query, without the last step."""
    found = []
    for name, features in extract_queries(queries, engine.settings, cache=cache, n_jobs=-1):
        if not isinstance(features, Features):
            raise SystemExit(f"{name}: {features}")
        ranking = engine.index.rank([features], len(engine))
        n, size, settings = len(features), features.size, engine.settings.geometry
        found.append((ranking, Order(ranking, n, size, settings)))
    return found


def measure(engine: bovw.Engine, name: str, every: int, cache: Path) -> dict[str, list[float]]:
    """For each step: mAP of all objects and of both halves, and P@1 of siblings if there are."""
    benchmark = BENCHMARKS[name]
    truth = load_truth(benchmark.truth, every)
    names = np.array([record.identifier for record in engine.collection.records])
    known: list[tuple[Ranking, Order]] = []
    results = {}
    for step, by in STEPS.items():

        def search(
            queries: Sequence[Any], by: Callable[[Order], Floats] = by
        ) -> list[tuple[str, ...]]:
            if not known:
                known.extend(rankings(engine, queries, cache))
            return [
                tuple(names[r.positions[np.lexsort((r.positions, -by(order)))]])
                for r, order in known
            ]

        scores = evaluated(search, paths_of(engine), benchmark, truth)
        values = list(scores.of("ap_trapezoid"))
        siblings = ["siblings" in query for query in scores.queries]
        results[step] = [float(np.mean(values)), *halves(values, scores.groups)]
        if any(siblings):
            results[step].append(float(np.mean(np.array(scores.of("p@1"))[siblings])))
    return results


def main() -> None:
    """Measure with each vocabulary, and print the means."""
    parser = options_parser(__doc__, "sets", "every", "keep", "cache", "jobs", "seeds")
    options = parser.parse_args()
    results: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for _, workshop in workshops(bovw.PRESETS["strong"], options):
        for name in options.sets:
            engine, _ = workshop.engine(BENCHMARKS[name])
            for step, values in measure(engine, name, options.every, options.cache).items():
                results[name][step].append(values)
    print(f"{'':<34}{'mAP':>7}{'chosen':>8}{'confirm':>9}{'from':>8}{'to':>7}{'siblings P@1':>15}")
    for name, steps in results.items():
        print(name)
        for step, runs in steps.items():
            means = np.mean(runs, axis=0)
            alone = [run[0] for run in runs]
            siblings = f"{means[3]:>15.2f}" if len(means) > 3 else ""
            print(
                f"  {step:<32}{means[0]:>7.3f}{means[1]:>8.3f}{means[2]:>9.3f}"
                f"{min(alone):>8.3f}{max(alone):>7.3f}{siblings}"
            )
    about = conditions("strong", [f"--every {options.every}"], bovw.PRESETS["strong"])
    write(options.json, {"sets": results}, about)


if __name__ == "__main__":
    main()
