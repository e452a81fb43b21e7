#!/usr/bin/env python3
"""What it costs to keep an index alive: adding, removing, many segments, size, opening, memory.

    python scripts/benchmarks/growth.py [--vocabulary FOLDER] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Without a vocabulary one is
trained on the distractors. Features come from `--cache`, but for those whose extraction is timed.
Needs some 4 GB of disk for an index of 100,000 pictures, which are the others under other names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    DATA,
    FOLDERS,
    machine_and_versions,
    options_parser,
    status_mb,
    vocabulary_at,
    write,
)

import bovw
from bovw.collection import Catalogue
from bovw.features import SiftExtractor
from bovw.parallel import limited_threads
from bovw.pictures import find_pictures
from bovw.search import candidate_recall
from bovw.storage import load_vocabulary, save_index

OPEN = """
import sys, time
import bovw.engine
begun = time.perf_counter()
engine = bovw.Engine.open(sys.argv[1])
spent = time.perf_counter() - begun
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(spent, float(status["VmHWM"].split()[0]) / 1024)
"""
INDEX = """
import sys
import bovw
bovw.update_index(sys.argv[1], sys.argv[2], vocabulary=bovw.load_vocabulary(sys.argv[3]),
                  cache=sys.argv[4], n_jobs=1)
"""


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def grow(engine: bovw.Engine) -> dict[str, float]:
    """Add pictures through an open engine, search, remove one."""
    files = find_pictures(DATA / "oxford1k", root=DATA)
    known = engine.collection.positions
    new = [f.path for f in files if f.identifier not in known][:10]
    extractor = SiftExtractor(engine.settings.features)
    query = new[0]
    engine.search(query)

    def extract() -> None:
        with limited_threads(1):
            for path in new:
                extractor.extract(path, engine.settings.images)

    extract()
    extraction = timed(extract)
    adding = timed(lambda: engine.add(new, root=DATA))
    first = timed(lambda: engine.search(query))
    assert engine.search(query)[0].identifier in {f.identifier for f in files}
    usual = timed(lambda: engine.search(query))
    name = engine.collection.records[7].identifier
    return {
        "extraction_of_10": extraction,
        "adding_10": adding,
        "first_search_after": first,
        "usual_search": usual,
        "removing_1": timed(lambda: engine.remove(name)),
    }


def recall(engine: bovw.Engine) -> dict[str, dict[int, float]]:
    """Share of the exact nearest histograms that nmslib finds while pictures come and go.

    A ninth of them is new to what it searches, and another ninth has gone.
    """
    found = {}
    names = [record.identifier for record in engine.collection.records]
    for method in ("inverted", "sparse-hnsw", "lsa-hnsw"):
        settings = engine.settings.changed(candidates={"method": method})
        index = replace(engine.index, settings=settings, graphs=())
        before = index.without(names[2::9]).histograms
        after = replace(index.without(names[5::9]), graphs=before.graphs).histograms
        assert after.graphs == before.graphs
        queries = after.source.rows(np.arange(0, len(after), 40))
        found[method] = {k: candidate_recall(after, queries, k) for k in (10, 100, 1000)}
    return found


def search_seconds(engine: bovw.Engine, queries: list[Any]) -> list[float]:
    """Seconds of each search, the features being at hand."""
    with limited_threads(1):
        return [timed(lambda f=f: engine.search_features(f)) for f in queries]  # type: ignore[misc]


def segments(engine: bovw.Engine, folder: Path, vocabulary: bovw.Vocabulary, cache: Path) -> Any:
    """Search the same pictures in twenty segments, and in one."""
    names = find_pictures([DATA / name for name in FOLDERS], root=DATA)
    parts = bovw.Engine.create(folder / "parts.bovw", vocabulary)
    for part in np.array_split(np.arange(len(names)), 20):
        parts.add([names[i].path for i in part], root=DATA, cache=cache)
    extractor = SiftExtractor(engine.settings.features)
    chosen = names[:: len(names) // 40][:40]
    queries = [extractor.extract(f.path, engine.settings.images) for f in chosen]
    whole = bovw.Engine.open(folder / "parts.bovw")
    whole.folder = None  # compacted in memory
    whole.compact()
    spent: dict[str, list[float]] = {"segments": [], "one": []}
    for each in (parts, whole):
        each.search_features(queries[0])
    for query in queries:  # taking turns, so that what else the machine does concerns both
        for name, each in (("segments", parts), ("one", whole)):
            spent[name] += search_seconds(each, [query])
    answers = [[a.identifier for a in e.search_features(queries[3])] for e in (parts, whole)]
    assert answers[0] == answers[1]
    ratio = float(np.median(np.divide(spent["segments"], spent["one"])))
    return {**{k: float(np.mean(v)) for k, v in spent.items()}, "ratio": ratio}


def size(folder: Path, engine: bovw.Engine) -> dict[str, float]:
    """Bytes on disk, all included."""
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "bytes": total,
        "bytes_per_feature": total / engine.collection.n_features,
        "bytes_of_segments_per_feature": sum(
            p.stat().st_size for p in (folder / "segments").rglob("*") if p.is_file()
        )
        / engine.collection.n_features,
    }


def opening(engine: bovw.Engine, folder: Path, n_pictures: int = 100_000) -> dict[str, float]:
    """Open an index of many pictures: the same ones under other names."""
    (segment,) = engine.index.compacted().segments
    copies = -(-n_pictures // len(segment))
    made = []
    for number in range(1, copies + 1):
        records = Catalogue.of(
            replace(r, identifier=f"{number:03d}/{r.identifier}", path=f"/{number:03d}/{r.path}")
            for r in segment.records
        )
        made.append(replace(segment, number=number, records=records))
    large = engine.index.of_segments(made)
    target = folder / "large.bovw"
    save_index(target, large)
    seconds, megabytes = [], []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", OPEN, str(target)], capture_output=True, text=True, check=True
        )
        spent, peak = map(float, done.stdout.split())
        seconds.append(spent)
        megabytes.append(peak)
    return {
        "pictures": len(large.collection),
        "gigabytes": sum(p.stat().st_size for p in target.rglob("*") if p.is_file()) / 1e9,
        "seconds": min(seconds),
        "seconds_first": seconds[0],
        "peak_mb": max(megabytes),
    }


def memory(folder: Path, vocabulary: Path, cache: Path, n_pictures: int = 20_000) -> Any:
    """Index many pictures, the same ones under other names; memory of the process meanwhile."""
    pictures = sorted((DATA / "ukbench1000").glob("*.jpg"))
    names = folder / "many"
    for copy in range(-(-n_pictures // len(pictures))):
        (names / f"{copy:03d}").mkdir(parents=True)
        for picture in pictures:
            (names / f"{copy:03d}" / picture.name).symlink_to(picture.resolve())
    target = folder / "many.bovw"
    begun = time.perf_counter()
    arguments = [str(target), str(names), str(vocabulary), str(cache)]
    process = subprocess.Popen([sys.executable, "-c", INDEX, *arguments])
    by_segment: dict[int, float] = {}
    while process.poll() is None:
        done = len(list((target / "segments").glob("[0-9]*")))
        own = status_mb("RssAnon", process.pid)  # without what is mapped from files
        by_segment[done] = max(by_segment.get(done, 0.0), own)
        time.sleep(0.2)
    assert process.returncode == 0
    engine = bovw.Engine.open(target)
    return {
        "pictures": len(engine),
        "duplicates": engine.info()["n_duplicates"],
        "seconds": time.perf_counter() - begun,
        "peak_anonymous_mb_by_segments_written": by_segment,
    }


def main() -> None:
    """Measure, and print."""
    parser = options_parser(__doc__, "vocabulary", "cache")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="growth, segments, ...")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = options.vocabulary or folder / "v"
        if options.vocabulary is None:
            made = vocabulary_at(None, bovw.Settings(), cache=options.cache)
            bovw.save_vocabulary(made, path)
        vocabulary = load_vocabulary(path)
        every = find_pictures([DATA / f for f in FOLDERS], root=DATA)
        index = folder / "all.bovw"
        engine, _ = bovw.update_index(
            index,
            [f.path for f in every if "/all_souls_" not in f.identifier],
            vocabulary=vocabulary,
            root=DATA,
            cache=options.cache,
            n_jobs=-1,
            progress=True,
        )
        results: dict[str, Any] = {"pictures": len(engine), "size": size(index, engine)}
        print(json.dumps(results, indent=1), flush=True)
        engine.n_jobs = 1
        for what, work in (
            ("growth", lambda: grow(engine)),
            ("recall", lambda: recall(engine)),
            ("segments", lambda: segments(engine, folder, vocabulary, options.cache)),
            ("opening", lambda: opening(engine, folder)),
            ("memory", lambda: memory(folder, path, options.cache)),
        ):
            if options.only and what not in options.only:
                continue
            results[what] = work()
            print(json.dumps({what: results[what]}, indent=1), flush=True)
        write(options.json, results, machine_and_versions())


if __name__ == "__main__":
    main()
