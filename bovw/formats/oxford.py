"""Oxford Buildings (Philbin et al., CVPR 2007) and Paris (Philbin et al., CVPR 2008)."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import GroundTruthError
from ..evaluation import GroundTruth, GroundTruthQuery
from .parsing import (
    Names,
    PathLike,
    picture_finder,
    picture_names,
    read_lines,
    to_box,
)

_PREFIX = "oxc1_"


def load_oxford(folder: PathLike, images: Names | None = None) -> GroundTruth:
    """Read ``*_query.txt``, ``*_good.txt``, ``*_ok.txt`` and ``*_junk.txt`` of a folder.

    Pictures in "good" and "ok" are right; those in "junk" count neither as right nor as wrong. As
    in the protocol of 2007, the query's own picture stays in the base and counts as right.

    Parameters
    ----------
    folder : path
    images : path or iterable of str, optional
        The base: a folder of pictures, or their names. Pictures may be in sub-folders (as those of
        Paris are). By default the base consists only of the pictures that the files mention, with
        the names ``NAME.jpg``. Most pictures are then missing, and scores are too high.
    """
    paths = sorted(Path(folder).glob("*_query.txt"))
    if not paths:
        raise GroundTruthError(f"{os.fsdecode(folder)} has no *_query.txt; check the folder")
    base = None if images is None else picture_names(images)
    find = picture_finder(base)
    queries, oxford = [], False
    for path in paths:
        name = path.name.removesuffix("_query.txt")
        lines = read_lines(path, columns=5)
        if len(lines) != 1:
            raise GroundTruthError(f"{path}: {len(lines)} lines, expected one: a name and a box")
        where, (stem, *box) = lines[0]
        oxford |= stem.startswith(_PREFIX)
        named = {
            kind: frozenset(
                find(stem, place)
                for place, (stem,) in read_lines(path.with_name(f"{name}_{kind}.txt"), columns=1)
            )
            for kind in ("good", "ok", "junk")
        }
        queries.append(
            GroundTruthQuery(
                find(stem.removeprefix(_PREFIX), where),
                to_box(box, where),
                named["good"] | named["ok"],
                named["junk"],
                name=name,
                group=name.rpartition("_")[0],
            )
        )
    if base is None:
        base = [n for query in queries for n in (query.image, *query.positive, *query.junk)]
    return GroundTruth(
        frozenset(base), tuple(queries), name="Oxford 2007" if oxford else "Paris 2008"
    )
