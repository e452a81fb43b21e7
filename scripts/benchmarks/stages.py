#!/usr/bin/env python3
"""Every stage beside what one would take instead, in one run.

    python scripts/benchmarks/stages.py --index INDEX --json stages.json \\
        --markdown docs/performance.md [--stages NAME...] [--runs N]

extraction  OpenCV alone
clustering  scikit-learn's MiniBatchKMeans, Kmeans of faiss
assignment  faiss (flat, HNSW), hnswlib, voyager
candidates  product of sparse matrices by scipy, nmslib's inverted index
queries     whole queries on two sets: asmk, COLMAP's vocabulary tree

`INDEX` holds all benchmark pictures, as `index.py --keep INDEX` leaves it;
assignment and candidates need it. `BOVW_DATA` names the folder with the data
(default: ../shared/data). `pip install 'bovw[benchmark]'` installs the others;
those that are absent are left out. All ways of a stage run in turn, `--runs`
times, and medians are written. Each stage runs in a process of its own. The
JSON file is written after each stage, and keeps the stages that were measured
before: `--stages NAME...` measures some of them again, and `--stages` without
a name only writes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import machine_and_versions, options_parser
from contest import say
from picture_stages import candidates, extraction
from stages_page import page
from whole_queries import queries
from word_stages import assignment, clustering

from bovw.files import write_text

STAGES: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "extraction": extraction,
    "clustering": clustering,
    "assignment": assignment,
    "candidates": candidates,
    "queries": queries,
}
_NEED_INDEX = ("assignment", "candidates")


def options_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = options_parser(
        __doc__, "sets", "cache", "jobs", sets=["oxford1k/gnd", "ukbench1000/gnd"]
    )
    parser.epilog = "\n".join((__doc__ or "").splitlines()[1:])
    parser.add_argument(
        "--stages",
        nargs="*",
        choices=STAGES,
        default=list(STAGES),
        metavar="NAME",
        help="see below",
    )
    parser.add_argument("--markdown", type=Path, help="write the page here")
    parser.add_argument("--index", type=Path, help="an index of all benchmark pictures")
    parser.add_argument("--runs", type=int, default=3, help="of each way (default: 3)")
    sizes = parser.add_argument_group("sizes")
    for name, value, text in (
        ("pictures", 100, "extraction: pictures"),
        ("words", 4096, "clustering: words; 50 descriptors are taken for each"),
        ("descriptors", 20_000, "assignment: descriptors"),
        ("queries", 200, "candidates, queries: at most so many queries (of each set)"),
        ("query-words", 16_384, "queries: words; 50 descriptors are taken for each"),
        ("iterations", 2, "queries: of the training of COLMAP's tree"),
        ("verify", 100, "queries: answers that COLMAP verifies, 0: not at all"),
        ("base", None, "queries: only N pictures besides those that the queries name"),
    ):
        default = f" (default: {value:,})" if value is not None else ""
        sizes.add_argument(
            f"--{name}", type=int, default=value, metavar="N", help=f"{text}{default}"
        )
    parser.add_argument("--part", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    needy = [stage for stage in options.stages if stage in _NEED_INDEX]
    if options.index is None and needy:
        parser.error(f"{' and '.join(needy)}: give --index INDEX, or other --stages")
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: expected at least 1")
    return options


def in_another_process(stage: str, arguments: list[str]) -> list[dict[str, Any]] | None:
    """Measure a stage; None when that failed, which was said."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        # COLMAP and others decide by OMP_NUM_THREADS, when they are imported, how many threads
        # they use; where several are wanted, the stage says so.
        done = subprocess.run(
            [sys.executable, __file__, *arguments, "--part", stage, "--json", str(found)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )
        if done.returncode:
            say(f"{stage}: failed (exit code {done.returncode}); nothing of it is written")
            return None
        tables: list[dict[str, Any]] = json.loads(found.read_text())
        return tables


def kept(path: Path | None) -> dict[str, Any]:
    """What an earlier run has written."""
    if path is None or not path.exists():
        return {}
    stages: dict[str, Any] = json.loads(path.read_text())["stages"]
    return stages


def write(options: argparse.Namespace, stages: dict[str, Any]) -> None:
    """Write both files."""
    ordered = {name: stages[name] for name in STAGES if name in stages}
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_text(options.json, json.dumps({"stages": ordered}, indent=1) + "\n")
    if options.markdown is not None:
        write_text(options.markdown, page(ordered))


def main(arguments: list[str]) -> int:
    """Measure all stages that were asked for."""
    options = options_of(arguments)
    if options.part:
        options.json.write_text(json.dumps(STAGES[options.part](options)))
        return 0
    stages = kept(options.json)
    failed = False
    for number, stage in enumerate(options.stages, 1):
        say(f"== {stage} ({number} of {len(options.stages)})")
        begun = time.perf_counter()
        tables = in_another_process(stage, arguments)
        if tables is None:
            failed = True
            continue
        stages[stage] = {"tables": tables, "conditions": machine_and_versions()}
        write(options, stages)
        say(f"== {stage}: {(time.perf_counter() - begun) / 60:.1f} minutes")
    write(options, stages)
    if options.markdown is None:
        print(page(stages))
    return int(failed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted; stages that were finished are written")
        sys.exit(130)
