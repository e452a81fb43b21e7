"""Ground truths in JSON: which pictures are right, wrong or ignored for each query.

::

    {"images": [...database...],
     "queries": [{"image": ..., "bbox": [x0, y0, x1, y1] or null,
                  "positive": [...], "junk": [...]}, ...]}

Names are paths relative to a folder; boxes are in pixels of the query.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GroundTruthError


@dataclass(frozen=True)
class GroundTruthQuery:
    """A query, and what should be found for it.

    Attributes
    ----------
    image : str
    bbox : tuple of float or None
        ``x0, y0, x1, y1``; None for the whole picture.
    positive, junk : frozenset of str
        Right answers; answers that are taken out before a ranking is scored.
    """

    image: str
    bbox: tuple[float, float, float, float] | None
    positive: frozenset[str]
    junk: frozenset[str]


@dataclass(frozen=True)
class GroundTruth:
    """A database and queries.

    Attributes
    ----------
    images : frozenset of str
        The pictures that may be found.
    queries : tuple of GroundTruthQuery
    """

    images: frozenset[str]
    queries: tuple[GroundTruthQuery, ...]


def load_ground_truth(path: str | os.PathLike[str]) -> GroundTruth:
    """Read a ground truth.

    Raises
    ------
    GroundTruthError
        When the file is not as described above, or a positive is not one of ``images``.
    """
    name = os.fsdecode(path)
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise GroundTruthError(f"{name}: {error.strerror}; check the path") from error
    except (ValueError, RecursionError) as error:
        raise GroundTruthError(f"{name} is not JSON ({error})") from error
    if not isinstance(content, dict) or not {"images", "queries"} <= content.keys():
        raise GroundTruthError(f'{name}: expected an object with "images" and "queries"')
    images = frozenset(_names(content["images"], f"{name}: images"))
    queries = tuple(
        _query(query, f"{name}: query {i}", images) for i, query in enumerate(content["queries"])
    )
    if not queries:
        raise GroundTruthError(f"{name} has no queries")
    return GroundTruth(images, queries)


def _query(query: Any, where: str, images: frozenset[str]) -> GroundTruthQuery:
    if not isinstance(query, dict) or not isinstance(query.get("image"), str):
        raise GroundTruthError(f'{where}: expected an object with "image" and "positive"')
    positive = frozenset(_names(query.get("positive"), f"{where}: positive"))
    strangers = sorted(positive - images)
    if strangers:
        raise GroundTruthError(
            f'{where}: {len(strangers)} positives are not in "images", such as {strangers[0]!r}'
        )
    box = query.get("bbox")
    if box is not None:
        try:
            x0, y0, x1, y1 = (float(value) for value in box)
        except (TypeError, ValueError):
            raise GroundTruthError(f"{where}: bbox is {box!r}, expected four numbers") from None
        box = (x0, y0, x1, y1)
    junk = frozenset(_names(query.get("junk", []), f"{where}: junk"))
    return GroundTruthQuery(query["image"], box, positive, junk)


def _names(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise GroundTruthError(f"{where}: expected a list of names")
    return value
