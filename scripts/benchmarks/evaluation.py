#!/usr/bin/env python3
"""How fast rankings are scored, beside ranx; and what re-ranking a large base of vectors takes.

    python scripts/benchmarks/evaluation.py [--queries N] [--ranked N] [--base N] [--json FILE]

Scoring: random full rankings, twenty positives a query, plain AP, trapezoid AP, P@10, nDCG@10, on
one thread. ranx (of the test extra) gets the same as its own arrays, its compilation paid
before; it has no trapezoid AP. Re-ranking: random unit vectors around centres; k-reciprocal and
diffusion, each in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from typing import Any

import numpy as np
from common import machine_and_versions, options_parser, write

from bovw.embeddings import Diffusion, KReciprocal, nearest_rows
from bovw.evaluation import (
    GroundTruth,
    GroundTruthQuery,
    Run,
    score_run,
)
from bovw.parallel import limited_threads

METRICS = ("ap", "ap_trapezoid", "p@10", "ndcg@10")
_POSITIVES = 20


def scoring(n_queries: int, n_ranked: int, repeats: int = 3) -> dict[str, float]:
    """Seconds to score so many rankings, the best of a few runs; ranx beside it."""
    rng = np.random.default_rng(0)
    items = tuple(f"{i:07d}" for i in range(n_ranked))
    rankings = [rng.permutation(n_ranked).astype(np.int32) for _ in range(n_queries)]
    right = [rng.choice(n_ranked, _POSITIVES, replace=False) for _ in range(n_queries)]
    names = [f"q{i}" for i in range(n_queries)]
    truth = GroundTruth(
        frozenset(items),
        tuple(
            GroundTruthQuery(name, positive=frozenset(items[i] for i in mine))
            for name, mine in zip(names, right, strict=True)
        ),
    )
    run = Run("random", items, dict(zip(names, rankings, strict=True)))
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        scores = score_run(run, truth, METRICS)
        seconds.append(time.perf_counter() - begun)
    found = {"bovw": min(seconds), "bovw_per_metric": {}}
    for name in METRICS:
        begun = time.perf_counter()
        score_run(run, truth, [name])
        found["bovw_per_metric"][name] = time.perf_counter() - begun
    try:
        import ranx
    except ImportError:
        print("ranx is not installed: pip install bovw[test]")
        return found
    qrels = np.stack([np.stack([mine, np.ones(_POSITIVES)], axis=1) for mine in right])
    values = np.arange(n_ranked, 0, -1, dtype=np.float64)
    ranked = np.empty((n_queries, n_ranked, 2))
    for row, ranking in enumerate(rankings):
        ranked[row, :, 0], ranked[row, :, 1] = ranking, values
    theirs = {"ap": "map", "p@10": "precision@10", "ndcg@10": "ndcg@10"}
    ranx.evaluate(qrels[:2], ranked[:2], list(theirs.values()), threads=1)
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        means = ranx.evaluate(qrels, ranked, list(theirs.values()), threads=1)
        seconds.append(time.perf_counter() - begun)
    for ours, other in theirs.items():
        assert abs(scores.macro(ours) - means[other]) < 1e-6, (ours, scores.macro(ours), means)
    found["ranx"] = min(seconds)
    return found


def _vectors(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((n // 20 + 1, 512), np.float32)
    rows = centres[rng.integers(0, len(centres), n)]
    rows += 1.5 * rng.standard_normal(rows.shape, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _rerank(method: str, n: int, pipe: Any) -> None:
    base, queries = _vectors(n, 1), _vectors(100, 2)
    begun = time.perf_counter()
    neighbours = nearest_rows(base, base, 51)
    asked = nearest_rows(queries, base, 1000)
    searched = time.perf_counter()
    model = (KReciprocal() if method == "k-reciprocal" else Diffusion()).fit(neighbours)
    fitted = time.perf_counter()
    model.rerank(asked)
    pipe.send(
        {
            "neighbours_seconds": searched - begun,
            "fit_seconds": fitted - searched,
            "milliseconds_per_query": (time.perf_counter() - fitted) * 1000 / len(queries),
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )


def reranking(method: str, n: int) -> dict[str, float]:
    """Time and memory of a method over `n` vectors of 512 dimensions."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_rerank, args=(method, n, theirs))
    process.start()
    theirs.close()
    found: dict[str, float] = ours.recv()
    process.join()
    return found


def main() -> None:
    """Measure and print."""
    parser = options_parser(__doc__)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--ranked", type=int, default=100_000)
    parser.add_argument("--base", type=int, default=50_000, help="vectors to re-rank")
    options = parser.parse_args()

    results: dict[str, Any] = {"queries": options.queries, "ranked": options.ranked}
    with limited_threads(1):
        results["scoring_seconds"] = scoring(options.queries, options.ranked)
    print("scoring, s", results["scoring_seconds"], flush=True)
    for method in ("k-reciprocal", "diffusion"):
        results[method] = reranking(method, options.base)
        print(method, results[method], flush=True)
    write(options.json, results, machine_and_versions())


if __name__ == "__main__":
    main()
