"""Evaluate an index against a ground truth: which pictures are ranked, and under which names.

The whole index is ranked, with one exception: pictures in the ground truth's own folder that are
not in its base are left out. Pictures from other folders (distractors) are ranked and count as
wrong. Pictures that the search does not return are ranked last, in order of name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ..errors import GroundTruthError, some
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
        Takes a list of (path of the query, box or None) and returns, for each query, identifiers
        of the index, best first. Identifiers that it does not return are ranked last.
    paths : mapping of str to str
        Path of the picture of every identifier in the index.
    truth : GroundTruth
    root : path
        The folder to which the names of the ground truth are relative.
    metrics, same
        See `score_run`. When `metrics` is not given and every query has three positives, the N-S
        score is added.

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
    return score_run(run, truth, metrics or usual_metrics(truth), same=same)


def usual_metrics(truth: GroundTruth) -> tuple[str, ...]:
    """Metrics of a ground truth, with the N-S score when every query has three positives."""
    quartets = all(len(query.positive) == 3 for query in truth.queries)
    return (*truth.metrics, *(("n_s",) if quartets and "n_s" not in truth.metrics else ()))


def query_paths(truth: GroundTruth, root: str | os.PathLike[str]) -> list[tuple[str, Box | None]]:
    """Return paths and boxes of all queries; raise a GroundTruthError that names missing files."""
    queries = [(os.fspath(Path(root) / query.image), query.bbox) for query in truth.queries]
    absent = sorted({path for path, _ in queries if not Path(path).is_file()})
    if absent:
        raise GroundTruthError(
            f"{len(absent)} query pictures are not there (give the folder to which their names are "
            "relative: root): " + some(absent)
        )
    return queries


def names_in_truth(
    paths: Mapping[str, str], truth: GroundTruth, root: str | os.PathLike[str]
) -> dict[str, str]:
    """Map the identifiers of an index that are ranked to the names that a ground truth uses.

    * A picture in `root` gets its path relative to `root` as its name. When this name is not in
      the base of the ground truth, the picture is left out.
    * A picture outside `root` keeps its identifier, or gets its full path when a picture of the
      base has that name.
    * When no picture of the base is in `root` (the index was made elsewhere), all pictures keep
      their identifiers.
    """
    inside = _inside(paths, root)
    if not truth.images & set(inside.values()):
        return {identifier: identifier for identifier in paths}
    outside = {i: i if i not in truth.images else paths[i] for i in paths if i not in inside}
    return {**{i: name for i, name in inside.items() if name in truth.images}, **outside}


def left_out(
    paths: Mapping[str, str], truth: GroundTruth, root: str | os.PathLike[str]
) -> list[str]:
    """Return the pictures, except queries, that are in `root` but not in the base.

    `names_in_truth` leaves these out of the ranking.
    """
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
