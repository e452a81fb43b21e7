#!/usr/bin/env python3
"""How well a match is decided: shares of queries with a match, if they have an answer or not.

    python scripts/benchmarks/decisions.py [--seeds 0 1 2] [--json FILE]

Queries with an answer: those of the ground truths, whose right answer must be a match. Queries
without: everyday photographs against each index, bottles whose own label is left out, and the drawn
objects of `data/sample` without the other photographs of the object. The vocabularies are those of
`quality.py`, one for each seed. `BOVW_DATA` names the folder with the data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    BENCHMARKS,
    DATA,
    Benchmark,
    conditions,
    load_truth,
    options_parser,
    workshops,
    write,
)

import bovw
from bovw.features import extract_queries

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
PHOTOGRAPHS = 100
SETS = ("beerlabels/gnd", "oxford1k/gnd", "smvs_dvd/gnd+distractors", "ukbench1000/gnd")
EVERY = {"smvs_dvd/gnd+distractors": 4, "ukbench1000/gnd": 8}

Shares = dict[str, list[bool]]


def asked(
    engine: bovw.Engine, cases: Sequence[tuple[Path, set[str], set[str]]], cache: Path
) -> Iterable[tuple[bool, bool]]:
    """For each (query, right answers, left out): is a right answer a match; is any answer one."""
    queries = [query for query, _, _ in cases]
    extracted = extract_queries(queries, engine.settings, cache=cache, n_jobs=-1)
    for (_, right, left_out), (_, features) in zip(cases, extracted, strict=True):
        if isinstance(features, bovw.BovwError):
            raise features
        result = engine.search_features(features, 20, deny=left_out)
        matched = {answer.identifier for answer in result if answer.decision == "match"}
        yield bool(matched & right), bool(matched)


def with_an_answer(name: str, engine: bovw.Engine, shares: Shares, cache: Path) -> None:
    """Ask the queries of a ground truth; bottles also with their own label left out."""
    benchmark: Benchmark = BENCHMARKS[name]
    truth = load_truth(benchmark.truth)
    folder = DATA / Path(benchmark.truth).parent
    known = {Path(record.path).resolve(): record.identifier for record in engine.collection.records}

    def named(images: Iterable[str]) -> set[str]:
        paths = ((folder / image).resolve() for image in images)
        return {known[path] for path in paths if path in known}

    queries = truth.queries[:: EVERY.get(name, 1)]
    cases = [(folder / q.image, named(q.positive), named({*q.junk, q.image})) for q in queries]
    for query, (right, _) in zip(queries, asked(engine, cases, cache), strict=True):
        shares[f"{name}: right"].append(right)
        if "siblings" in query.image:
            shares["siblings: right"].append(right)
    if name.startswith("beerlabels"):
        cases = [(query, set(), right) for query, right, _ in cases]
        for query, (_, wrong) in zip(queries, asked(engine, cases, cache), strict=True):
            shares["bottles without their label: wrong"].append(wrong)
            if "siblings" in query.image:
                shares["siblings without their label: wrong"].append(wrong)


def without_an_answer(name: str, engine: bovw.Engine, shares: Shares, cache: Path) -> None:
    """Ask everyday photographs; where these are in the index as distractors, ask bottles."""
    pictures: Sequence[Path] = sorted((DATA / "distractors").glob("*.jpg"))
    if "distractors" in BENCHMARKS[name].base:
        pictures = sorted((DATA / "beerlabels" / "bottles").glob("*.jpg"))
    cases = [(picture, set[str](), set[str]()) for picture in pictures[:PHOTOGRAPHS]]
    for _, wrong in asked(engine, cases, cache):
        shares[f"{name}: wrong"].append(wrong)
        shares["all photographs: wrong"].append(wrong)


def drawn(
    vocabulary: bovw.Vocabulary, settings: bovw.Settings, shares: Shares, cache: Path
) -> None:
    """Ask the drawn objects of the sample, with and without their other photographs."""
    engine = bovw.Engine.build(
        SAMPLE, vocabulary=vocabulary, settings=settings, cache=cache, n_jobs=-1
    )
    names = [record.identifier for record in engine.collection.records]
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[name.rsplit("_", 1)[0]].add(name)
    same = {name: groups[name.rsplit("_", 1)[0]] for name in names}
    cases = [(SAMPLE / name, same[name] - {name}, {name}) for name in names]
    shares["drawn objects: right"] += [right for right, _ in asked(engine, cases, cache)]
    cases = [(SAMPLE / name, set(), same[name]) for name in names]
    shares["drawn objects: wrong"] += [wrong for _, wrong in asked(engine, cases, cache)]


def main() -> None:
    """Measure with each vocabulary, and print the means with their range."""
    parser = options_parser(__doc__, "keep", "cache", "jobs", "seeds")
    parser.add_argument("--preset", choices=bovw.PRESETS, default="strong")
    options = parser.parse_args()
    settings = bovw.PRESETS[options.preset]
    results: dict[str, list[float]] = defaultdict(list)
    for _, workshop in workshops(settings, options):
        shares: Shares = defaultdict(list)
        for name in SETS:
            engine, _ = workshop.engine(BENCHMARKS[name])
            with_an_answer(name, engine, shares, options.cache)
            without_an_answer(name, engine, shares, options.cache)
        vocabulary, _ = workshop.vocabulary(BENCHMARKS["oxford1k/gnd"].training)
        drawn(vocabulary, workshop.settings, shares, options.cache)
        for row, values in shares.items():
            results[row].append(float(np.mean(values)))
    print(f"{'called a match':<44}{'mean':>8}{'from':>8}{'to':>8}")
    for row, means in sorted(results.items()):
        print(f"{row:<44}{np.mean(means):>8.3f}{min(means):>8.3f}{max(means):>8.3f}")
    found: dict[str, Any] = {row: {"means": means} for row, means in results.items()}
    write(options.json, found, conditions(options.preset, [], settings))


if __name__ == "__main__":
    main()
