"""Revisited Oxford and Paris (Radenovic, Iscen, Tolias, Avrithis & Chum, CVPR 2018)."""

from __future__ import annotations

import operator
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args

from ..errors import GroundTruthError, shown
from ..evaluation import GroundTruth, GroundTruthQuery, distinct_names
from .parsing import (
    Names,
    PathLike,
    picture_finder,
    picture_names,
    read_json,
    to_box,
)
from .restricted_pickle import load_pickle

Difficulty = Literal["easy", "medium", "hard"]
# Pictures with these prefixes may show any landmark of the city.
_NO_LANDMARK = ("oxford", "paris_general")


def load_revisited(
    path: PathLike, difficulty: Difficulty = "medium", images: Names | None = None
) -> GroundTruth:
    """Read ``gnd_roxford5k.pkl`` or ``gnd_rparis6k.pkl``, or the same content in JSON.

    Queries are boxes in pictures that are not in the base. The `group` of a query is its landmark.
    It is the most frequent prefix among the names of the queries that share an easy picture with
    it; prefixes that name no landmark do not count. If there is none, it is the query's own prefix.

    Parameters
    ----------
    path : path
    difficulty : {"easy", "medium", "hard"}
        "easy" and "hard": pictures with this label are right, and those with the other label are
        junk. "medium": pictures with either label are right.
    images : path or iterable of str, optional
        The folder of the pictures, or their names. Needed when the pictures are not all in one
        folder with the names ``NAME.jpg``.
    """
    where = os.fsdecode(path)
    content = read_json(path) if where.lower().endswith(".json") else load_pickle(path)
    try:
        base, asked = ([_stem(stem) for stem in content[key]] for key in ("imlist", "qimlist"))
        judged = list(content["gnd"])
    except (TypeError, KeyError, IndexError):
        raise GroundTruthError(
            f"{where}: expected a dict of imlist, qimlist and gnd, as in gnd_roxford5k.pkl"
        ) from None
    if len(asked) != len(judged):
        raise GroundTruthError(
            f"{where}: {len(asked)} names in qimlist, but {len(judged)} entries in gnd"
        )
    find = picture_finder(None if images is None else picture_names(images))
    names = [find(stem, f"{where}: imlist") for stem in base]
    places = [f"{where}: query {i} ({stem})" for i, stem in enumerate(asked)]
    labels = [
        {key: _pictures(entry, key, names, place) for key in ("easy", "hard", "junk")}
        for entry, place in zip(judged, places, strict=True)
    ]
    landmarks = _landmarks(asked, [label["easy"] for label in labels])
    queries = []
    for stem, entry, label, group, place in zip(
        asked, judged, labels, landmarks, places, strict=True
    ):
        positive, junk = at_difficulty(difficulty, **label)
        queries.append(
            GroundTruthQuery(
                find(stem, place),
                to_box(entry.get("bbx") if isinstance(entry, dict) else None, place),
                positive,
                junk,
                name=stem,
                group=group,
            )
        )
    return GroundTruth(
        frozenset(names),
        distinct_names(queries),
        name=f"Revisited {'Paris' if 'paris' in ''.join(asked) else 'Oxford'}, {difficulty}",
        in_base="remove",
        metrics=("ap_trapezoid", "p@1", "p@5", "p@10"),
    )


def at_difficulty(
    difficulty: Difficulty, easy: frozenset[str], hard: frozenset[str], junk: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return positives and junk; easy or hard pictures that are not positive become junk."""
    if difficulty not in get_args(Difficulty):
        raise GroundTruthError(
            f"difficulty {shown(difficulty)}: expected one of {', '.join(get_args(Difficulty))}"
        )
    positive = {"easy": easy, "medium": easy | hard, "hard": hard}[difficulty]
    return positive, junk | ((easy | hard) - positive)


def _stem(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a name")
    return str(value)


def _pictures(entry: Any, key: str, names: Sequence[str], where: str) -> frozenset[str]:
    try:
        positions = [operator.index(i) for i in entry[key]]
    except (TypeError, KeyError, IndexError):
        raise GroundTruthError(f"{where}: expected positions in imlist as {key!r}") from None
    if positions and not 0 <= min(positions) <= max(positions) < len(names):
        raise GroundTruthError(
            f"{where}: {key!r} has positions from {min(positions)} to {max(positions)}, but "
            f"imlist has {len(names)} pictures"
        )
    return frozenset(names[i] for i in positions)


def _landmarks(stems: Sequence[str], easy: Sequence[frozenset[str]]) -> list[str]:
    prefixes = [stem.rpartition("_")[0] for stem in stems]
    landmarks = []
    for own, mine in zip(prefixes, easy, strict=True):
        same = [p for p, theirs in zip(prefixes, easy, strict=True) if mine & theirs]
        votes = Counter(sorted(p for p in same if p not in _NO_LANDMARK))
        landmarks.append(votes.most_common(1)[0][0] if votes else own)
    return landmarks
