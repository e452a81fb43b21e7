"""Evaluating an index against a ground truth: what is ranked, and under which names.

Ranked is the whole index. Taken out for every query are those pictures of the ground truth's own
folder that it does not name as its base; what lies elsewhere, as distractors do, is wrong. A
picture without a score stands behind all others, in order of identifier.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ..errors import GroundTruthError
from .ground_truth import Box, GroundTruth
from .run import Run
from .scoring import Scores, score_run

Search: TypeAlias = Callable[[Sequence["tuple[str, Box | None]"]], Sequence[Sequence[str]]]


def evaluate(
    search: Search,
    paths: Mapping[str, str],
    truth: GroundTruth,
    root: str | os.PathLike[str],
    metrics: Sequence[str] | None = None,
    *,
    same: Mapping[str, frozenset[str]] | None = None,
) -> Scores:
    """Rank an index for every query of a ground truth, and score the rankings.

    Parameters
    ----------
    search : callable
        Takes a list of (path of the query, box or None) and gives, for each, the identifiers of
        the index, best first. What it leaves out is ranked last.
    paths : mapping of str to str
        Path of every identifier in the index.
    truth : GroundTruth
    root : path
        The folder to which the names of the ground truth are relative.
    metrics, same
        See `score_run`; by default the N-S score as well, where every query has three positives.

    Raises
    ------
    GroundTruthError
        When pictures of the ground truth are not in the index, or a query is not in `root`.
    """
    names = names_in_truth(paths, truth, root)
    truth.check_images(set(names.values()), "in the index (index them, or name their folder: root)")
    queries = query_paths(truth, root)
    rankings = dict(zip((q.name for q in truth.queries), search(queries), strict=True))
    run = Run.from_names(
        "the index",
        {q: [names[i] for i in ranked if i in names] for q, ranked in rankings.items()},
        items=list(names.values()),
    )
    if metrics is None:
        quartets = all(len(query.positive) == 3 for query in truth.queries)
        metrics = [*truth.metrics, *(["n_s"] if quartets and "n_s" not in truth.metrics else [])]
    return score_run(run, truth, metrics, same=same)


def query_paths(truth: GroundTruth, root: str | os.PathLike[str]) -> list[tuple[str, Box | None]]:
    """Paths and boxes of all queries; a GroundTruthError names those that are not there."""
    queries = [(os.fspath(Path(root) / query.image), query.bbox) for query in truth.queries]
    absent = sorted({path for path, _ in queries if not Path(path).is_file()})
    if absent:
        raise GroundTruthError(
            f"{len(absent)} query pictures are not there (name the folder to which they are "
            "relative: root): " + ", ".join(absent)
        )
    return queries


def names_in_truth(
    paths: Mapping[str, str], truth: GroundTruth, root: str | os.PathLike[str]
) -> dict[str, str]:
    """Name, in the terms of a ground truth, of each identifier of an index that is ranked.

    That is the path relative to `root`. What lies elsewhere keeps its identifier, and when
    nothing of the ground truth lies there (the index was made elsewhere) so does everything.
    What lies in `root` and is not in the base is left out.
    """
    inside = _inside(paths, root)
    if not truth.images & set(inside.values()):
        return {identifier: identifier for identifier in paths}
    outside = {i: i if i not in truth.images else paths[i] for i in paths if i not in inside}
    return {**{i: name for i, name in inside.items() if name in truth.images}, **outside}


def left_out(
    paths: Mapping[str, str], truth: GroundTruth, root: str | os.PathLike[str]
) -> list[str]:
    """Name the pictures, other than queries, that are left out: in `root`, but not in the base."""
    inside = _inside(paths, root)
    if not truth.images & set(inside.values()):
        return []
    known = truth.images | {query.image for query in truth.queries}
    return sorted(name for name in inside.values() if name not in known)


def _inside(paths: Mapping[str, str], root: str | os.PathLike[str]) -> dict[str, str]:
    base = os.path.abspath(root) + os.sep
    return {
        identifier: Path(path[len(base) :]).as_posix()
        for identifier, path in paths.items()
        if path.startswith(base)
    }
