"""The stage of stages.py that ranks whole sets: bovw, `asmk` and COLMAP's vocabulary tree."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import BENCHMARKS, DATA, Benchmark, evaluated
from contest import MILLISECONDS, Contestant, Figure, Run, contest, say, threads_text, timed
from other_engines import Asmk, VocabularyTree, train_tree
from word_stages import PER_WORD, sample, spread

import bovw
from bovw.errors import BovwError
from bovw.evaluation import GroundTruth
from bovw.features import FeatureCache, Features, extract_files, extract_query
from bovw.formats import load_ground_truth
from bovw.index import rank_index
from bovw.parallel import limited_threads, worker_count
from bovw.pictures import find_pictures
from bovw.search import Stopwatch
from bovw.vocabulary import Vocabulary

MAP = Figure("map", "mAP", more_is_better=True, digits=3)
N_S = Figure("n_s", "N-S", more_is_better=True, digits=3)

Rankings = Mapping[str, Sequence[str]]


class Arena:
    """The pictures and queries of one set, as features, with words that all engines share."""

    def __init__(self, name: str, options: Any, folder: Path) -> None:
        self.name, self.options, self.folder = name, options, folder
        self.benchmark: Benchmark = BENCHMARKS[name]
        self.truth = smaller(load_ground_truth(DATA / self.benchmark.truth), options)
        root = DATA / Path(self.benchmark.truth).parent
        say(f"{name}: features of the pictures")
        files = find_pictures(
            [DATA / base for base in self.benchmark.base], root=DATA / self.benchmark.root
        )
        if options.base is not None:
            ranked = {(root / image).absolute() for image in self.truth.images}
            files = [file for file in files if Path(file.path).absolute() in ranked]
        self.features: dict[str, Features] = {}
        self.paths: dict[str, str] = {}
        with closing(
            extract_files(
                files,
                bovw.Settings(),
                on_error="raise",
                cache=options.cache,
                n_jobs=options.jobs,
                description="features",
            )
        ) as found:
            for file, features in found:
                if isinstance(features, Features) and len(features):
                    self.features[file.identifier] = features
                    self.paths[file.identifier] = os_path(file.path)
        self.queries: dict[str, Features] = {}
        self._named: dict[tuple[str, Any], str] = {}
        known = {path: identifier for identifier, path in self.paths.items()}
        cache = FeatureCache(options.cache, bovw.Settings())
        for query in self.truth.queries:
            path = os_path(root / query.image)
            is_picture = query.bbox is None and path in known
            name_ = known[path] if is_picture else f"query/{query.name}"
            found_ = extract_query((path, query.bbox), bovw.Settings(), cache)
            if isinstance(found_, BovwError):
                raise found_
            self.queries[name_] = found_
            self._named[path, query.bbox] = name_
        say(f"{name}: words")
        k = options.query_words
        self.sample = sample(spread(self.benchmark.training), k * PER_WORD, options)
        self._plain: Rankings = {}
        self.training_seconds: dict[str, float] = {}
        with limited_threads(worker_count(options.jobs)):
            self.training_seconds["bovw"], self.vocabulary = timed(
                lambda: Vocabulary(k, n_jobs=options.jobs, progress=True).fit(self.sample)
            )

    def scored(self, rankings: Rankings) -> dict[str, float]:
        """Quality of rankings, by the names of `queries`."""

        def search(asked: Any) -> list[Sequence[str]]:
            return [rankings[self._named[os_path(path), box]] for path, box in asked]

        scores = evaluated(search, self.paths, self.benchmark, self.truth)
        found = {"map": scores.macro("ap_trapezoid")}
        if "n_s" in scores.metrics:
            found["n_s"] = scores.macro("n_s")
        return found

    def one_by_one(self, search: Callable[[Features], Sequence[str]]) -> Run:
        """A run in which an engine answers all queries, one after the other, by one thread."""

        def run() -> dict[str, float]:
            with limited_threads(1):
                seconds, rankings = timed(lambda: {n: search(q) for n, q in self.queries.items()})
            return {"milliseconds": seconds / len(self.queries) * 1000, **self.scored(rankings)}

        return run

    def ours(self, preset: str) -> Run:
        """A run of our engine."""
        engine = bovw.Engine.from_features(
            self.features, vocabulary=self.vocabulary, preset=preset, n_jobs=1, progress=True
        )

        def search(query: Features) -> Sequence[str]:
            return rank_index(engine.index, query, "", Stopwatch()).identifiers

        search(next(iter(self.queries.values())))  # the first search computes tables
        return self.one_by_one(search)

    def asmk(self) -> Run:
        """A run of `asmk`."""
        import faiss

        faiss.omp_set_num_threads(1)
        return self.one_by_one(Asmk(self.features, self.vocabulary).search)

    def tree(self, verify: int) -> Run:
        """A run of COLMAP's vocabulary tree; those that were not verified follow the others."""
        path, options = self.folder / "tree.bin", self.options
        if not path.exists():
            say(f"{self.name}: training COLMAP's tree, which takes minutes")
            threads = worker_count(options.jobs)
            self.training_seconds["COLMAP"], _ = timed(
                lambda: train_tree(
                    self.sample, options.query_words, options.iterations, threads, path
                )
            )
        database = self.folder / "database.db"
        tree = VocabularyTree(self.features, self.queries, path, database, verify=verify)

        def run() -> dict[str, float]:
            with limited_threads(1):
                seconds, rankings = timed(tree.search_all)
            if not verify:  # these run before those that are verified
                self._plain = rankings
            whole = {
                name: list(dict.fromkeys([*ranked, *self._plain[name]]))
                for name, ranked in rankings.items()
            }
            return {"milliseconds": seconds / len(self.queries) * 1000, **self.scored(whole)}

        return run

    def contest(self) -> dict[str, Any]:
        """Run all engines."""
        verify, options = self.options.verify, self.options
        figures = [MILLISECONDS, MAP]
        if all(len(query.positive) == 3 for query in self.truth.queries):
            figures.append(N_S)
        colmap = "pycolmap", "pycolmap"
        table = contest(
            self.name,
            [
                Contestant(
                    "bovw strong",
                    "its default: two kernels, 100 pictures verified, three rounds of query "
                    "expansion.",
                    lambda: self.ours("strong"),
                ),
                Contestant(
                    "bovw fast",
                    "the preset `fast` (one kernel, one word a feature, 30 pictures verified, no "
                    "expansion) with as many features as the others.",
                    lambda: self.ours("fast"),
                ),
                Contestant(
                    "asmk",
                    "ASMK* with the words of bovw, five for each feature of a query; no geometry.",
                    self.asmk,
                    "asmk",
                    "asmk",
                ),
                Contestant(
                    "COLMAP's vocabulary tree",
                    f"with words of its own, from the same descriptors in {options.iterations} "
                    "iterations; five words for each feature of a query; Hamming embedding.",
                    lambda: self.tree(0),
                    *colmap,
                ),
                Contestant(
                    f"COLMAP's vocabulary tree, {verify} verified",
                    "the same, with its geometric verification; all others follow in the order "
                    "without it.",
                    lambda: self.tree(verify),
                    *colmap,
                ),
            ][: 5 if verify else 4],
            figures,
            options.runs,
            "",
        )
        spent = ", ".join(f"{name} {s:.0f}" for name, s in self.training_seconds.items())
        table["sizes"] = (
            f"{len(self.queries)} queries, {len(self.features):,} pictures, "
            f"{self.vocabulary.n_words_:,} words from {len(self.sample):,} descriptors of other "
            "pictures. Every engine gets the same features, and ranks all pictures; one thread, "
            "without the extraction of features. Seconds to train the words, once, with "
            f"{threads_text(worker_count(options.jobs))}: {spent}."
        )
        table["training_seconds"] = self.training_seconds
        return table


def os_path(path: Any) -> str:
    """A path as text, absolute, links kept."""
    return str(Path(path).absolute())


def smaller(truth: GroundTruth, options: Any) -> GroundTruth:
    """Keep some queries, spread evenly, and with ``--base`` only some pictures besides theirs."""
    n = min(options.queries, len(truth.queries))
    at = np.linspace(0, len(truth.queries) - 1, n).astype(int)
    queries = tuple(truth.queries[i] for i in at)
    if options.base is None:
        return replace(truth, queries=queries)
    named = {name for q in queries for name in (q.image, *q.positive, *q.junk)}
    others = sorted(truth.images - named)[: options.base]
    return replace(truth, queries=queries, images=truth.images & (named | set(others)))


def queries(options: Any) -> list[dict[str, Any]]:
    """Rank the pictures of each set by all engines."""
    tables = []
    for name in options.sets:
        with tempfile.TemporaryDirectory() as folder:
            tables.append(Arena(name, options, Path(folder)).contest())
    return tables
