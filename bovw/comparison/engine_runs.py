"""Runs of the classical engine: its own rankings, and answers of other systems that it verified."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..engine import Engine
from ..evaluation import GroundTruth, Run, left_out, names_in_truth, queries_in_base, query_paths
from ..features import SiftExtractor
from ..parallel import limited_threads
from ..pictures import read_image
from .fusion import (
    put_first,
)

_TIMED = 20


def engine_run(
    engine: Engine,
    truth: GroundTruth,
    root: str | os.PathLike[str],
    name: str,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Run:
    """Rank a whole index for every query.

    Parameters
    ----------
    engine : Engine
    truth : GroundTruth
    root : path
        The folder to which the names in the ground truth are relative.
    name : str
        Name of the run.
    cache, progress
        See `Engine.rank_many`.
    """
    names = _names(engine, truth, root)
    truth.check_images(set(names.values()), f"in {name!r} (index them, or name their folder: root)")
    rankings = engine.rank_many(query_paths(truth, root), cache=cache, progress=progress)
    ranked, scores, spent = {}, {}, []
    for query, ranking in zip(truth.queries, rankings, strict=True):
        # Pictures with the score 0 share a word with the query, but no feature matches. Leave them
        # out: `Run` puts them last, in order of name.
        scored = ranking.scores[: len(np.trim_zeros(ranking.scores, "b"))]
        kept = [i for i, _ in enumerate(scored) if ranking.identifiers[i] in names]
        ranked[query.name] = [names[ranking.identifiers[i]] for i in kept]
        scores[query.name] = scored[kept].tolist()
        spent.append(sum(v for k, v in ranking.milliseconds.items() if k != "features"))
    facts = {
        "milliseconds": float(np.mean(spent)),
        "index_seconds": index_seconds(engine),
        "bytes": engine.index.bytes_per_picture,
    }
    return Run.from_names(name, ranked, items=list(names.values()), scores=scores, facts=facts)


def index_seconds(engine: Engine) -> float:
    """Seconds per picture to read it, describe it and assign words, with one thread.

    It is measured on a few pictures of the index; NaN when no picture file exists.
    """
    records = engine.collection.records
    chosen = records[:: max(1, len(records) // _TIMED)][:_TIMED]
    paths = [record.path for record in chosen if Path(record.path).is_file()]
    if not paths or (engine.extractor is None and not engine.index.is_ours):
        return float("nan")
    extractor = engine.extractor or SiftExtractor(engine.settings.features)
    with limited_threads(1):
        engine.vocabulary.predict(np.zeros((0, 0), np.uint8))  # loads the graph
        begun = time.perf_counter()
        for path in paths:
            image = read_image(path, engine.settings.images)
            descriptors = extractor.extract_image(image).descriptors
            engine.vocabulary.signatures(descriptors, engine.vocabulary.predict(descriptors))
        return (time.perf_counter() - begun) / len(paths)


def _names(engine: Engine, truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    return names_in_truth(_paths(engine), truth, root)


def _paths(engine: Engine) -> dict[str, str]:
    return {record.identifier: record.path for record in engine.collection.records}


def paths_of(engine: Engine, truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    """Files of the pictures that are ranked, by their name in the ground truth."""
    paths = _paths(engine)
    return {
        name: paths[identifier] for identifier, name in names_in_truth(paths, truth, root).items()
    }


def contents(engine: Engine, truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    """SHA-256 of each picture of the base, by its name in the ground truth."""
    names = _names(engine, truth, root)
    hashes = {record.identifier: record.sha256 for record in engine.collection.records}
    return {name: hashes[identifier] for identifier, name in names.items()}


def query_contents(truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    """SHA-256 of the picture of each query, by name of the query; missing files are left out."""
    found = {}
    for query in truth.queries:
        path = Path(root) / query.image
        if path.is_file():
            found[query.name] = _hash(path)
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _add_contents(
    base: dict[str, str], truth: GroundTruth, root: str | os.PathLike[str]
) -> list[str]:
    """Hash files whose hash no index knows; return the names of pictures without hash and file."""
    sizes: dict[str, int] = {}
    for name in {*base, *(query.image for query in truth.queries)}:
        path = Path(root) / name
        if path.is_file():
            sizes[name] = path.stat().st_size
    asked = {sizes.get(query.image) for query in truth.queries}
    for name, content in base.items():
        # A file of a size that no query has cannot have the content of a query.
        if not content and name in sizes and sizes[name] in asked:
            base[name] = _hash(Path(root) / name)
    return [name for name, content in base.items() if not content and name not in sizes]


def training_overlap(engine: Engine, tested: set[str]) -> int:
    """How many pictures (by content) the vocabulary was trained on that are in the test."""
    return len(tested & set((engine.vocabulary.made_with_ or {}).get("pictures", ())))


def checked_contents(
    truth: GroundTruth,
    root: str | os.PathLike[str],
    engines: Mapping[str, Engine],
    items: Sequence[str] = (),
) -> tuple[dict[str, frozenset[str]], list[str]]:
    """Find queries in the base by content, and vocabularies that were trained on test pictures.

    Parameters
    ----------
    truth : GroundTruth
    root : path
        The folder to which the names in the ground truth are relative.
    engines : mapping of str to Engine
        Engines by name of the system.
    items : sequence of str
        Pictures that are ranked in addition to the base of the ground truth.

    Returns
    -------
    dict of str to frozenset of str
        The argument `same` of `score_run`.
    list of str
        Notes for the reader of the scores.
    """
    asked = query_contents(truth, root)
    base = dict.fromkeys([*sorted(truth.images), *items], "")
    for engine in engines.values():
        base.update(contents(engine, truth, root))
    absent = _add_contents(base, truth, root)
    tested = {*base.values(), *asked.values()} - {""}
    notes = [
        f"the vocabulary of {name} was trained on {overlap} of the pictures that are searched or "
        "asked, so the scores are too high: train it on others"
        for name, engine in engines.items()
        if (overlap := training_overlap(engine, tested))
    ]
    for name, engine in engines.items():
        if out := left_out(_paths(engine), truth, root):
            notes.append(
                f"{len(out)} pictures of {name} lie in {os.fspath(root)}, are not in the base, and "
                "were left out: if they should be ranked, name the whole base (images)"
            )
    if not asked or len(absent) == len(base):
        notes.append(
            "queries were looked for in the base by name only: "
            f"{'those of the base' if asked else 'their pictures'} are not in {os.fspath(root)}"
        )
    elif absent or len(asked) < len(truth.queries):
        notes.append(
            f"{len(absent)} of {len(base)} pictures of the base and "
            f"{len(truth.queries) - len(asked)} of {len(truth.queries)} queries are not in "
            f"{os.fspath(root)}: these queries were looked for by name only"
        )
    return queries_in_base(truth, base, asked), notes


def verified_run(
    run: Run,
    engine: Engine,
    truth: GroundTruth,
    root: str | os.PathLike[str],
    name: str,
    *,
    depth: int = 100,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Run:
    """Let the classical engine verify the first answers of another system.

    Verified answers come first, in the order of the engine. The others follow in the order of the
    other system. Pictures that the other system did not return are not verified.
    """
    run.check_queries([query.name for query in truth.queries])
    identifiers = {n: i for i, n in _names(engine, truth, root).items()}
    place = {item: i for i, item in enumerate(run.items)}
    lists = [
        [identifiers[n] for n in names if n in identifiers]
        for names in (
            run.ranked_names(q.name, min(depth, run.count(q.name))) for q in truth.queries
        )
    ]
    results = engine.verify_many(query_paths(truth, root), lists, cache=cache, progress=progress)
    names = {identifier: n for n, identifier in identifiers.items()}
    rankings, spent = {}, []
    for query, result in zip(truth.queries, results, strict=True):
        verified = [place[names[a.identifier]] for a in result if a.verified]
        rankings[query.name] = np.asarray(
            put_first(run.rankings[query.name], np.array(verified, np.int32)), np.int32
        )
        spent.append(sum(result.milliseconds.values()))
    facts: dict[str, Any] = {
        "milliseconds": float(run.facts.get("milliseconds", np.nan)) + float(np.mean(spent)),
        "bytes": float(run.facts.get("bytes", np.nan)) + engine.index.bytes_per_picture,
    }
    return Run(name, run.items, rankings, {}, facts, {q: run.count(q) for q in rankings})
