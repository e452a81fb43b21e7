"""Groups of pictures as text for a terminal, and as CSV."""

from __future__ import annotations

import csv
import io
import textwrap

from ..errors import printable
from ..groups import LEVELS, Groups
from ..settings import checked_arguments
from .csv_files import safe

COLUMNS = (
    "group", "pictures", "action", "identifier", "path", "width", "height", "bytes", "modified",
    "relation",
)  # fmt: skip
"""Columns of `groups_csv`; docs/groups.md describes them."""


@checked_arguments
def groups_csv(groups: Groups) -> str:
    """Give a table with a row for each picture of a group, as CSV (RFC 4180).

    Texts are made safe for spreadsheets, as those of `results_csv`.

    Parameters
    ----------
    groups : Groups

    Returns
    -------
    str
        Write it as UTF-8 with ``errors="surrogateescape"``, and without changing ends of lines.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number, group in enumerate(groups, 1):
        for member in group.pictures:
            writer.writerow(
                [
                    number,
                    len(group),
                    "keep" if member is group.keeper else "review",
                    safe(member.identifier),
                    safe(member.path),
                    *member.size,
                    member.n_bytes,
                    member.modified or "",
                    safe(member.relation),
                ]
            )
    return text.getvalue()


def groups_text(groups: Groups) -> str:
    """Give groups as lines of text: what joins them, then the pictures of each.

    Parameters
    ----------
    groups : Groups
    """
    lines = [summary(groups), *textwrap.wrap(f"{groups.level}: {LEVELS[groups.level]}", 80)]
    for number, group in enumerate(groups, 1):
        names = [printable(name) for name in group.identifiers]
        width = min(max(map(len, names)), 60)
        lines += ["", f"group {number}: {len(group)} pictures"]
        for member, name in zip(group.pictures, names, strict=True):
            first = member is group.keeper
            facts = "{} x {}, {}".format(*member.size, readable_bytes(member.n_bytes))
            what = facts if first else f"{facts}; {member.relation}"
            lines.append(f"  {'keep' if first else '    '}  {name:<{width}}  {what}")
    return "\n".join(lines)


def summary(groups: Groups) -> str:
    """Say how many groups there are, of how many pictures."""
    if not groups:
        return f"no groups: none of {groups.n_pictures} pictures has another that belongs to it"
    said = (
        f"{len(groups)} group{'s' * (len(groups) > 1)} of {groups.n_grouped} of "
        f"{groups.n_pictures} pictures"
    )
    if groups.cut:
        said += f"; {len(groups.cut)} weak link{'s' * (len(groups.cut) > 1)} not followed"
    return said


def readable_bytes(n: int) -> str:
    """Give a number of bytes in a unit that people read: 950 B, 12 kB, 3.4 MB."""
    if n < 1000:
        return f"{n} B"
    for unit in ("kB", "MB", "GB"):
        n_units, n = n / 1000, n // 1000
        if n < 1000 or unit == "GB":
            break
    return f"{n_units:.1f} {unit}" if n_units < 10 else f"{n_units:.0f} {unit}"
