"""Tables of results as CSV: safe in a spreadsheet, and read back exactly.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@``, and a file may have
such a name. So an apostrophe is put before text that begins with one of these, with a tab, an end
of line, or an apostrophe (OWASP, "CSV injection"). Because an apostrophe itself gets one, taking
one away from each cell that begins with one gives the text as it was. Numbers are not text, and
stay.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from ..search import COLUMNS, SearchResult, table_rows
from ..settings import checked_arguments
from .blocks import Labels

_COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


@checked_arguments
def csv_cell(text: str) -> str:
    """Make text safe for a spreadsheet; `text_of_cell` is the way back."""
    return safe(text)


def safe(text: str) -> str:
    """Do what `csv_cell` does, for the many cells of a table."""
    return f"'{text}" if text.startswith(_COMPUTED) else text


@checked_arguments
def text_of_cell(cell: str) -> str:
    """Give the text that `csv_cell` made a cell of."""
    return cell.removeprefix("'")


@checked_arguments
def results_csv(
    results: SearchResult | Iterable[SearchResult], labels: Labels | None = None
) -> str:
    """Give a table with a row for each answer, as CSV (RFC 4180).

    A query without answers has one row without a rank, and a query that could not be read one with
    its error. Numbers are written so that they are read back exactly; what is not known is an empty
    cell. docs/results.md describes the columns.

    Parameters
    ----------
    results : SearchResult or iterable of SearchResult
    labels : mapping of str to mapping, optional
        What is known of pictures, by identifier: text by name of a column. These columns come after
        the others; one with the name of another has ``label.`` before its name.

    Returns
    -------
    str
        Write it as UTF-8 with ``errors="surrogateescape"``, and without changing ends of lines, so
        that names of files are kept whatever bytes they have.
    """
    several = [results] if isinstance(results, SearchResult) else results
    text = io.StringIO()
    writer = csv.writer(text)
    known = labels or {}
    columns = list(dict.fromkeys(column for row in known.values() for column in row))
    names = [f"label.{column}" if column in COLUMNS else column for column in columns]
    writer.writerow([*COLUMNS, *map(safe, names)])
    for row in table_rows(several):
        its = known.get(row["identifier"], {})
        cells = [row[name] for name in COLUMNS] + [its.get(column) for column in columns]
        writer.writerow(map(_cell, cells))
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe(value) if isinstance(value, str) else repr(value)
