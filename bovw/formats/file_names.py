"""Ground truths of collections whose file names say what the pictures show."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import PurePosixPath
from typing import TypeVar

from ..errors import GroundTruthError
from ..evaluation import GroundTruth, GroundTruthQuery
from .parsing import (
    Names,
    PathLike,
    names_in,
    picture_names,
)

_COPIES = ("crops", "jpeg", "jpegqual", "strong")
_ORIGINALS = "original"
_REFERENCES = "Reference"
_Key = TypeVar("_Key", bound=Hashable)


def holidays(names: Names) -> GroundTruth:
    """INRIA Holidays (Jegou, Douze & Schmid, ECCV 2008).

    A picture whose number is divisible by 100 is a query. The right answers are the other pictures
    whose number divided by 100 gives the same integer.

    Parameters
    ----------
    names : path or iterable of str
        A list file (such as ``holidays_images.dat``), the folder of pictures, or their names.
    """
    every = picture_names(names)
    hundreds = _by(every, lambda name: _number(name) // 100)
    return GroundTruth(
        frozenset(every),
        tuple(
            _query(name, hundreds[_number(name) // 100], str(_number(name) // 100))
            for name in sorted(every)
            if _number(name) % 100 == 0
        ),
        name="Holidays",
        in_base="junk",
        metrics=("ap_trapezoid", "ap", "p@1"),
    )


def ukbench(names: Names) -> GroundTruth:
    """UKBench (Nister & Stewenius, CVPR 2006): four consecutive pictures show one object.

    Each picture is a query for the other three.

    Parameters
    ----------
    names : path or iterable of str
        The folder of ``ukbenchNNNNN.jpg``, a list file, or the names of the pictures.
    """
    every = picture_names(names)
    fours = _by(every, lambda name: _number(name) // 4)
    for number, four in fours.items():
        if len(four) != 4:
            raise GroundTruthError(
                f"UKBench: {len(four)} pictures have numbers from {4 * number} to "
                f"{4 * number + 3}, expected four; give whole objects"
            )
    return GroundTruth(
        frozenset(every),
        tuple(
            _query(name, fours[_number(name) // 4], str(_number(name) // 4))
            for name in sorted(every)
        ),
        name="UKBench",
        in_base="junk",
        metrics=("n_s", "ap_trapezoid", "ap", "p@1"),
    )


def copydays(folder: PathLike) -> GroundTruth:
    """INRIA Copydays (Douze et al., CIVR 2009): copies are the queries, originals are the base.

    Parameters
    ----------
    folder : path
        Folder with the originals ``original/NNNN00.jpg``. The copies have the same first four
        digits and are at any depth below ``crops``, ``jpeg`` (or ``jpegqual``) and ``strong``.
    """
    places = _by(names_in(folder), lambda name: PurePosixPath(name).parts[0])
    originals = {_number(name) // 100: name for name in places.get(_ORIGINALS, [])}
    queries = []
    for name in (name for place in _COPIES for name in places.get(place, [])):
        number = _number(name) // 100
        if number not in originals:
            raise GroundTruthError(
                f"{os.fsdecode(folder)}: {_ORIGINALS}/{number}00.jpg, of which {name} is a copy, "
                "is not there; add it"
            )
        queries.append(_query(name, [originals[number]], str(number)))
    if not queries:
        raise GroundTruthError(
            f"{os.fsdecode(folder)} has no pictures in {', '.join(_COPIES)}: expected "
            f"{_ORIGINALS}/ and copies"
        )
    return GroundTruth(
        frozenset(originals.values()),
        tuple(queries),
        name="Copydays",
        metrics=("ap_trapezoid", "ap", "p@1"),
    )


def stanford_mobile(folder: PathLike) -> GroundTruth:
    """Stanford Mobile Visual Search (Chandrasekhar et al., MMSys 2011).

    Each photograph is a query for the reference picture of the same name in its category.

    Parameters
    ----------
    folder : path
        Folder with ``CATEGORY/Reference`` and ``CATEGORY/PHONE``, or the folder of one category.
    """
    places = _by(names_in(folder), lambda name: PurePosixPath(name).parent)
    references = {
        place.parent / PurePosixPath(name).stem: name
        for place, names in places.items()
        if place.name == _REFERENCES
        for name in names
    }
    categories = {place.parent for place in places if place.name == _REFERENCES}
    queries = []
    for place, names in places.items():
        if place.name == _REFERENCES or place.parent not in categories or not place.name:
            continue
        for name in names:
            shown = place.parent / PurePosixPath(name).stem
            if shown not in references:
                raise GroundTruthError(
                    f"{os.fsdecode(folder)}: {name} has no picture of its name in "
                    f"{(place.parent / _REFERENCES).as_posix()}; add it"
                )
            queries.append(_query(name, [references[shown]], shown.as_posix()))
    if not queries:
        raise GroundTruthError(
            f"{os.fsdecode(folder)}: expected CATEGORY/{_REFERENCES} and a folder of photographs "
            "next to it"
        )
    return GroundTruth(
        frozenset(references.values()),
        tuple(queries),
        name="Stanford Mobile Visual Search",
        metrics=("ap_trapezoid", "ap", "p@1", "hit@10"),
    )


def classes(folder: PathLike) -> GroundTruth:
    """Make a ground truth from a folder in which each sub-folder is a class.

    Each picture is a query; the right answers are the other pictures of its class. Pictures that
    are not in a sub-folder have no class: they are wrong for every query, and are not queries.

    Parameters
    ----------
    folder : path
    """
    every = names_in(folder)
    places = _by(every, lambda name: PurePosixPath(name).parent.as_posix())
    return GroundTruth(
        frozenset(every),
        tuple(
            _query(name, members, place)
            for place, members in places.items()
            if place != "."
            for name in members
        ),
        name=os.fsdecode(folder),
        in_base="junk",
        metrics=("ap", "r_precision", "p@1", "p@10"),
    )


def _query(name: str, same: Iterable[str], group: str) -> GroundTruthQuery:
    return GroundTruthQuery(name, positive=frozenset(same) - {name}, group=group)


def _by(names: Iterable[str], key: Callable[[str], _Key]) -> dict[_Key, list[str]]:
    parts: defaultdict[_Key, list[str]] = defaultdict(list)
    for name in names:
        parts[key(name)].append(name)
    return dict(parts)


def _number(name: str) -> int:
    digits = re.search(r"[0-9]+$", PurePosixPath(name).stem)
    if digits is None:
        raise GroundTruthError(f"{name!r} does not end in a number, as names of this set do")
    return int(digits.group())
