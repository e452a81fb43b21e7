"""Which columns of a table name pictures, and which hold their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EmbeddingError, some

NAMES = ("names", "name", "path", "image", "filename", "id")  # the first that exists is used


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they hold, in their order.

    Attributes
    ----------
    all, strings, lists, numbers : sequence of str
        Names of columns.
    """

    all: Sequence[str]
    strings: Sequence[str]
    lists: Sequence[str]
    numbers: Sequence[str]

    @property
    def usual_names(self) -> str | None:
        """The column of strings that is called as names usually are."""
        return next((name for name in NAMES if name in self.strings), None)

    def names(self) -> str | None:
        """The column that names the pictures; None when there is none."""
        advice = f"call one of them {' or '.join(NAMES)}"
        return self.usual_names or only(self.strings, "names", advice)

    def vectors(self, key: str | None) -> str | None:
        """The column of lists that holds the vectors; None when all columns of numbers do.

        Raises
        ------
        EmbeddingError
            When there are several, `key` is no column of lists, or there are no numbers.
        """
        if key is None:
            key = only(self.lists, "vectors", "say which with key")
        if key is not None and key not in self.lists:
            raise EmbeddingError(f"found {some(self.all)}: expected {key}, a column of lists")
        if key is None and not self.numbers:
            raise EmbeddingError(f"found {some(self.all)}: expected lists, or columns, of numbers")
        return key


def only(candidates: Sequence[str], what: str, advice: str) -> str | None:
    """Return the only candidate; None when there is none; raise when there are several."""
    if len(candidates) > 1:
        raise EmbeddingError(f"{some(candidates)} could be the {what}: {advice}")
    return candidates[0] if candidates else None
