#!/usr/bin/env python3
"""An index of many pictures: what building, opening, searching and changing it take.

    python scripts/benchmarks/scale.py SOURCE QUERIES... --pictures N [--keep FOLDER] [--json FILE]

`SOURCE` is an index of real pictures. The pictures of the large index are made of it: each has
parts of three real pictures, whose features are thinned, whose signatures and positions are
jittered, and some of whose words are exchanged. So words occur together as in real pictures, and no
two pictures are copies. Of each query (a picture file), three pictures are planted that contain
half of its features. Opening and searching on a cold disk, the same with pages in memory, and
changing are measured in processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from common import Memory, machine_and_versions, options_parser, status_mb, write
from numpy.typing import NDArray

import bovw
from bovw.collection import Collection, PictureWords, make_segment, slices
from bovw.collection.keypoints import pack_keypoints
from bovw.features import Features, extract_queries
from bovw.index import due
from bovw.parallel import limited_threads
from bovw.pictures import Record
from bovw.search import Stopwatch
from bovw.storage import index_writer

AT_ONCE = 2000
PARTS = 3
PLANTED = 3
SHARE = 0.5  # of a query's features, in a planted picture
Rng = np.random.Generator


class Maker:
    """Makes pictures out of real ones."""

    def __init__(self, source: Collection, seed: int) -> None:
        self.source, self.rng = source, np.random.default_rng(seed)
        self.used = np.flatnonzero(source.sizes > 100)

    def many(self, n: int) -> list[PictureWords]:
        """Make `n` pictures."""
        rng, source = self.rng, self.source
        chosen = rng.choice(self.used, (n, PARTS)).ravel()
        sizes = source.sizes[chosen]
        arrays = [
            slices(array, source.starts[chosen], sizes)
            for array in (source.words, source.signatures, source._keypoints)
        ]
        part = np.repeat(np.arange(n * PARTS), sizes)
        # Of each real picture, an upright or level strip of a third.
        across = rng.integers(0, 2, n * PARTS)[part]
        place = np.where(across == 0, arrays[2][:, 0], arrays[2][:, 1]) / (1 << 16)
        low = rng.random(n * PARTS)[part] * 0.6
        kept = (place >= low) & (place < low + 0.36) & (rng.random(len(part)) < 0.9)
        words, signatures, keypoints = (array[kept] for array in arrays)
        return self.jittered(words, signatures, keypoints, part[kept] // PARTS, n)

    def jittered(
        self,
        words: NDArray[Any],
        signatures: NDArray[np.uint64],
        keypoints: NDArray[np.uint16],
        picture: NDArray[np.integer],
        n: int,
    ) -> list[PictureWords]:
        """Jitter features, and sort them by picture and word."""
        rng, m = self.rng, len(words)
        noise = np.full(m, np.iinfo(np.uint64).max, np.uint64)
        for _ in range(4):  # one bit in sixteen is changed
            noise &= rng.integers(0, 1 << 64, m, np.uint64)
        other = rng.random(m) < 0.1
        words = words.copy()
        words[other] = rng.permutation(words[other])
        shift = rng.integers(-30, 31, (m, 2)) * 4
        moved = keypoints.copy()
        moved[:, :2] = (keypoints[:, :2].astype(int) + shift).clip(0, (1 << 16) - 4) & ~3
        moved[:, :2] |= keypoints[:, :2] & 3
        order = np.lexsort((words, picture))
        ends = np.searchsorted(picture[order], np.arange(n + 1))
        words, signatures, moved = words[order], (signatures ^ noise)[order], moved[order]
        return [PictureWords(words[a:b], signatures[a:b], moved[a:b]) for a, b in pairwise(ends)]

    def planted(self, engine: bovw.Engine, features: Features) -> list[PictureWords]:
        """Pictures that contain half of a query's features."""
        query = engine.index.query([features], Stopwatch()).pictures[0]
        words = query.words[:, 0].astype(self.source.words[:1].dtype)
        packed = pack_keypoints(query.keypoints, query.size)
        made = []
        for other in self.many(PLANTED):
            kept = np.flatnonzero(self.rng.random(len(words)) < SHARE)
            half = self.rng.random(len(other.words)) < 1 - SHARE
            made += self.jittered(
                np.concatenate([words[kept], other.words[half]]),
                np.concatenate([query.signatures[kept, 0], other.signatures[half]]),
                np.concatenate([packed[kept], other.keypoints[half]]),
                np.zeros(len(kept) + int(half.sum()), int),
                1,
            )
        return made


def record(name: str) -> Record:
    """Record of a picture that was made."""
    return Record(name, f"/made/{name}.jpg", 1024, 768, name.rjust(64, "0"), 1, 1)


def build(folder: Path, source: bovw.Engine, queries: Sequence[Features], n: int) -> dict[str, Any]:
    """Build an index of `n` pictures."""
    maker, peak = Maker(source.collection, 0), Memory()
    planted = {
        f"planted/{i:03d}_{j}": picture
        for i, features in enumerate(queries)
        for j, picture in enumerate(maker.planted(source, features))
    }
    n_words = source.vocabulary.n_words_
    engine = bovw.Engine.create(folder, source.vocabulary, settings=source.settings)
    made = spent = 0.0
    begun = time.perf_counter()
    with index_writer(folder, engine.index) as writer:
        for first in range(0, n, AT_ONCE):
            start = time.perf_counter()
            count = min(AT_ONCE, n - first)
            pictures = {f"{first + i:08d}": p for i, p in enumerate(maker.many(count))}
            if first == 0:
                pictures |= planted
            made += time.perf_counter() - start
            start = time.perf_counter()
            names = sorted(pictures)
            segment = make_segment(
                [record(name) for name in names],
                [pictures[name] for name in names],
                n_words,
                number=writer.index.next_number,
            )
            writer.commit(writer.index.grown(segment))
            while numbers := due(writer.index.segment_sizes):
                writer.merge(numbers)
            spent += time.perf_counter() - start
            print(f"{first + count} pictures, {time.perf_counter() - begun:.0f} s", flush=True)
        start = time.perf_counter()
        if n <= 100_000:  # as `bovw index` does
            writer.merge()
        merging = time.perf_counter() - start
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "seconds to make pictures": made,
        "build, seconds": spent + merging,
        "of this the last merge": merging,
        "bytes a feature": size / writer.index.collection.n_features,
        "features a picture": writer.index.collection.n_features / len(writer.index.collection),
        "build, own memory at its peak, MB": peak.end(),
    }


def memory(when: str) -> dict[str, float]:
    """Resident memory of this process in MB: its own, and that of mapped files.

    The system takes pages of mapped files back when it needs them for something else.
    """
    return {
        f"own memory {when}, MB": status_mb("RssAnon"),
        f"mapped files {when}, MB": status_mb("RssFile"),
    }


def searching(folder: Path, queries: Sequence[Features]) -> dict[str, Any]:
    """Measure opening and searching."""
    begun = time.perf_counter()
    engine = bovw.Engine.open(folder)
    result: dict[str, Any] = {"open, seconds": time.perf_counter() - begun}
    result |= memory("after opening")
    begun = time.perf_counter()
    engine.search_features(queries[0])
    result["first search, seconds"] = time.perf_counter() - begun
    histograms = engine.index.histograms
    begun = time.perf_counter()
    histograms.wait()
    result["graphs loaded after, seconds"] = time.perf_counter() - begun
    result |= memory("after the first")
    with limited_threads(1):
        plain = engine.changed(expansion={"method": "none"})
        for name, asked in (("", engine), (" unexpanded", plain)):
            spent: dict[str, list[float]] = {}
            for turn in range(2):  # the second time, the disk's pages are in memory
                for features in queries:
                    watch = Stopwatch()
                    start = time.perf_counter()
                    asked.search_features(features, stopwatch=watch)
                    watch.milliseconds["whole"] = (time.perf_counter() - start) * 1000
                    for stage, value in watch.milliseconds.items():
                        if turn:
                            spent.setdefault(stage, []).append(value)
            result |= memory(f"after {2 * len(queries)} queries{name}")
            for stage, values in spent.items():
                result[f"{stage}{name}, ms"] = float(np.mean(values))
        n = 100
        recall, planted, exact_ms = [], [], []
        for i, features in enumerate(queries):
            histogram = engine.index.query([features], Stopwatch()).histogram
            k = engine.settings.candidates.n_candidates
            found = set(histograms.search(histogram, k)[0][0].tolist())
            start = time.perf_counter()
            exact = histograms.source.scores(histogram)
            exact_ms.append((time.perf_counter() - start) * 1000)
            best = np.lexsort((np.arange(len(exact)), -exact))[:n].tolist()
            recall.append(len(found & set(best)) / n)
            right = {engine.collection.position(f"planted/{i:03d}_{j}") for j in range(PLANTED)}
            planted.append(len(found & right) / PLANTED)
        result["recall of the exact top 100"] = float(np.mean(recall))
        result["recall of planted pictures"] = float(np.mean(planted))
        result["all scored exactly, ms"] = float(np.mean(exact_ms))
    result["method"] = histograms.method
    result["graphs"] = len(histograms.graphs)
    return result


def forgotten(folder: Path) -> None:
    """Ask the system to keep no page of an index in memory, as after a start of the machine."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # only what is on the disk can be forgotten
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def from_disk(folder: Path, queries: Sequence[Features]) -> dict[str, Any]:
    """Measure opening and the first searches when nothing of the index is in memory."""
    forgotten(folder)
    begun = time.perf_counter()
    engine = bovw.Engine.open(folder)
    result: dict[str, Any] = {"open, cold disk, seconds": time.perf_counter() - begun}
    spent = []
    for features in queries[:11]:
        begun = time.perf_counter()
        engine.search_features(features)
        spent.append(time.perf_counter() - begun)
    result["first search, cold disk, seconds"] = spent[0]
    result["each of the next ten, seconds"] = float(np.mean(spent[1:]))
    return result


def changing(folder: Path, source: bovw.Engine) -> dict[str, Any]:
    """Measure adding and removing pictures, and compacting."""
    pictures = Maker(source.collection, 1).many(100)
    engine = bovw.Engine.open(folder)
    result: dict[str, Any] = {}
    peak = Memory()
    with index_writer(folder, engine.index) as writer:
        segment = make_segment(
            [record(f"added/{i:03d}") for i in range(len(pictures))],
            pictures,
            engine.vocabulary.n_words_,
            number=writer.index.next_number,
        )
        start = time.perf_counter()
        writer.commit(writer.index.grown(segment))
        result["adding 100, seconds"] = time.perf_counter() - start
        names = [f"{i:08d}" for i in range(100)]
        start = time.perf_counter()
        writer.commit(writer.index.without(names))
        result["removing 100, seconds"] = time.perf_counter() - start
        tenth = [f"{i:08d}" for i in range(100, len(writer.index.collection) // 10)]
        writer.commit(writer.index.without(tenth))
        start = time.perf_counter()
        writer.merge()
        result["compact after removing a tenth, seconds"] = time.perf_counter() - start
    result["changes, own memory at its peak, MB"] = peak.end()
    return result


def features_of(engine: bovw.Engine, queries: Sequence[Path], cache: Path) -> list[Features]:
    """Extract the features of the queries."""
    found = [f for _, f in extract_queries(queries, engine.settings, cache=cache)]
    return [f for f in found if isinstance(f, Features)]


def in_another_process(options: Any, what: str, folder: Path) -> dict[str, Any]:
    """Run a part of this script, and return what it found."""
    queries = [str(query) for query in options.queries]
    command = [sys.executable, __file__, str(options.source), *queries]
    command += ["--pictures", str(options.pictures), "--part", what, "--keep", str(folder)]
    command += ["--cache", str(options.cache)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Build, measure and print."""
    parser = options_parser(__doc__, "keep", "cache")
    parser.add_argument("source", type=Path)
    parser.add_argument("queries", type=Path, nargs="+", help="picture files")
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument(
        "--part", choices=("build", "cold", "search", "change"), help="only this part"
    )
    options = parser.parse_args()
    if options.part:
        source = bovw.Engine.open(options.source)
        queries = features_of(source, options.queries, options.cache)
        if options.part == "build":
            sys.stdout, printed = sys.stderr, sys.stdout
            found = build(options.keep, source, queries, options.pictures)
            sys.stdout = printed
        elif options.part == "cold":
            found = from_disk(options.keep, queries)
        elif options.part == "search":
            found = searching(options.keep, queries)
        else:
            found = changing(options.keep, source)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "made.bovw"
        results: dict[str, Any] = {"pictures": options.pictures}
        for part in ("build", "cold", "search", "change")[folder.exists() :]:
            results |= in_another_process(options, part, folder)
    for name, value in results.items():
        print(f"{name:<44}{value if isinstance(value, (int, str)) else round(value, 3):>14}")
    write(options.json, results, machine_and_versions())


if __name__ == "__main__":
    main()
