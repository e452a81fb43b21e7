"""TREC's judgements (qrels) and runs, as trec_eval and similar tools read them.

Columns are separated by white space. Therefore white space, ``%`` and characters that are not
ASCII are percent-encoded in names: ``a b.jpg`` is written as ``a%20b.jpg``, and decoded when read.
"""

from __future__ import annotations

import math
import os
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias, get_args
from urllib.parse import quote, unquote

import numpy as np

from ..errors import GroundTruthError, shown
from ..evaluation import GroundTruth, GroundTruthQuery, taken_out
from ..files import write_text
from ..settings import checked_arguments
from .parsing import PathLike, read_lines, to_float, to_whole

Rankings: TypeAlias = "Mapping[str, tuple[Sequence[str], Iterable[float] | None]]"
Ties = Literal["increasing", "decreasing", "rank"]
_SAFE = string.punctuation.replace("%", "")


@checked_arguments
def load_qrels(path: PathLike) -> GroundTruth:
    """Read judgements: ``QUERY ITERATION PICTURE RELEVANCE``.

    A picture with a relevance above 0 is right and gains that much; one below 0 is junk. The base
    is all pictures in the file. The identifier of a query is used both as the name of the query
    and as the name of its picture.
    """
    judged: dict[str, dict[str, int]] = {}
    for where, (topic, _, document, relevance) in read_lines(path, columns=4):
        query, name = _decoded(topic), _decoded(document)
        value = to_whole(relevance)
        if value is None:
            raise GroundTruthError(
                f"{where}: relevance is {shown(relevance)}, expected a whole number"
            )
        if judged.setdefault(query, {}).setdefault(name, value) != value:
            raise GroundTruthError(f"{where}: query {query!r} judges {name!r} twice, differently")
    return truth_of(judged, os.fsdecode(path))


def truth_of(judged: Mapping[str, Mapping[str, int]], name: str) -> GroundTruth:
    """Make a ground truth of relevances, ``{query: {picture: relevance}}``."""
    return GroundTruth(
        frozenset(picture for relevances in judged.values() for picture in relevances),
        tuple(
            GroundTruthQuery(
                query,
                positive=frozenset(name for name, value in relevances.items() if value > 0),
                junk=frozenset(name for name, value in relevances.items() if value < 0),
                gains={name: float(value) for name, value in relevances.items() if value > 1},
            )
            for query, relevances in judged.items()
        ),
        name=name,
    )


def save_qrels(
    truth: GroundTruth, path: PathLike, taken: Mapping[str, frozenset[str]] | None = None
) -> None:
    """Write judgements (qrels): gains of positives, and -1 for junk.

    Pictures of the base that no query mentions are written for the first query with relevance 0,
    so that the file names the whole base. Boxes and groups are not written. Queries without a
    positive are not written either, since other tools would score them 0. trec_eval does not
    remove junk from a run, so a run for it must not contain junk.

    Parameters
    ----------
    truth : GroundTruth
    path : path
    taken : mapping of str to frozenset of str, optional
        Junk of each query, by name of the query; default: the result of `taken_out`.

    Raises
    ------
    GroundTruthError
        When a gain is not a whole number; trec_eval would truncate it.
    """
    relevances = relevances_of(truth, taken_out(truth) if taken is None else taken)
    first = next(iter(relevances.values()))
    first |= dict.fromkeys(sorted(truth.images.difference(*relevances.values())), 0)
    lines = [
        f"{_encoded(query)} 0 {_encoded(name)} {value}\n"
        for query, judged in relevances.items()
        for name, value in judged.items()
    ]
    write_text(path, "".join(lines))


def relevances_of(
    truth: GroundTruth, taken: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, int]]:
    """Give gains of positives, and -1 for junk, of each query that has a positive.

    Raises
    ------
    GroundTruthError
        When a gain is not a whole number, or no query has a positive.
    """
    relevances: dict[str, dict[str, int]] = {}
    for query in truth.queries:
        junk = taken[query.name]
        if not query.positive <= junk:
            gains = {name: _whole(query, name) for name in sorted(query.positive - junk)}
            relevances[query.name] = gains | dict.fromkeys(sorted(junk), -1)
    if not relevances:
        raise GroundTruthError(f"{truth.name}: no query has a positive, so nothing can be judged")
    return relevances


@dataclass(frozen=True)
class RunFile:
    """What a file of a run holds.

    Attributes
    ----------
    rankings : dict of str to (list of str, list of float)
        By query: names and scores, by decreasing score; equal scores in the order that was asked
        for.
    tag : str
        Name of the system.
    n_contradicting : int
        Queries in which a better rank in the file has a lower score.
    """

    rankings: dict[str, tuple[list[str], list[float]]]
    tag: str
    n_contradicting: int


@checked_arguments
def load_run(path: PathLike, ties: Ties = "increasing") -> RunFile:
    """Read a run: ``QUERY Q0 PICTURE RANK SCORE TAG``; pictures are sorted by their scores.

    Parameters
    ----------
    path : path
    ties : {"increasing", "decreasing", "rank"}
        The order of equal scores: by increasing name, as everywhere in this package; by decreasing
        name, as trec_eval has it; or by the ranks in the file.

    Raises
    ------
    GroundTruthError
        When the file is malformed, ranks a picture twice, or has several tags.
    """
    if ties not in get_args(Ties):
        raise GroundTruthError(f"ties={ties!r}: expected one of {', '.join(get_args(Ties))}")
    entries: dict[str, dict[str, tuple[float, float]]] = {}
    tag = None
    for where, (topic, _, document, place, number, name) in read_lines(path, columns=6):
        query, picture = _decoded(topic), _decoded(document)
        score, rank = to_float(number), to_float(place)
        if math.isnan(score):
            raise GroundTruthError(f"{where}: the score is {shown(number)}, expected a number")
        if ties == "rank" and math.isnan(rank):
            raise GroundTruthError(f"{where}: the rank is {shown(place)}, expected a number")
        if picture in entries.setdefault(query, {}):
            raise GroundTruthError(f"{where}: query {query!r} ranks {picture!r} twice")
        entries[query][picture] = score, rank
        if (tag := tag or name) != name:
            raise GroundTruthError(f"{where}: the run is called {tag!r} above, {name!r} here")
    if tag is None:
        raise GroundTruthError(f"{os.fsdecode(path)} is empty, expected a run")
    rankings, contradicting = {}, 0
    for query, found in entries.items():
        names = sorted(found, reverse=ties == "decreasing")
        if ties == "rank":
            names.sort(key=lambda name: found[name][1])
        names.sort(key=lambda name: -found[name][0])
        rankings[query] = names, [found[name][0] for name in names]
        contradicting += _contradicts(found.values())
    return RunFile(rankings, _decoded(tag), contradicting)


def _contradicts(entries: Iterable[tuple[float, float]]) -> bool:
    """Whether somebody with a better rank has a lower score."""
    by_rank = sorted((rank, -score) for score, rank in entries if not math.isnan(rank))
    return any(before[1] > after[1] for before, after in pairwise(by_rank) if before[0] < after[0])


@checked_arguments
def read_run(
    path: PathLike, ties: Ties = "increasing"
) -> tuple[dict[str, tuple[list[str], list[float]]], str]:
    """Return the rankings and the tag of a run; see `load_run`."""
    found = load_run(path, ties)
    return found.rankings, found.tag


def write_run(path: PathLike, tag: str, rankings: Rankings) -> None:
    """Write a run so that every tool reads the same order.

    The written scores strictly decrease, even as the 32 bit floats that trec_eval uses. A score
    that is not below the one before is replaced by the next smaller float. Without scores (None,
    none of them finite, or so low that no smaller floats are left) the written scores are n,
    n - 1, ..., 1.

    Parameters
    ----------
    path : path
    tag : str
        Name of the system.
    rankings : mapping of str to (sequence of str, iterable of float or None)
        By query: names, best first, and their scores, which must not increase.
    """
    lines = []
    for query, (names, scores) in rankings.items():
        written = decreasing_scores(scores, len(names), f"run {tag!r}, query {query!r}")
        topic, system = _encoded(query), _encoded(tag)
        lines += [
            f"{topic} Q0 {_encoded(name)} {rank} {score} {system}\n"
            for rank, (name, score) in enumerate(zip(names, written, strict=True), 1)
        ]
    write_text(path, "".join(lines))


def decreasing_scores(scores: Iterable[float] | None, n: int, where: str) -> list[str]:
    """Scores as they are written: strictly decreasing as 32-bit floats; see `write_run`."""
    given = np.fromiter(() if scores is None else scores, np.float64)
    if scores is not None and len(given) != n:
        raise GroundTruthError(f"{where}: {len(given)} scores for {n} names")
    by_rank = [str(score) for score in range(n, 0, -1)]
    if not np.isfinite(given).any():
        return by_rank
    if np.isnan(given).any() or (given[1:] > given[:-1]).any():
        raise GroundTruthError(
            f"{where}: scores increase, or are NaN; give names by decreasing score, or no scores"
        )
    largest = np.finfo(np.float32).max
    previous, written = np.float32(np.inf), []
    with np.errstate(over="ignore"):  # below the least float is -inf: ranks are written then
        for score in np.where(given == -np.inf, largest, given.clip(-largest, largest)):
            below = np.nextafter(previous, np.float32(-np.inf))
            previous = min(np.float32(score), below)
            written.append(str(previous))
    return written if np.isfinite(previous) else by_rank


def _whole(query: GroundTruthQuery, name: str) -> int:
    gain = query.gain(name)
    if not gain.is_integer():
        raise GroundTruthError(
            f"query {query.name!r}: {name!r} gains {gain}, but TREC judges in whole numbers; "
            "scale the gains"
        )
    return int(gain)


def _encoded(name: str) -> str:
    if not name:
        raise GroundTruthError("a query, picture or run without a name cannot be written for TREC")
    return quote(name, safe=_SAFE, errors="surrogateescape")


def _decoded(name: str) -> str:
    return unquote(name, errors="surrogateescape")
