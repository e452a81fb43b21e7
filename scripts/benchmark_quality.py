#!/usr/bin/env python3
"""Quality and speed on photographs with ground truth, with vocabularies of other pictures.

    python scripts/benchmark_quality.py [--sets NAME...] [--preset NAME] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Features are kept in
`--cache`, so a second run reads each picture from there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import bovw
from bovw.evaluation import GroundTruth, Scores, evaluate
from bovw.formats import load_ground_truth
from bovw.settings import conditions as machine_and_versions
from bovw.storage import load_vocabulary, save_vocabulary

DATA = Path(os.environ.get("BOVW_DATA", "../shared/data"))


@dataclass(frozen=True)
class Benchmark:
    """A ground truth, the folders that are indexed, and those the vocabulary is trained on."""

    truth: str
    base: tuple[str, ...]
    training: tuple[str, ...]


_OXFORD = ("distractors", "ukbench1000", "smvs_dvd")
_DVD = ("oxford1k", "ukbench1000")
BENCHMARKS = {
    "oxford1k/gnd": Benchmark("oxford1k/gnd.json", ("oxford1k",), _OXFORD),
    "oxford1k/gnd_rox": Benchmark("oxford1k/gnd_rox.json", ("oxford1k",), _OXFORD),
    "smvs_dvd/gnd+distractors": Benchmark("smvs_dvd/gnd.json", ("smvs_dvd", "distractors"), _DVD),
    "smvs_dvd/gnd_all+distractors": Benchmark(
        "smvs_dvd/gnd_all.json", ("smvs_dvd", "distractors"), _DVD
    ),
    "ukbench1000/gnd": Benchmark(
        "ukbench1000/gnd.json", ("ukbench1000",), ("distractors", "oxford1k", "smvs_dvd")
    ),
}


class Workshop:
    """Makes vocabularies and indexes, each once; vocabularies of an earlier run are taken up."""

    def __init__(self, settings: bovw.Settings, folder: Path, cache: Path, jobs: int) -> None:
        self.settings, self.folder, self.cache, self.jobs = settings, folder, cache, jobs
        self._vocabularies: dict[tuple[str, ...], tuple[bovw.Vocabulary, float]] = {}
        self._engines: dict[tuple[str, ...], tuple[bovw.Engine, dict[str, Any]]] = {}

    def vocabulary(self, folders: tuple[str, ...]) -> tuple[bovw.Vocabulary, float]:
        """Train a vocabulary on folders of the data."""
        if folders not in self._vocabularies:
            kept = self.folder / f"{'+'.join(folders)}.vocabulary"
            if kept.exists():
                return load_vocabulary(kept, n_jobs=self.jobs), float("nan")
            begun = time.perf_counter()
            vocabulary = bovw.train_vocabulary(
                [DATA / name for name in folders],
                settings=self.settings,
                root=DATA,
                cache=self.cache,
                n_jobs=self.jobs,
                progress=True,
            )
            self._vocabularies[folders] = vocabulary, time.perf_counter() - begun
            save_vocabulary(vocabulary, kept)
        return self._vocabularies[folders]

    def index_folder(self, benchmark: Benchmark) -> Path:
        """Return where the index of a benchmark lies."""
        return self.folder / f"{'+'.join(benchmark.base)}.bovw"

    def engine(self, benchmark: Benchmark) -> tuple[bovw.Engine, dict[str, Any]]:
        """Index the folders of a benchmark, save the index, and open it."""
        key = (*benchmark.base, "/", *benchmark.training)
        if key not in self._engines:
            vocabulary, training_seconds = self.vocabulary(benchmark.training)
            begun = time.perf_counter()
            engine = bovw.Engine.build(
                [DATA / name for name in benchmark.base],
                vocabulary=vocabulary,
                settings=self.settings,
                root=DATA,
                cache=self.cache,
                n_jobs=self.jobs,
                progress=True,
            )
            seconds = time.perf_counter() - begun
            folder = self.index_folder(benchmark)
            engine.save(folder, overwrite=True)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            pictures = sum(p.stat().st_size for p in (folder / "segments").rglob("*.npy"))
            opened = bovw.Engine.open(folder, n_jobs=self.jobs)
            _ = opened.index.histograms
            facts = {
                "training_seconds": training_seconds,
                "index_seconds_per_picture": seconds / len(engine),
                "features_per_picture": engine.collection.n_features / len(engine),
                "bytes_per_picture": pictures / len(engine),
                "index_bytes": size,
            }
            self._engines[key] = opened, facts
        return self._engines[key]


def load_truth(name: str, every: int = 1) -> GroundTruth:
    """Read a ground truth of the data; of more than 100 queries it keeps every Nth."""
    truth = load_ground_truth(DATA / name)
    if len(truth.queries) > 100:
        truth = replace(truth, queries=truth.queries[::every])
    return truth


def halves(values: list[float], groups: tuple[str, ...]) -> list[float]:
    """Means over every other object, and over the rest."""
    rank = np.unique(groups, return_inverse=True)[1]
    return [float(np.mean(np.array(values)[rank % 2 == half])) for half in (0, 1)]


def figures(scores: Scores) -> dict[str, Any]:
    """The averages of a set."""
    n_s = scores.macro("n_s") if "n_s" in scores.metrics else None
    return {
        "n_queries": len(scores.queries),
        "n_without_positives": scores.n_without_positives,
        "n_ranked": scores.n_ranked,
        "map": scores.macro("ap"),
        "map_trapezoid": scores.macro("ap_trapezoid"),
        "p_at_1": scores.macro("p@1"),
        "p_at_5": scores.macro("p@5"),
        "p_at_10": scores.macro("p@10"),
        "n_s": n_s,
    }


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
    scores = evaluate(
        search,
        {record.identifier: record.path for record in engine.collection.records},
        truth,
        DATA / Path(benchmark.truth).parent,
    )
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


def conditions(preset: str, changes: list[str], settings: bovw.Settings) -> dict[str, Any]:
    """Say what was measured, and on what."""
    return {
        "preset": preset,
        "changes": changes,
        "settings": settings.to_dict(),
        **machine_and_versions(),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Run the benchmarks and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--preset", choices=bovw.PRESETS, default="strong")
    parser.add_argument(
        "--change",
        action="append",
        default=[],
        metavar="ROOM.FIELD=VALUE",
        help="change a setting, such as geometry.verify=0 (the value is JSON); may be repeated",
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="of sets with over 100 queries, each Nth"
    )
    parser.add_argument("--json", type=Path, help="write metrics, times and conditions here")
    parser.add_argument("--cache", type=Path, default=Path("runs/features"))
    parser.add_argument("--keep", type=Path, help="keep vocabularies and indexes here")
    parser.add_argument("--jobs", type=int, default=-1)
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
            n_s = "" if result["n_s"] is None else f"{result['n_s']:.3f}"
            print(
                f"{name:<30}{result['map_trapezoid']:>8.4f}{result['p_at_1']:>8.4f}{n_s:>8}"
                f"{result['milliseconds_per_query']:>10.1f}",
                flush=True,
            )
    about = conditions(options.preset, [*options.change, f"--every {options.every}"], settings)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**results, "conditions": about}, indent=1) + "\n")


if __name__ == "__main__":
    main()
