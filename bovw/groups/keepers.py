"""Which picture of a group is proposed to be kept."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from ..errors import SettingsError, shown
from ..pictures import Record

KEEP = ("largest", "oldest", "folder:NAME")
"""The rules, as they are written."""
Order = Callable[[Record], tuple[Any, ...]]


def keeper_order(rule: str) -> Order:
    """Give the sort key of a rule: the picture to keep comes first.

    Parameters
    ----------
    rule : str
        "largest": most pixels; of these, most bytes. "oldest": modified first, by the file's time;
        of these, the largest. "folder:NAME": a picture in this folder (its identifier begins with
        ``NAME/``, or matches a pattern such as ``originals/*``); of these, the largest; the largest
        of all when none lies there. At last the identifier decides.

    Raises
    ------
    SettingsError
        When there is no such rule.
    """

    def by_size(record: Record) -> tuple[Any, ...]:
        return -record.width * record.height, -record.size, record.identifier

    if rule == "largest":
        return by_size
    if rule == "oldest":
        return lambda record: (record.mtime_ns or float("inf"), *by_size(record))
    name = rule.removeprefix("folder:").strip("/")
    if not rule.startswith("folder:") or not name:
        raise SettingsError(f"keep={shown(rule)}: expected one of {', '.join(KEEP)}")

    def lies_there(identifier: str) -> bool:
        return identifier.startswith(f"{name}/") or fnmatchcase(identifier, name)

    return lambda record: (not lies_there(record.identifier), *by_size(record))
