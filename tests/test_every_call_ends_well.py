"""Whatever a public function is given, it ends with a result or with a `BovwError`."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw import cluster
from bovw.cluster import ShardedEngine
from bovw.collection import Overview
from bovw.embeddings import Embeddings, as_embeddings, load_embeddings
from bovw.engine import planned_changes, update_index_of_features
from bovw.errors import BovwError
from bovw.evaluation import Comparison, GroundTruth, GroundTruthQuery, Run, compare_runs, metric
from bovw.exchange import (
    ColmapFeatures,
    HlocFeatures,
    open_features,
    write_colmap,
    write_hloc,
)
from bovw.formats import (
    load_ground_truth,
    load_run,
    load_submission,
    run_from,
    save_submission,
    truth_from,
)
from bovw.groups import Groups
from bovw.index import Index, LsaIndex
from bovw.pictures import find_pictures, find_queries, read_image, read_preview
from bovw.report import (
    comparison_csv,
    comparison_latex,
    comparison_page,
    comparison_text,
    csv_cell,
    draw_matches,
    groups_csv,
    groups_page,
    index_page,
    notebook_html,
    page,
    results_csv,
    save_comparison_page,
    save_page,
    save_plots,
    text_of_cell,
    write_runs,
)
from bovw.search import SearchResult
from bovw.storage import diagnose, load_lsa_index

from .support import SAMPLE

TINY = bovw.Settings().changed(
    features={"max_features": 60, "region_factor": 1.5}, vocabulary={"n_words": 100}
)
PICTURES = sorted((SAMPLE / "posters").glob("poster_0[12]_[123].jpg"))
FOLDER = object()  # stands for a folder that is none of ours
ODD: dict[str, Any] = {
    "None": None,
    "0": 0,
    "-1": -1,
    "2.5": 2.5,
    "nan": float("nan"),
    "1e400": 10**400,
    "true": True,
    "empty text": "",
    "text": "no such thing",
    "NUL": "a\0b",
    "surrogate": "\udcff",
    "bytes": b"no picture",
    "empty list": [],
    "list": ["no such thing", 3],
    "nested": [[[]]],
    "dict": {"a": 1},
    "object": object(),
    "function": lambda *_: 1 / 0,
    "set": {1},
    "generator": (i for i in ()),
    "array": np.zeros((3, 4, 5, 6), np.float32),
    "empty array": np.zeros((0, 128), np.uint8),
    "big-endian": np.arange(256, dtype=">u2").reshape(16, 16),
    "objects": np.array([{}, None], object),
    "text array": np.array(["a"]),
    "file": io.BytesIO(b"GIF89a"),
    "folder": FOLDER,
    "type": int,
    "complex": 1j,
}
Call = tuple[Callable[..., Any], dict[str, Any]]


@dataclass(frozen=True)
class Made:
    """What calls are made with: a tiny index in memory, and what was found in it.

    `folder` has such an index, a compressed one and a vocabulary.
    """

    folder: Path
    index: Index
    compressed: LsaIndex
    result: SearchResult
    compared: Comparison
    overview: Overview
    features: bovw.Features


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("calls")
    vocabulary = bovw.train_vocabulary(PICTURES, settings=TINY)
    bovw.save_vocabulary(vocabulary, folder / "v")
    engine = bovw.Engine.build(PICTURES, vocabulary=vocabulary, settings=TINY)
    engine.save(folder / "i")
    engine.save(folder / "i2")
    from bovw.storage import save_lsa_index

    save_lsa_index(LsaIndex.of(engine.index, 4), folder / "c")
    query, name = PICTURES[0], PICTURES[1].name
    names = frozenset(engine.identifiers)
    truth = GroundTruth(names, (GroundTruthQuery(query.name, positive=frozenset({name})),))
    run = Run.from_scores("r", sorted(names), [query.name], np.arange(len(names))[None] / 9)
    return Made(
        folder,
        engine.index,
        load_lsa_index(folder / "c"),
        engine.search(query, 2, explain=True),
        compare_runs(truth, [run], ["ap"], root=SAMPLE / "posters"),
        engine.overview(2, 2),
        bovw.SiftExtractor(TINY.features).extract(query),
    )


def each(function: Callable[..., Iterator[Any]]) -> Callable[..., list[Any]]:
    """A function that takes all that an iterator yields: some errors come only then."""
    return lambda **given: list(function(**given))


def calls(made: Made) -> dict[str, Call]:
    """Public functions with arguments that are right."""
    query, name = PICTURES[0], PICTURES[1].name
    engine = bovw.Engine(made.index)  # a new one, so that what is removed is there for the next
    folder, result, compared = made.folder, made.result, made.compared
    vocabulary = engine.vocabulary
    descriptors = np.random.default_rng(0).integers(0, 255, (120, 128)).astype(np.uint8)
    given = {name: made.features}
    pipe: dict[str, Any] = {"vocabulary": vocabulary, "settings": TINY, "root": None}
    chosen: dict[str, Any] = {"allow": [name], "deny": [], "verify": 3, "expand": "none"}
    reading: dict[str, Any] = {"root": None, "patterns": None, "on_error": "record"}
    return {
        "search": (engine.search, {"query": query, "k": 2, "region": None, **chosen}),
        "search_many": (engine.search_many, {"queries": [query], "k": 2, **chosen,
                        "on_error": "record", "progress": False}),
        "search_each": (each(engine.search_each), {"queries": [query], "k": 2, **chosen,
                        "also": "mirror", "on_error": "record", "explain": True}),
        "search_stored_each": (each(engine.search_stored_each), {"identifiers": [name], "k": 2,
                               **chosen, "also": "mirror", "on_error": "record"}),
        "search_together": (engine.search_together, {"queries": [query], "k": 2,
                            "combine": "joined", **chosen}),
        "explain": (engine.explain, {"query": query, "identifier": name, "region": None,
                    **chosen}),
        "page": (page, {"results": [result], "explanations": [[]], "sources": {}, "title": "t"}),
        "save_page": (save_page, {"results": result, "path": folder / "p.html"}),
        "results_csv": (results_csv, {"results": [result]}),
        "notebook_html": (notebook_html, {"value": [result]}),
        "draw_matches": (draw_matches, {"found": result, "rank": 1, "ax": None, "lines": True}),
        "comparison_page": (comparison_page, {"comparison": compared, "sources": {}, "title": "t",
                            "n_pictures": 2}),
        "save_comparison_page": (save_comparison_page, {"comparison": compared,
                                 "path": folder / "c.html", "sources": None, "title": None,
                                 "n_pictures": 0}),
        "save_plots": (save_plots, {"comparison": compared, "folder": folder / "plots"}),
        "comparison_text": (comparison_text, {"comparison": compared, "everything": True,
                            "n_queries": 3}),
        "comparison_csv": (comparison_csv, {"comparison": compared}),
        "comparison_latex": (comparison_latex, {"comparison": compared}),
        "write_runs": (write_runs, {"comparison": compared, "folder": folder / "runs"}),
        "csv_cell": (csv_cell, {"text": "=1"}),
        "text_of_cell": (text_of_cell, {"cell": "'=1"}),
        "planned_changes": (planned_changes, {"path": folder / "i", "pictures": [query],
                            "vocabulary": None, "settings": None, "preset": None, "root": None,
                            "patterns": None, "sync": True, "retry": False, "overwrite": False,
                            "origin": "x"}),
        "groups": (engine.groups, {"level": "copies", "keep": "oldest"}),
        "groups_page": (groups_page, {"groups": Groups((), "copies", "largest", 0), "sources": {},
                        "title": "t", "n_pictures": 2}),
        "groups_csv": (groups_csv, {"groups": Groups((), "copies", "largest", 0)}),
        "overview": (engine.overview, {"n_words": 2, "n_examples": 2}),
        "index_page": (index_page, {"overview": made.overview, "facts": {}, "failures": [],
                       "without_features": [], "groups": None, "sources": {}, "title": "t"}),
        "show": (result.show, {"rank": 1, "query": query, "sources": {}}),
        "read_preview": (read_preview, {"source": query, "side": 100, "settings": None,
                         "channels": "bgr"}),
        "rank_many": (engine.rank_many, {"queries": [query], "cache": None}),
        "verify_many": (engine.verify_many, {"queries": [query], "short_lists": [[name]]}),
        "calibrate": (engine.calibrate, {"negatives": [query], "false_accept_rate": 0.1}),
        "changed": (engine.changed, {"geometry": {"verify": 3}, "kernel": {}}),
        "build": (bovw.Engine.build, {"pictures": [query], "vocabulary": vocabulary,
                  "settings": TINY, "preset": "strong", **reading, "cache": None}),
        "create": (bovw.Engine.create, {"path": folder / "made", "vocabulary": vocabulary,
                   "settings": TINY, "preset": "strong", "overwrite": True}),
        "open": (bovw.Engine.open, {"path": folder / "i", "verify": "quick", "trusted": True}),
        "add": (engine.add, {"pictures": [query], **reading, "retry": False, "cache": None,
                "dry_run": True}),
        "sync": (engine.sync, {"pictures": [query], **reading, "dry_run": False}),
        "remove": (engine.remove, {"identifiers": [], "dry_run": True}),
        "save": (engine.save, {"path": folder / "saved", "overwrite": True}),
        "update_index": (bovw.update_index, {"path": folder / "u", "pictures": [query],
                         "vocabulary": vocabulary, "settings": TINY, "preset": None, **reading}),
        "merge": (bovw.merge_indexes, {"indexes": [folder / "i", folder / "i2"],
                  "path": folder / "m", "clash": "first", "prefix": False, "overwrite": True}),
        "train": (bovw.train_vocabulary, {"pictures": [query, *PICTURES[1:3]], "settings": TINY,
                  "root": None, "patterns": None, "on_error": "record", "cache": None}),
        "load_vocabulary": (bovw.load_vocabulary, {"path": folder / "v", "trusted": True}),
        "save_vocabulary": (bovw.save_vocabulary, {"vocabulary": vocabulary,
                            "path": folder / "w", "overwrite": True}),
        "load_settings": (bovw.load_settings, {"source": "strong"}),
        "save_settings": (bovw.save_settings, {"settings": TINY, "path": folder / "s.json"}),
        "settings": (bovw.Settings().changed, {"geometry": {"verify": 3}, "images": {}}),
        "read_image": (read_image, {"source": query, "settings": None, "region": None}),
        "find_pictures": (find_pictures, {"sources": [query], "root": None, "patterns": None}),
        "find_queries": (find_queries, {"sources": [query]}),
        "fit": (bovw.Vocabulary(20).fit, {"X": descriptors}),
        "predict": (vocabulary.predict, {"X": descriptors}),
        "nearest": (vocabulary.nearest, {"X": descriptors, "k": 2}),
        "tfidf": (bovw.TfidfWeighting().fit, {"X": np.eye(3)}),
        "compressed": (made.compressed.search_many, {"queries": [query], "k": 2, "allow": [name],
                       "deny": [], "on_error": "record"}),
        "diagnose": (diagnose, {"path": folder / "i", "repair": False}),
        "ground truth": (load_ground_truth, {"path": SAMPLE / "gnd.json", "format": "json",
                         "difficulty": None, "images": None, "usage": None, "labels": None}),
        "run": (load_run, {"path": SAMPLE / "gnd.json", "ties": "increasing"}),
        "metric": (metric, {"name": "ap"}),
        "Embeddings": (Embeddings, {"identifiers": ("a", "b"), "vectors": np.eye(2)}),
        "load_embeddings": (load_embeddings, {"path": folder / "no.npz", "names": None}),
        "as_embeddings": (as_embeddings, {"source": np.eye(2), "names": ["a", "b"], "key": None}),
        "run_from": (run_from, {"scores": {"q": {"a": 1.0}}, "name": "x"}),
        "truth_from": (truth_from, {"qrels": {"q": {"a": 1}}, "name": "x"}),
        "save_submission": (save_submission, {"path": folder / "s.csv",
                            "rankings": {"q": ["a"]}, "k": 2}),
        "load_submission": (load_submission, {"path": folder / "s.csv", "queries": ["q"],
                            "images": ["a"]}),
        "search_stored": (engine.search_stored, {"identifier": name, "k": 2, **chosen}),
        "pairs": (engine.pairs, {"k": 2, "of": [name], "least": "no", "verify": 3}),
        "indexed_features": (engine.indexed_features, {"identifier": name}),
        "histograms": (engine.histograms, {"kind": "counts"}),
        "from_arrays": (bovw.Features.from_arrays, {"keypoints": np.ones((2, 4)),
                        "descriptors": np.ones((2, 8)), "size": (9, 9), "binary": None,
                        "sha256": None}),
        "from_features": (bovw.Engine.from_features, {"features": given, "origin": "x", **pipe}),
        "add_features": (engine.add_features, {"features": given, "root": None, "sync": False}),
        "update_index_of_features": (update_index_of_features, {"path": folder / "f",
                                     "features": given, "origin": "x", **pipe}),
        "search_features": (engine.search_features, {"features": made.features, "k": 2}),
        "own_words": (bovw.own_words, {"centers": np.eye(9), "descriptors": None, "kind": None}),
        "bag": (bovw.BagOfVisualWords(20).fit, {"X": [descriptors]}),
        "sift": (bovw.SiftTransformer(max_features=20).transform, {"X": [query]}),
        "ColmapFeatures": (ColmapFeatures, {"path": folder / "no.db"}),
        "HlocFeatures": (HlocFeatures, {"path": folder / "no.h5", "root": None}),
        "write_colmap": (write_colmap, {"features": given, "path": folder / "w.db",
                         "kind": "SIFT", "overwrite": True}),
        "write_hloc": (write_hloc, {"features": given, "path": folder / "w.h5",
                       "overwrite": True}),
        "open_features": (open_features, {"path": folder / "no.db", "root": None}),
        "with_candidates": (engine.with_candidates, {"candidates": None, "add": True}),
        "ShardedEngine": (ShardedEngine.open, {"path": folder / "i", "scheduler": "nowhere"}),
        "update_index of a cluster": (cluster.update_index, {"path": folder / "u",
                                      "pictures": [query], "scheduler": "nowhere", **reading}),
        "compare": (bovw.compare, {"ground_truth": SAMPLE / "gnd.json", "systems": [],
                    "fuse": [], "root": None, "metrics": None, "level": 0.9}),
    }  # fmt: skip


NAMES = [
    "search", "search_many", "search_each", "search_stored_each", "search_together", "explain",
    "rank_many", "verify_many",
    "calibrate", "changed", "build", "create", "open", "add", "sync", "remove", "save",
    "update_index", "train", "load_vocabulary", "save_vocabulary", "load_settings",
    "save_settings", "settings", "read_image", "find_pictures", "find_queries", "fit", "predict",
    "nearest", "tfidf", "compressed", "diagnose", "ground truth", "run", "metric", "Embeddings",
    "load_embeddings", "compare", "page", "save_page", "results_csv", "show", "read_preview",
    "groups", "groups_page", "groups_csv", "overview", "index_page",
    "search_stored", "pairs", "indexed_features", "histograms",
    "from_arrays", "from_features", "add_features", "update_index_of_features", "search_features",
    "own_words", "bag", "sift", "ColmapFeatures", "HlocFeatures", "write_colmap", "write_hloc",
    "open_features", "notebook_html", "draw_matches", "comparison_page", "save_comparison_page",
    "save_plots", "comparison_text", "comparison_csv", "comparison_latex", "write_runs",
    "csv_cell", "text_of_cell", "planned_changes",
    "as_embeddings", "run_from", "truth_from", "save_submission",
    "load_submission", "merge",
    "with_candidates", "ShardedEngine", "update_index of a cluster",
]  # fmt: skip


@contextlib.contextmanager
def somewhere_else(folder: Path) -> Iterator[None]:
    """What is written to a relative path must not land in the project."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_with_a_result_or_one_clear_error(name: str, made: Made, tmp_path: Path) -> None:
    every = calls(made)
    assert set(every) == set(NAMES)
    function, right = every[name]
    wrong: list[str] = []
    for parameter in right:
        folder = tmp_path / f"folder for {parameter}"
        folder.mkdir()
        (folder / "notes.txt").write_text("no picture, no index", encoding="utf-8")
        for called, odd in ODD.items():
            value = folder if odd is FOLDER else odd
            with somewhere_else(tmp_path), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    function(**{**right, parameter: value})
                except BovwError as error:
                    if len(str(error)) > 2000:
                        wrong.append(f"{parameter}={called}: {len(str(error))} characters")
                except Exception as error:
                    if callable(value):
                        continue  # what the caller's own function raised
                    wrong.append(f"{parameter}={called}: {type(error).__name__}: {error!s:.100}")
    assert not wrong, "\n".join(wrong)
