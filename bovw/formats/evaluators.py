"""Runs and judgements as other evaluators keep them in memory: ranx, ir_measures, pytrec_eval.

All of them take dictionaries, ``{query: {picture: number}}``; so that is what we give.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import GroundTruthError, shown
from ..evaluation import GroundTruth, Run, taken_out
from ..settings import checked_arguments
from .parsing import to_float
from .trec import decreasing_scores, relevances_of, truth_of

_QUERY = ("query_id", "q_id", "qid", "query")
_PICTURE = ("doc_id", "docno", "docid", "picture")
_SCORE = ("score",)
_RELEVANCE = ("relevance", "rel", "label", "score")  # ranx calls it a score, too


@checked_arguments
def run_from(scores: Any, name: str | None = None) -> Run:
    """Make a run of scores that another tool keeps in memory.

    Parameters
    ----------
    scores : mapping of str to mapping of str to float, ranx.Run, data frame, or iterable
        ``{query: {picture: score}}``, as ir_measures and pytrec_eval take it; a `ranx.Run`; a data
        frame with the columns `query_id` (`q_id`, `qid`), `doc_id` (`docno`) and `score`; or
        `ir_measures.ScoredDoc` tuples. Pictures are sorted by decreasing score, equal ones by name.
    name : str, optional
        Name of the system; default: that of the `ranx.Run`, or ``"run"``.

    Raises
    ------
    GroundTruthError
        When it is none of these, a score is no number, or a query ranks a picture twice.
    """
    ranked: dict[str, list[str]] = {}
    given: dict[str, list[float]] = {}
    for query, found in _numbers(scores, _SCORE, "a run").items():
        ranked[query] = sorted(found, key=lambda picture: (-found[picture], picture))
        given[query] = [found[picture] for picture in ranked[query]]
    if name is None:
        own = getattr(scores, "name", None)
        name = own if isinstance(own, str) and own else "run"
    return Run.from_names(name, ranked, scores=given)


@checked_arguments
def truth_from(qrels: Any, name: str = "qrels") -> GroundTruth:
    """Make a ground truth of judgements that another tool keeps in memory.

    Parameters
    ----------
    qrels : mapping of str to mapping of str to int, ranx.Qrels, data frame, or iterable
        See `run_from`; the numbers are relevances (`relevance` in data frames and in
        `ir_measures.Qrel`). They mean what they mean in a file; see `load_qrels`.
    name : str

    Raises
    ------
    GroundTruthError
        When it is none of these, or a relevance is no whole number.
    """
    judged = _numbers(qrels, _RELEVANCE, "judgements")
    for query, found in judged.items():
        for picture, value in found.items():
            if not float(value).is_integer():
                raise GroundTruthError(
                    f"query {query!r}: the relevance of {picture!r} is {value}, expected a whole "
                    "number"
                )
    return truth_of({q: {p: int(v) for p, v in found.items()} for q, found in judged.items()}, name)


def scores_of(run: Run, truth: GroundTruth | None = None) -> dict[str, dict[str, float]]:
    """Give the scores of a run, for `ranx.Run`, ir_measures and pytrec_eval.

    Scores strictly decrease as the 32-bit floats that other tools use, so that each of them
    sees our order; see `write_run`.

    Parameters
    ----------
    run : Run
    truth : GroundTruth, optional
        Leave out of each ranking what this ground truth does not count (junk, the query itself), so
        that other tools find our scores, and queries without a positive.

    Returns
    -------
    dict of str to (dict of str to float)
    """
    taken = {} if truth is None else taken_out(truth)
    asked = list(run.rankings) if truth is None else list(relevances_of(truth, taken))
    run.check_queries(asked)
    found: dict[str, dict[str, float]] = {}
    for query in asked:
        names, scores = run.without(query, taken.get(query, frozenset()))
        written = decreasing_scores(scores, len(names), f"run {run.name!r}, query {query!r}")
        found[query] = dict(zip(names, map(float, written), strict=True))
    return found


def qrels_of(truth: GroundTruth) -> dict[str, dict[str, int]]:
    """Give judgements, for `ranx.Qrels`, ir_measures and pytrec_eval: the gain of each positive.

    Junk is left out, because other tools would count it as wrong; leave it out of runs as well
    (`scores_of` with the ground truth does). Queries without a positive are left out.

    Raises
    ------
    GroundTruthError
        When a gain is not a whole number.
    """
    judged = relevances_of(truth, taken_out(truth))
    return {q: {name: v for name, v in found.items() if v > 0} for q, found in judged.items()}


def _numbers(source: Any, columns: tuple[str, ...], what: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for query, picture, number in _triples(source, columns, what):
        value = to_float(number)
        if not (isinstance(query, str) and isinstance(picture, str)) or math.isnan(value):
            raise GroundTruthError(
                f"{what}: {shown((query, picture, number))}: expected names of a query and a "
                "picture, and a number"
            )
        if picture in found.setdefault(query, {}):
            raise GroundTruthError(f"{what}: query {query!r} has {picture!r} twice")
        found[query][picture] = value
    if not found:
        raise GroundTruthError(f"{what}: {shown(source)} is empty; expected queries and pictures")
    return found


def _triples(source: Any, columns: tuple[str, ...], what: str) -> Iterator[tuple[Any, Any, Any]]:
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        known = [str(name) for name in source.columns]
        chosen = [next((n for n in of if n in known), None) for of in (_QUERY, _PICTURE, columns)]
        if None in chosen:
            raise GroundTruthError(
                f"{what}: a data frame with the columns {', '.join(known)}: expected query_id, "
                f"doc_id and {columns[0]}"
            )
        yield from zip(*(np.asarray(source[name]).tolist() for name in chosen), strict=True)
        return
    if not isinstance(source, Mapping) and callable(getattr(source, "to_dict", None)):
        source = source.to_dict()  # of ranx
    if isinstance(source, Mapping):
        for query, found in source.items():
            if not isinstance(found, Mapping):
                raise GroundTruthError(
                    f"{what}: query {shown(query)} has {shown(found)}: expected {{picture: number}}"
                )
            for picture, number in found.items():
                yield query, picture, number
        return
    if isinstance(source, (str, bytes)) or not isinstance(source, Iterable):
        raise GroundTruthError(
            f"{what}: {shown(source)}: expected {{query: {{picture: number}}}}, an object of ranx, "
            "a data frame, or tuples of ir_measures"
        )
    for each in source:
        number = next((getattr(each, n) for n in columns if hasattr(each, n)), None)
        yield getattr(each, "query_id", each), getattr(each, "doc_id", None), number
