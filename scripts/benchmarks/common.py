"""What the benchmarks share: sets and their vocabularies, options, and how figures are written.

`BOVW_DATA` names the folder with the data (default: ../shared/data, beside the project).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import bovw
from bovw.evaluation import GroundTruth, Scores, evaluate
from bovw.formats import load_ground_truth
from bovw.search import FullRanking
from bovw.settings import conditions as machine_and_versions
from bovw.storage import load_vocabulary, save_vocabulary

DATA = Path(os.environ.get("BOVW_DATA", "../shared/data"))
FOLDERS = ("oxford1k", "smvs_dvd", "ukbench1000", "distractors")
"""All pictures of the benchmarks."""


@dataclass(frozen=True)
class Benchmark:
    """A ground truth, the folders that are indexed, and those the vocabulary is trained on.

    Identifiers of the index are relative to `root`, a folder of the data.
    """

    truth: str
    base: tuple[str, ...]
    training: tuple[str, ...]
    root: str = "."


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
    "beerlabels/gnd": Benchmark(
        "beerlabels/gnd.json",
        ("beerlabels/labels",),
        ("distractors", "oxford1k", "ukbench1000", "smvs_dvd"),
        "beerlabels",
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

    def build(
        self, benchmark: Benchmark, vocabulary: Any, only: Sequence[Path] | None = None
    ) -> bovw.Engine:
        """Index the folders of a benchmark, or only some of their pictures, in memory."""
        return bovw.Engine.build(
            only or [DATA / name for name in benchmark.base],
            vocabulary=vocabulary,
            settings=self.settings,
            root=DATA / benchmark.root,
            cache=self.cache,
            n_jobs=self.jobs,
            progress=True,
        )

    def index_folder(self, benchmark: Benchmark) -> Path:
        """Return where the index of a benchmark lies."""
        name = "+".join(benchmark.base).replace("/", "-")
        return self.folder / f"{name}.bovw"

    def engine(self, benchmark: Benchmark) -> tuple[bovw.Engine, dict[str, Any]]:
        """Index the folders of a benchmark, save the index, and open it."""
        key = (*benchmark.base, "/", *benchmark.training)
        if key not in self._engines:
            vocabulary, training_seconds = self.vocabulary(benchmark.training)
            begun = time.perf_counter()
            engine = self.build(benchmark, vocabulary)
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


def workshops(settings: bovw.Settings, options: Any) -> Iterator[tuple[int, Workshop]]:
    """Give each seed of ``--seeds`` with a workshop whose vocabularies have it.

    Vocabularies and indexes are kept in ``--keep``, in a folder for each seed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            place = (options.keep or Path(folder)) / f"s{seed}"
            place.mkdir(parents=True, exist_ok=True)
            seeded = settings.changed(vocabulary={"random_state": seed})
            yield seed, Workshop(seeded, place, options.cache, options.jobs)


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


def evaluated(
    search: Callable[[Any], Sequence[Sequence[str]]],
    paths: Mapping[str, str],
    benchmark: Benchmark,
    truth: GroundTruth,
) -> Scores:
    """Score a search, given the paths of its identifiers, on a ground truth of the data."""
    return evaluate(search, dict(paths), truth, DATA / Path(benchmark.truth).parent)


def scored(
    engine: bovw.Engine, benchmark: Benchmark, truth: GroundTruth, cache: Path
) -> tuple[Scores, list[FullRanking]]:
    """Rank all pictures of an index for all queries of a ground truth; return the rankings, too."""
    rankings: list[FullRanking] = []

    def search(queries: Any) -> list[tuple[str, ...]]:
        rankings.extend(engine.rank_many(queries, cache=cache, progress=True))
        return [ranking.identifiers for ranking in rankings]

    return evaluated(search, paths_of(engine), benchmark, truth), rankings


def paths_of(engine: bovw.Engine) -> dict[str, str]:
    """Paths of the pictures of an index, by identifier."""
    return {record.identifier: record.path for record in engine.collection.records}


def n_s_text(result: Mapping[str, Any]) -> str:
    """N-S of a set that has it, for a table."""
    return "" if result["n_s"] is None else f"{result['n_s']:.3f}"


def status_mb(field: str, process: int | str = "self") -> float:
    """A size of a process, such as "RssAnon", in MB, from /proc; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


class Memory:
    """The largest memory of this process and its workers that is theirs alone, in MB."""

    def __init__(self) -> None:
        self.largest = 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._ended.wait(1):
            # Without what is mapped from files.
            self.largest = max(self.largest, sum(status_mb("RssAnon", p) for p in family()))

    def end(self) -> float:
        """Stop watching."""
        self._ended.set()
        return self.largest


def family() -> list[str]:
    """Names of this process and its children in /proc."""
    children = Path("/proc/self/task").glob("*/children")
    return ["self", *(child for file in children for child in file.read_text().split())]


def conditions(preset: str, changes: list[str], settings: bovw.Settings) -> dict[str, Any]:
    """Say what was measured, and on what."""
    return {
        "preset": preset,
        "changes": changes,
        "settings": settings.to_dict(),
        **machine_and_versions(),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def options_parser(doc: str | None, *names: str, **defaults: Any) -> argparse.ArgumentParser:
    """Make a parser with some of the options that several benchmarks have, and ``--json``."""
    parser = argparse.ArgumentParser(
        description=(doc or "").splitlines()[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known: dict[str, dict[str, Any]] = {
        "sets": {
            "nargs": "+",
            "choices": BENCHMARKS,
            "default": list(BENCHMARKS),
            "metavar": "NAME",
            "help": f"of {', '.join(BENCHMARKS)}",
        },
        "every": {
            "type": int,
            "default": 1,
            "metavar": "N",
            "help": "of sets with over 100 queries, each Nth",
        },
        "keep": {"type": Path, "help": "keep vocabularies and indexes here"},
        "cache": {"type": Path, "default": Path("runs/features"), "help": "keep features here"},
        "jobs": {"type": int, "default": -1},
        "vocabulary": {"type": Path, "help": "default: one is trained on the distractors"},
        "seeds": {"type": int, "nargs": "+", "default": [0, 1, 2], "help": "of the vocabularies"},
    }
    for name in names:
        option = known[name] | ({"default": defaults[name]} if name in defaults else {})
        parser.add_argument(f"--{name}", **option)
    parser.add_argument("--json", type=Path, help="write figures and conditions here")
    return parser


def write(path: Path | None, results: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write figures, and the conditions under which they were taken, when that was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**results, "conditions": about}, indent=1) + "\n")


def vocabulary_at(
    path: Path | None, settings: bovw.Settings, *, cache: Path | None = None, jobs: int = -1
) -> bovw.Vocabulary:
    """Load a vocabulary, or train one on the distractors."""
    if path is not None:
        return load_vocabulary(path, n_jobs=jobs)
    return bovw.train_vocabulary(
        DATA / "distractors", settings=settings, cache=cache, n_jobs=jobs, progress=True
    )
