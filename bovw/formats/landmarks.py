"""Google Landmarks v2 (Weyand, Araujo, Cao & Sim, CVPR 2020): ground truth, and submissions.

A submission is a run: a table ``id,images`` with a row for each query, whose second cell has the
identifiers of the first 100 answers, best first, with blanks between them. An identifier is the
name of a picture without folder and ending.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal

from ..errors import GroundTruthError, shown, some
from ..evaluation import GroundTruth, GroundTruthQuery
from ..files import write_text
from ..settings import checked_arguments
from .parsing import Names, PathLike, first_line, read_table

HEADER = ("id", "images", "Usage")
_USAGES = ("Public", "Private")


def load_landmarks(
    path: PathLike,
    images: Names | None = None,
    usage: Literal["Public", "Private"] | None = None,
) -> GroundTruth:
    """Read ``retrieval_solution_v2.1.csv``; queries marked "Ignored" are left out.

    Pictures have the paths that they have in the published archives, such as
    ``index/0/1/2/0123456789abcdef.jpg``; paths of queries begin with ``test/`` instead.

    Parameters
    ----------
    path : path
    images : path or iterable of str, optional
        The base: the file ``index.csv``, or identifiers. By default the base consists only of the
        right answers of all queries. Most pictures are then missing, and scores are too high.
    usage : {"Public", "Private"}, optional
        Use only the queries of this part; default: both parts.
    """
    if usage not in (None, *_USAGES):
        raise GroundTruthError(f"usage {usage!r}: expected one of {', '.join(_USAGES)}")
    header, rows = read_table(path)
    if tuple(header) != HEADER:
        raise GroundTruthError(
            f"{os.fsdecode(path)}: the header is {','.join(header)}, expected {','.join(HEADER)}"
        )
    queries = []
    for where, (identifier, right, part) in rows:
        if part not in (*_USAGES, "Ignored"):
            raise GroundTruthError(
                f"{where}: Usage is {part!r}, expected Ignored or one of {', '.join(_USAGES)}"
            )
        if part in (_USAGES if usage is None else (usage,)):
            positive = frozenset(_name("index", i) for i in right.split())
            queries.append(
                GroundTruthQuery(_name("test", identifier), positive=positive, name=identifier)
            )
    return GroundTruth(
        frozenset(_name("index", i) for i in _identifiers(images))
        if images is not None
        else frozenset[str]().union(*(query.positive for query in queries)),
        tuple(queries),
        name="Google Landmarks v2" if usage is None else f"Google Landmarks v2, {usage}",
        metrics=("ap@100", "p@1", "p@10", "recall@100"),
    )


@checked_arguments
def save_submission(path: PathLike, rankings: Mapping[str, Sequence[str]], *, k: int = 100) -> None:
    """Write a submission.

    Parameters
    ----------
    path : path
    rankings : mapping of str to sequence of str
        By name of the query: names of pictures, best first.
    k : int
        How many answers of a query are written; Google Landmarks counts 100.

    Raises
    ------
    GroundTruthError
        When two queries, or two pictures, have one identifier, or an identifier has blanks.
    """
    if k < 1:
        raise GroundTruthError(f"k={k}: expected at least 1")
    for query, names in rankings.items():
        is_list = isinstance(names, Sequence) and not isinstance(names, (str, bytes))
        if not is_list or not all(isinstance(name, str) for name in (query, *names)):
            raise GroundTruthError(
                f"{shown(query)} has {shown(names)}: expected a query and names of pictures"
            )
    kept = {query: list(names[:k]) for query, names in rankings.items()}
    queries, pictures = _by_name(kept), _by_name(name for names in kept.values() for name in names)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(HEADER[:2])
    table.writerows(
        (queries[query], " ".join(pictures[name] for name in names))
        for query, names in kept.items()
    )
    write_text(path, text.getvalue())


@checked_arguments
def load_submission(
    path: PathLike, queries: Iterable[str] = (), images: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Read a submission.

    Parameters
    ----------
    path : path
    queries, images : iterable of str, optional
        Names of queries and of pictures. An identifier is read as that of these names which it is,
        or which has it as its stem; others stay what they are.

    Returns
    -------
    dict of str to list of str
        By query: names of pictures, best first.

    Raises
    ------
    GroundTruthError
        When the file is malformed, names a query or an answer twice, or several of the names have
        one stem.
    """
    where = os.fsdecode(path)
    header, rows = read_table(path)
    if tuple(header) != HEADER[:2]:
        raise GroundTruthError(f"{where}: the header is {','.join(header)}, expected id,images")
    asked, known = _by_identifier(queries), _by_identifier(images)
    found: dict[str, list[str]] = {}
    for place, (identifier, answers) in rows:
        query = asked.get(identifier, identifier)
        ids = answers.split()
        if query in found or len(set(ids)) < len(ids):
            raise GroundTruthError(
                f"{place}: {shown(identifier)} or one of its answers is there twice"
            )
        found[query] = [known.get(each, each) for each in ids]
    if not found:
        raise GroundTruthError(f"{where} has no queries; expected rows of id,images")
    return found


def is_submission(path: PathLike) -> bool:
    """Whether a file begins as a submission does, and not as a ground truth or embeddings."""
    try:
        return first_line(path) == ",".join(HEADER[:2])
    except GroundTruthError:
        return False


def _by_name(names: Iterable[str]) -> dict[str, str]:
    """The identifier of each name."""
    found: dict[str, str] = {}
    owner: dict[str, str] = {}
    for name in names:
        found[name] = identifier = PurePosixPath(name).stem
        if not identifier or identifier.split() != [identifier]:
            raise GroundTruthError(
                f"{name!r} has blanks, which separate identifiers in a submission; rename it, or "
                "write a run of TREC"
            )
        if owner.setdefault(identifier, name) != name:
            raise GroundTruthError(
                f"{some([owner[identifier], name])} have one identifier in a submission: rename "
                "one, or write a run of TREC"
            )
    return found


def _by_identifier(names: Iterable[str]) -> dict[str, str]:
    """The name that each identifier means: itself, or the only one with this stem."""
    given = list(names)
    found: dict[str, str] = {}
    for name in given:
        stem = PurePosixPath(name).stem
        if found.setdefault(stem, name) != name:
            raise GroundTruthError(
                f"{some([found[stem], name])} have one identifier in a submission: rename one"
            )
    return found | {name: name for name in given}


def _name(folder: str, identifier: str) -> str:
    return "/".join((folder, *identifier[:3], f"{identifier}.jpg"))


def _identifiers(images: Names) -> list[str]:
    if not isinstance(images, (str, os.PathLike)):
        return list(images)
    header, rows = read_table(images)
    if header[0] != HEADER[0]:
        raise GroundTruthError(
            f"{os.fsdecode(images)}: the first column is {header[0]!r}, expected {HEADER[0]!r}"
        )
    return [row[0] for _, row in rows]
