"""Ground truths in JSON, the format of this project.

::

    {"images": [...base...],
     "queries": [{"image": ..., "bbox": [x0, y0, x1, y1] or null,
                  "positive": [...], "junk": [...]}, ...]}

Names are paths relative to a folder; boxes are in pixels of the query. A query may have a `name`,
a `group` (or `landmark`: what it shows), `gains` (an object: how relevant each positive is), and
`easy` and `hard`, the labels of Revisited Oxford and Paris. The whole may have a `name`,
`in_base` and `metrics`, as `GroundTruth` has.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import GroundTruthError
from ..evaluation.ground_truth import GroundTruth, GroundTruthQuery, distinct_names
from ..files import write_text
from .reading import PathLike, read_json, to_box
from .revisited import Difficulty, at_difficulty


def load_json(path: PathLike, difficulty: Difficulty | None = None) -> GroundTruth:
    """Read a ground truth.

    Parameters
    ----------
    path : path
    difficulty : {"easy", "medium", "hard"}, optional
        Take positives and junk from `easy` and `hard`, which every query must have then; default:
        `positive` as it is written.

    Raises
    ------
    GroundTruthError
        When the file is not as described above, or a positive is not one of ``images``.
    """
    where = os.fsdecode(path)
    content = read_json(path)
    if not isinstance(content, dict) or not {"images", "queries"} <= content.keys():
        raise GroundTruthError(f'{where}: expected an object with "images" and "queries"')
    images = frozenset(_names(content["images"], f"{where}: images"))
    if not isinstance(content["queries"], list):
        raise GroundTruthError(f"{where}: queries: expected a list")
    queries = [
        _query(query, f"{where}: query {i}", images, difficulty)
        for i, query in enumerate(content["queries"])
    ]
    optional: dict[str, Any] = {"name": "/".join(Path(path).with_suffix("").parts[-2:])}
    optional |= {key: content[key] for key in ("name", "in_base") if key in content}
    if "metrics" in content:
        optional["metrics"] = tuple(_names(content["metrics"], f"{where}: metrics"))
    try:
        return GroundTruth(images, distinct_names(queries), **optional)
    except GroundTruthError as error:
        raise GroundTruthError(f"{where}: {error}") from None


def save_json(truth: GroundTruth, path: PathLike) -> None:
    """Write a ground truth in such a way that `load_json` gives it back."""
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


def _query(
    query: Any, where: str, images: frozenset[str], difficulty: Difficulty | None
) -> GroundTruthQuery:
    if not isinstance(query, dict) or not isinstance(query.get("image"), str):
        raise GroundTruthError(f'{where}: expected an object with "image" and "positive"')

    def names(key: str, *default: Any) -> frozenset[str]:
        return frozenset(_names(query.get(key, *default), f"{where}: {key}"))

    junk = names("junk", [])
    if difficulty is None:
        positive = names("positive")
    elif {"easy", "hard"} <= query.keys():
        positive, junk = at_difficulty(difficulty, names("easy"), names("hard"), junk)
    else:
        raise GroundTruthError(
            f'{where} has no "easy" and "hard", which difficulty {difficulty!r} is made of; read '
            "it without a difficulty"
        )
    strangers = sorted(positive - images)
    if strangers:
        raise GroundTruthError(
            f'{where}: {len(strangers)} positives are not in "images", such as {strangers[0]!r}'
        )
    box = query.get("bbox")
    return GroundTruthQuery(
        query["image"],
        None if box is None else to_box(box, where),
        positive,
        junk,
        name=_text(query.get("name"), f"{where}: name") or "",
        gains=_gains(query.get("gains", {}), f"{where}: gains"),
        group=_text(query.get("group", query.get("landmark")), f"{where}: group"),
    )


def _names(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise GroundTruthError(f"{where}: expected a list of names")
    return value


def _text(value: Any, where: str) -> str | None:
    if isinstance(value, list):  # landmarks of a picture that shows several
        return "; ".join(sorted(_names(value, where)))
    if value is not None and not isinstance(value, (str, int)):
        raise GroundTruthError(f"{where} is {value!r}, expected a name or a whole number")
    return None if value is None else str(value)


def _gains(value: Any, where: str) -> dict[str, float]:
    numbers = value.values() if isinstance(value, dict) else [None]
    if not all(isinstance(number, (int, float)) and number > 0 for number in numbers):
        raise GroundTruthError(f"{where}: expected an object of names and numbers above 0")
    return {name: float(number) for name, number in value.items()}
