"""The retrieval ground truth of Google Landmarks v2 (Weyand, Araujo, Cao & Sim, CVPR 2020)."""

from __future__ import annotations

import os
from typing import Literal

from ..errors import GroundTruthError
from ..evaluation import GroundTruth, GroundTruthQuery
from .parsing import Names, PathLike, read_table

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
