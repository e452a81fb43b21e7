"""Scoring an index against a ground truth.

Ranked is the whole index. Taken out for every query are its junk and those pictures of the
ground truth's own folder that ``images`` does not name; everything else that is not positive is
wrong. A picture without a score stands behind all others, in order of identifier.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import GroundTruthError
from .ground_truth import GroundTruth
from .metrics import average_precision, average_precision_trapezoid, n_s_score, precision_at

Box: TypeAlias = "tuple[float, float, float, float]"
Search: TypeAlias = Callable[[Sequence["tuple[str, Box | None]"]], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class QueryScores:
    """Scores of one query; see `metrics` for each."""

    image: str
    n_positives: int
    ap: float
    ap_trapezoid: float
    p_at_1: float
    p_at_5: float
    p_at_10: float
    n_s: float


@dataclass(frozen=True)
class Evaluation:
    """Means over queries, and the scores of each.

    Attributes
    ----------
    n_queries : int
    n_without_positives : int
        Queries that were left out of the means, since they have no right answer.
    n_ranked : int
        Pictures in the index.
    map, map_trapezoid, p_at_1, p_at_5, p_at_10 : float
    n_s : float or None
        None unless every query has three positives, as in UKBench.
    queries : tuple of QueryScores
    """

    n_queries: int
    n_without_positives: int
    n_ranked: int
    map: float
    map_trapezoid: float
    p_at_1: float
    p_at_5: float
    p_at_10: float
    n_s: float | None
    queries: tuple[QueryScores, ...]

    def to_dict(self, *, per_query: bool = False) -> dict[str, Any]:
        """Return plain values, for JSON."""
        values = asdict(self)
        if not per_query:
            del values["queries"]
        return values


def evaluate(
    search: Search,
    paths: Mapping[str, str],
    ground_truth: GroundTruth,
    root: str | os.PathLike[str],
) -> Evaluation:
    """Rank an index for every query of a ground truth, and score the rankings.

    Parameters
    ----------
    search : callable
        Takes a list of (path of the query, box or None) and gives, for each, the identifiers of
        the index, best first. What it leaves out is ranked last.
    paths : mapping of str to str
        Path of every identifier in the index.
    ground_truth : GroundTruth
    root : path
        The folder to which the names of the ground truth are relative.

    Raises
    ------
    GroundTruthError
        When pictures of the ground truth are not in the index, or a query is not in `root`.
    """
    names = _names_of(paths, ground_truth, Path(root))
    missing = sorted(ground_truth.images - set(names.values()))
    if missing:
        raise GroundTruthError(
            f"{len(missing)} of {len(ground_truth.images)} pictures of the ground truth are not "
            f"in the index, such as {', '.join(missing[:3])}: index them, or name the folder to "
            "which they are relative (--root)"
        )
    queries = [(os.fspath(Path(root) / query.image), query.bbox) for query in ground_truth.queries]
    absent = [path for path, _ in queries if not Path(path).is_file()]
    if absent:
        raise GroundTruthError(
            f"{len(absent)} query pictures are not there, such as {absent[0]}: name the folder "
            "to which they are relative (--root)"
        )
    every = sorted(paths)
    foreign = set(names.values()) - ground_truth.images
    scores = []
    for query, ranked in zip(ground_truth.queries, search(queries), strict=True):
        seen = set(ranked)
        full = [*ranked, *(i for i in every if i not in seen)]
        ignored = query.junk | foreign
        relevant = np.array(
            [names.get(i) in query.positive for i in full if names.get(i) not in ignored], bool
        )
        n = len(query.positive - ignored)
        scores.append(
            QueryScores(
                image=query.image,
                n_positives=n,
                ap=average_precision(relevant, n),
                ap_trapezoid=average_precision_trapezoid(relevant, n),
                p_at_1=precision_at(relevant, n, 1),
                p_at_5=precision_at(relevant, n, 5),
                p_at_10=precision_at(relevant, n, 10),
                n_s=n_s_score(relevant, n),
            )
        )
    return _summary(scores, len(paths))


def _names_of(paths: Mapping[str, str], ground_truth: GroundTruth, root: Path) -> dict[str, str]:
    """Name in the ground truth of each identifier that lies in its folder.

    When none does (the index was made elsewhere) identifiers are taken for names.
    """
    base = os.path.abspath(root) + os.sep
    inside = {
        identifier: Path(path[len(base) :]).as_posix()
        for identifier, path in paths.items()
        if path.startswith(base)
    }
    if ground_truth.images & set(inside.values()):
        return inside
    return {i: i for i in paths if i in ground_truth.images}


def _summary(scores: Sequence[QueryScores], n_ranked: int) -> Evaluation:
    scored = [s for s in scores if s.n_positives]

    def mean(name: str) -> float:
        return float(np.mean([getattr(s, name) for s in scored])) if scored else float("nan")

    quartets = bool(scored) and all(s.n_positives == 3 for s in scored)
    return Evaluation(
        n_queries=len(scores),
        n_without_positives=len(scores) - len(scored),
        n_ranked=n_ranked,
        map=mean("ap"),
        map_trapezoid=mean("ap_trapezoid"),
        p_at_1=mean("p_at_1"),
        p_at_5=mean("p_at_5"),
        p_at_10=mean("p_at_10"),
        n_s=mean("n_s") if quartets else None,
        queries=tuple(scores),
    )
