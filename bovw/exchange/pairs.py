"""Pairs of pictures that probably show the same, in the formats of tools that match them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from ..errors import SettingsError, shown

PAIR_FORMATS = ("colmap", "hloc", "csv", "json")
"""Names of the formats of `pairs_text`."""


@dataclass(frozen=True)
class Pair:
    """A picture, and one of the answers to it.

    Attributes
    ----------
    query, identifier : str
        Names of the picture and of the answer.
    rank : int
        1 for the first answer to the query.
    score, similarity : float
    inliers : int or None
    decision : str or None
        As in `Answer`.
    """

    query: str
    identifier: str
    rank: int
    score: float
    similarity: float
    inliers: int | None = None
    decision: str | None = None


def pairs_text(pairs: Iterable[Pair], format: str) -> tuple[str, list[str]]:
    """Write pairs as text.

    Parameters
    ----------
    pairs : iterable of Pair
    format : {"colmap", "hloc", "csv", "json"}
        "colmap" (for its ``matches_importer`` and `pycolmap.ImportedPairingOptions`) and "hloc"
        are lines of two names with a blank between them. A pair that occurs in both directions is
        written once. "csv" (RFC 4180) and "json" have all fields of all pairs.

    Returns
    -------
    text : str
    refused : list of str
        Names with blanks or line breaks, which COLMAP and hloc cannot read. Their pairs were left
        out.

    Raises
    ------
    SettingsError
        When there is no such format.
    """
    if format == "json":
        return json.dumps([asdict(pair) for pair in pairs], indent=1) + "\n", []
    if format == "csv":
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Pair)])
        table.writeheader()
        table.writerows(asdict(pair) for pair in pairs)
        return text.getvalue(), []
    if format not in PAIR_FORMATS:
        raise SettingsError(f"format={shown(format)}: expected one of {', '.join(PAIR_FORMATS)}")
    lines: list[str] = []
    seen: set[tuple[str, str]] = set()
    refused: set[str] = set()
    for pair in pairs:
        names = pair.query, pair.identifier
        # COLMAP takes a line that begins with # for a remark.
        bad = {name for name in names if name.split() != [name] or name.startswith("#")}
        refused |= bad
        if not bad and names not in seen:
            seen |= {names, names[::-1]}
            lines.append(" ".join(names) + "\n")
    return "".join(lines), sorted(refused)
