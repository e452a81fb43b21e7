"""Results as rows of a table, for CSV and for pandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..errors import imported

if TYPE_CHECKING:
    import pandas

    from .results import SearchResult

_CORNERS = tuple(f"{axis}{corner}" for corner in range(1, 5) for axis in "xy")
_TYPES = {"matched": "boolean", "rank": "Int64", "initial_rank": "Int64", "inliers": "Int64"}

COLUMNS = (
    "query",
    "matched",
    "rank",
    "initial_rank",
    "identifier",
    "path",
    "decision",
    "reason",
    "score",
    "similarity",
    "inliers",
    "evidence",
    "contrast",
    "probability",
    "guise",
    *_CORNERS,
    "error",
)
"""Columns of a table of results; docs/results.md describes them."""


def table_rows(results: Iterable[SearchResult]) -> Iterator[dict[str, Any]]:
    """Give a row for each answer, with the names in `COLUMNS`; what is not known is None.

    A query without answers has one row without a rank; one that could not be read has one row with
    its error.
    """
    for result in results:
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row.update(query=result.query, matched=result.matched, error=result.error)
        if not result.answers:
            yield row
        for answer in result:
            known = answer.to_dict()
            corners = [value for corner in known["quadrilateral"] or () for value in corner]
            yield {
                **row,
                **{name: known[name] for name in COLUMNS if name in known},
                **dict(zip(_CORNERS, corners, strict=False)),
            }


def to_frame(results: Iterable[SearchResult]) -> pandas.DataFrame:
    """Give the rows as a table of pandas; see `SearchResults.to_frame`."""
    pandas = imported("pandas", "frames", "a table for pandas")
    frame = pandas.DataFrame.from_records(list(table_rows(results)), columns=list(COLUMNS))
    return frame.astype(_TYPES)
