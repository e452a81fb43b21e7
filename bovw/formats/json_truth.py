"""Ground truths in JSON, in this project's own format.

::

    {"images": [...base...],
     "queries": [{"image": ..., "bbox": [x0, y0, x1, y1] or null,
                  "positive": [...], "junk": [...]}, ...]}

Names of pictures are paths relative to a folder. Boxes are in pixels of the query picture. A query
may also have a `name`, a `group` (or `landmark`: what it shows), `gains` (an object: how relevant
each positive is), and `easy` and `hard` (the labels of Revisited Oxford and Paris). The outer
object may also have a `name`, `in_base` and `metrics`, with the meaning that they have in
`GroundTruth`. Other fields are ignored, but a field that looks like a misspelling of one of these
is an error.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import GroundTruthError, shown, some
from ..evaluation import GroundTruth, GroundTruthQuery, distinct_names
from ..files import write_text
from .parsing import PathLike, read_json, to_box, to_float
from .revisited import Difficulty, at_difficulty

_KEYS = ("images", "queries", "name", "in_base", "metrics")
_QUERY_KEYS = (
    "image", "bbox", "positive", "junk", "name", "gains", "group", "landmark", "easy", "hard",
)  # fmt: skip
_ALIKE = 0.8  # similarity by difflib: "positives" is similar to a known field, "note" is not


def load_json(path: PathLike, difficulty: Difficulty | None = None) -> GroundTruth:
    """Read a ground truth.

    Parameters
    ----------
    path : path
    difficulty : {"easy", "medium", "hard"}, optional
        Make positives and junk from `easy` and `hard`, which every query must then have. Default:
        use `positive` as it is.

    Raises
    ------
    GroundTruthError
        When the file is not as described above, a positive is missing in ``images`` or is also
        junk, gains are given for pictures that are not positive, or several queries have the same
        name.
    """
    where = os.fsdecode(path)
    content = read_json(path)
    if not isinstance(content, dict) or not {"images", "queries"} <= content.keys():
        raise GroundTruthError(f'{where}: expected an object with "images" and "queries"')
    _check_keys(content, _KEYS, where)
    images = frozenset(_names(content["images"], f"{where}: images"))
    if not isinstance(content["queries"], list):
        raise GroundTruthError(f"{where}: queries: expected a list")
    queries = [
        _query(query, f"{where}: query {i}", difficulty)
        for i, query in enumerate(content["queries"])
    ]
    explicit = Counter(_text(query.get("name"), where) for query in content["queries"])
    if repeated := [repr(name) for name, count in explicit.items() if name and count > 1]:
        raise GroundTruthError(
            f"{where}: several queries are called {some(repeated)}; expected names that "
            "differ, or none"
        )
    optional: dict[str, Any] = {"name": "/".join(Path(path).with_suffix("").parts[-2:])}
    optional |= {key: content[key] for key in ("name", "in_base") if key in content}
    if "metrics" in content:
        optional["metrics"] = tuple(_names(content["metrics"], f"{where}: metrics"))
    try:
        return GroundTruth(images, distinct_names(queries), **optional)
    except GroundTruthError as error:
        raise GroundTruthError(f"{where}: {error}") from None


def save_json(truth: GroundTruth, path: PathLike) -> None:
    """Write a ground truth to a file from which `load_json` reads the same ground truth."""
    queries = []
    for query in truth.queries:
        entry: dict[str, Any] = {
            "image": query.image,
            "bbox": query.bbox,
            "positive": sorted(query.positive),
            "junk": sorted(query.junk),
            "name": query.name,
        }
        if query.group is not None:
            entry["group"] = query.group
        if query.gains:
            entry["gains"] = dict(query.gains)
        queries.append(entry)
    content = {
        "name": truth.name,
        "in_base": truth.in_base,
        "metrics": truth.metrics,
        "images": sorted(truth.images),
        "queries": queries,
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=True) + "\n")


def _query(query: Any, where: str, difficulty: Difficulty | None) -> GroundTruthQuery:
    if not isinstance(query, dict) or not isinstance(query.get("image"), str):
        raise GroundTruthError(f'{where}: expected an object with "image" and "positive"')
    _check_keys(query, _QUERY_KEYS, where)

    def names(key: str, *default: Any) -> frozenset[str]:
        return frozenset(_names(query.get(key, *default), f"{where}: {key}"))

    junk = names("junk", [])
    if difficulty is None:
        positive = names("positive")
    elif {"easy", "hard"} <= query.keys():
        positive, junk = at_difficulty(difficulty, names("easy"), names("hard"), junk)
    else:
        raise GroundTruthError(
            f'{where} has no "easy" and "hard", which difficulty {shown(difficulty)} is made of; read '  # noqa: E501
            "it without a difficulty"
        )
    judged = positive
    for key in ("positive", "easy", "hard"):
        if key in query:
            judged |= names(key)
    if both := sorted(positive & junk):
        raise GroundTruthError(
            f"{where}: {some(both)} both positive and junk; expected only one of these: junk "
            "counts neither as right nor as wrong"
        )
    gains = _gains(query.get("gains", {}), f"{where}: gains")
    if wrong := sorted(gains.keys() - judged):
        raise GroundTruthError(
            f"{where}: gains of {some(wrong)}, not positive; expected gains of positives only"
        )
    box = query.get("bbox")
    return GroundTruthQuery(
        query["image"],
        None if box is None else to_box(box, where),
        positive,
        junk,
        name=_text(query.get("name"), f"{where}: name") or "",
        gains=gains,
        group=_text(query.get("group", query.get("landmark")), f"{where}: group"),
    )


def _check_keys(given: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise for unknown fields that look like misspellings; ignore other unknown fields."""
    for key in given.keys() - set(known):
        meant = get_close_matches(key.strip().lower(), known, 1, _ALIKE)
        if meant:
            raise GroundTruthError(
                f"{where}: unknown field {key!r}; {meant[0]!r} is expected: call it that, or "
                "choose a less similar name when it is something else"
            )


def _names(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise GroundTruthError(f"{where}: expected a list of names")
    return value


def _text(value: Any, where: str) -> str | None:
    if isinstance(value, list):  # a picture may show several landmarks
        return "; ".join(sorted(_names(value, where)))
    if value is not None and not isinstance(value, (str, int)):
        raise GroundTruthError(f"{where} is {shown(value)}, expected a name or a whole number")
    return None if value is None else str(value)


def _gains(value: Any, where: str) -> dict[str, float]:
    numbers = value if isinstance(value, dict) else {"": None}
    gains = {name: to_float(number) for name, number in numbers.items()}
    if not all(0 < gain < math.inf for gain in gains.values()) or any(
        isinstance(number, (str, bool)) for number in numbers.values()
    ):
        raise GroundTruthError(f"{where}: expected an object of names and numbers above 0")
    return gains
