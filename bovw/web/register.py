"""A register: a table that says more about pictures, such as owner, class and date."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..errors import FormatError, GroundTruthError, some
from ..formats import read_rows
from ..pictures import Path_
from .conditions import Condition, fits, parse_conditions

_PICTURES = (
    "identifier", "path", "image", "picture", "filename", "file", "image_path", "file_name",
    "image_name", "img", "photo", "name",
)  # fmt: skip


@dataclass(frozen=True)
class Register:
    """What is known of pictures.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns, without the one that names the picture.
    rows : mapping of str to mapping
        Text by column, for the identifier of each picture.
    """

    columns: tuple[str, ...] = ()
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, identifier: str) -> Mapping[str, str]:
        """Give what is known of a picture: text by column; nothing for one without a row."""
        return self.rows.get(identifier, {})

    def where(self, text: str) -> frozenset[str]:
        """Give the identifiers of the pictures that fit a condition such as ``class in 5, 33``.

        Raises
        ------
        SettingsError
            When the text is no condition, or names a column that the register does not have.
        """
        conditions: tuple[Condition, ...] = parse_conditions(text, self.columns)
        return frozenset(name for name, row in self.rows.items() if fits(row, conditions))

    def unknown(self, identifiers: Collection[str]) -> list[str]:
        """Give the pictures that the register names and a collection does not have."""
        return [name for name in self.rows if name not in identifiers]


def load_register(path: Path_) -> Register:
    """Read a table of what is known of pictures.

    Parameters
    ----------
    path : path
        A table with a header, separated by commas, semicolons or tabs, in UTF-8 or UTF-16. The
        column ``identifier`` (or ``path``, ``image``, ``filename`` and the like, else the first
        one) has the identifier of a picture in the index. A picture may have several rows: their
        different values are joined by "; ".

    Raises
    ------
    FormatError
        When the file cannot be read, or is no such table.
    """
    where = os.fsdecode(path)
    try:
        (_, header), *rest = read_rows(path)
    except GroundTruthError as error:
        raise FormatError(str(error)) from error
    names = [name.strip() for name in header]
    lower = [name.lower() for name in names]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if len(names) < 2 or not all(names) or twice:
        wrong = f"names {some(twice)} twice" if twice else f"is {', '.join(names)!r:.100}"
        raise FormatError(
            f"{where}: the header {wrong}; expected a column for the picture and one or more with "
            "names of their own, separated by commas, semicolons or tabs"
        )
    known = [lower.index(name) for name in _PICTURES if name in lower]
    key = known[0] if known else 0
    columns = tuple(name for i, name in enumerate(names) if i != key)
    values: dict[str, dict[str, dict[str, None]]] = {}
    for _, row in rest:
        cells = [text.strip() for i, text in enumerate(row) if i != key]
        of_picture = values.setdefault(row[key].strip(), {column: {} for column in columns})
        for column, text in zip(columns, cells, strict=True):
            if text:
                of_picture[column][text] = None
    return Register(
        columns,
        {
            name: {column: "; ".join(texts) for column, texts in row.items()}
            for name, row in values.items()
        },
    )
