"""Ground truths in tables of labels: each row has a picture and what it shows."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import GroundTruthError, some
from ..evaluation import Box, GroundTruth, GroundTruthQuery, distinct_names
from ..pictures import SUFFIXES
from .parsing import PathLike, read_rows, to_float

_PICTURES = (
    "path", "image", "picture", "filename", "file", "image_path", "file_name", "image_name", "img",
    "photo", "name", "identifier",
)  # fmt: skip
_LABELS = ("label", "labels", "class", "category")
# What programs write for no value.
_NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>"})
# Columns of the tables of open-metric-learning: which rows are queries, which the base, and boxes.
_ASKS, _ANSWERS = "is_query", "is_gallery"
_CORNERS = ("x_1", "y_1", "x_2", "y_2")


@dataclass(frozen=True)
class _Table:
    """A table, and what its columns are.

    Attributes
    ----------
    header : tuple of str
        Names of the columns, in lower case.
    rows : list of (str, list of str)
        Place of each row, for messages, and its cells.
    picture : int
        The column that names the picture.
    labels : tuple of int
        The columns that hold labels.
    is_windows : bool
        Whether names had backslashes, which were made slashes.
    """

    where: str
    header: tuple[str, ...]
    rows: list[tuple[str, list[str]]]
    picture: int
    labels: tuple[int, ...]
    is_windows: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided when the table was read, and its author should know."""
        found = []
        if self.is_windows:
            found.append(f"{self.where}: backslashes in names were read as slashes")
        used = {self.picture, *self.labels}
        names = [self.header[i] for i in range(len(self.header)) if i not in used]
        left = [n for n in names if n not in (_ASKS, _ANSWERS, *_CORNERS)]
        if left:
            found.append(
                f"{self.where}: labels are read from {some(self.header[i] for i in self.labels)}; "
                f"{len(left)} other columns were left out: "
                f"{some(name or '(no name)' for name in left)} (--labels names label columns)"
            )
        return tuple(found)


def load_labels(
    path: PathLike, separator: str = ";", labels: Sequence[str] | None = None
) -> GroundTruth:
    """Read a table of pictures and labels; each picture with a label is a query.

    The right answers are all other pictures that share a label with the query. For nDCG, the gain
    of a right answer is the Jaccard similarity of the two sets of labels. A picture without labels
    is wrong for every query, and is not a query.

    A table of open-metric-learning is recognised by its columns ``is_query`` and ``is_gallery``.
    Rows with ``is_query`` are the queries, rows with ``is_gallery`` the base (rows with neither are
    for training). The box of a query is ``x_1, y_1, x_2, y_2``.

    Parameters
    ----------
    path : path
        A table, separated by commas, semicolons or tabs, in UTF-8 or UTF-16. Its header names the
        columns; without a header it has two columns, a picture and its labels. The picture is in
        the column ``path``, ``image``, ``filename`` or the like, else in the first column that is
        not a label. A picture may have several rows.
    separator : str
        Separates several labels in one cell.
    labels : sequence of str, optional
        The columns that hold labels; default: those called ``label``, ``labels``, ``class`` or
        ``category``, or the only other column. Labels in different columns are always different
        labels, even when they are spelled the same. All other columns are left out, with a note.

    Raises
    ------
    GroundTruthError
        When the file is no such table, or it is not clear which columns are labels.
    """
    table = _read(path, labels)
    cells = _cells_of(table, separator)
    if _ASKS in table.header and _ANSWERS in table.header:
        return _queries_and_gallery(table, cells)
    held: defaultdict[str, set[str]] = defaultdict(set)
    for (_, row), its_labels in zip(table.rows, cells, strict=True):
        held[row[table.picture]] |= its_labels
    queries = _alike(held)
    without = sum(not its_labels for its_labels in held.values())
    notes = table.notes
    if without:
        notes += (f"{table.where}: {without} pictures have no label, and are never right",)
    return GroundTruth(
        frozenset(held),
        tuple(sorted(queries, key=lambda query: query.name)),
        name=table.where,
        in_base="junk",
        metrics=("ap", "ndcg@10", "p@1", "p@10"),
        notes=notes,
    )


def _read(path: PathLike, wanted: Sequence[str] | None) -> _Table:
    where = os.fsdecode(path)
    (_, first), *rest = rows = read_rows(path)
    header = tuple(name.strip().lower() for name in first)
    if any(os.path.splitext(name)[1] in SUFFIXES for name in header):  # noqa: PTH122
        header, rest = _without_header(where, header), rows
    if len(header) < 2:
        raise GroundTruthError(
            f"{where}: the header is {first[0]!r:.100}, expected a column for the picture and one "
            "or more for its labels, separated by commas, semicolons or tabs"
        )
    labels = _label_columns(where, header, wanted)
    others = [i for i in range(len(header)) if i not in labels]
    if not others:
        raise GroundTruthError(f"{where}: no column is left for the picture")
    known = [header.index(name) for name in _PICTURES if name in header]
    picture = next((i for i in known if i in others), others[0])
    names = [row[picture] for _, row in rest]
    windows = any("\\" in name for name in names) and not any("/" in name for name in names)
    for place, row in rest:
        row[picture] = row[picture].strip()
        if windows:
            row[picture] = row[picture].replace("\\", "/")
        if not row[picture]:
            raise GroundTruthError(f"{place} names no picture in its column {header[picture]!r}")
    return _Table(where, header, rest, picture, labels, windows)


def _without_header(where: str, first: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of a table that begins with a row of values."""
    if len(first) != 2:
        raise GroundTruthError(
            f"{where} has no header and {len(first)} columns: expected a first line that names "
            "the columns, such as path,label"
        )
    is_second = os.path.splitext(first[1])[1] in SUFFIXES  # noqa: PTH122
    return ("label", "path") if is_second else ("path", "label")


def _label_columns(
    where: str, header: tuple[str, ...], wanted: Sequence[str] | None
) -> tuple[int, ...]:
    if wanted is not None:
        names = [name.strip().lower() for name in wanted]
        missing = [name for name in names if name not in header]
        if missing or not names:
            raise GroundTruthError(
                f"{where} has no column {some(missing) or '(none named)'}: expected some of "
                f"{some(header, 20)}"
            )
        return tuple(header.index(name) for name in names)
    found = tuple(i for i, name in enumerate(header) if name in _LABELS)
    if found:
        return found
    others = [i for i, name in enumerate(header) if name not in _PICTURES]
    if len(header) == 2:
        return (others[-1],) if others else (1,)
    raise GroundTruthError(
        f"{where} has the columns {some(header, 20)}, none of which is called "
        f"{', '.join(_LABELS)}: name the columns that hold labels (--labels)"
    )


def _cells_of(table: _Table, separator: str) -> list[frozenset[str]]:
    """The labels of each row."""
    prefixes = [f"{table.header[i]}=" if len(table.labels) > 1 else "" for i in table.labels]
    return [
        frozenset(
            prefix + label.strip()
            for prefix, i in zip(prefixes, table.labels, strict=True)
            for label in row[i].split(separator)
            if label.strip().lower() not in _NOTHING
        )
        for _, row in table.rows
    ]


def _alike(held: dict[str, set[str]]) -> list[GroundTruthQuery]:
    """Make a query of each picture with labels."""
    alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for name, its_labels in held.items():
        alike[frozenset(its_labels)].append(name)
    holders: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for shown in alike:
        for label in shown:
            holders[label].append(shown)
    queries = []
    for mine, names in alike.items():
        # Pictures with exactly the same labels have the same right answers: find them once.
        common = Counter(other for label in mine for other in holders[label])
        right = frozenset(name for other in common for name in alike[other])
        gains = {
            name: n / len(mine | other)
            for other, n in common.items()
            if other != mine
            for name in alike[other]
        }
        group = min(mine) if len(mine) == 1 else None
        queries += [
            GroundTruthQuery(name, positive=right - {name}, gains=gains, group=group)
            for name in names
            if mine
        ]
    return queries


def _queries_and_gallery(table: _Table, cells: list[frozenset[str]]) -> GroundTruth:
    """Read the queries and the base, as open-metric-learning marks them."""
    asks, answers = (_flags(table, name) for name in (_ASKS, _ANSWERS))
    box = _boxes(table)
    gallery: defaultdict[str, set[str]] = defaultdict(set)
    for (_, row), its_labels, is_in in zip(table.rows, cells, answers, strict=True):
        if is_in:
            gallery[row[table.picture]] |= its_labels
    if not gallery or not any(asks):
        raise GroundTruthError(
            f"{table.where} marks {sum(asks)} queries ({_ASKS}) and {len(gallery)} pictures of the "
            f"gallery ({_ANSWERS}): expected some of either"
        )
    queries = []
    for number, (place, row) in enumerate(table.rows):
        if asks[number] and cells[number]:
            image, mine = row[table.picture], cells[number]
            right = frozenset(name for name, its in gallery.items() if its & mine)
            group = min(mine) if len(mine) == 1 else None
            positive = right - {image}
            queries.append(GroundTruthQuery(image, box(place, row), positive=positive, group=group))
    return GroundTruth(
        frozenset(gallery),
        distinct_names(queries),
        name=table.where,
        in_base="junk",
        metrics=("ap", "p@1", "p@10"),
        notes=table.notes,
    )


def _flags(table: _Table, name: str) -> list[bool]:
    column, found = table.header.index(name), []
    for place, row in table.rows:
        text = row[column].strip().lower()
        if text not in {"true", "false", "1", "0", "1.0", "0.0", *_NOTHING}:
            raise GroundTruthError(f"{place}: {name} is {text!r:.100}, expected True or False")
        found.append(text in {"true", "1", "1.0"})
    return found


def _boxes(table: _Table) -> Callable[[str, list[str]], Box | None]:
    if not set(_CORNERS) <= set(table.header):
        return lambda place, row: None
    columns = [table.header.index(name) for name in _CORNERS]

    def box(place: str, row: list[str]) -> Box | None:
        texts = [row[i].strip() for i in columns]
        if all(text.lower() in _NOTHING for text in texts):
            return None
        x0, y0, x1, y1 = (to_float(text) for text in texts)
        if not (all(map(math.isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1):
            raise GroundTruthError(f"{place}: the box is {texts!r:.200}, expected x_1 < x_2, ...")
        return x0, y0, x1, y1

    return box
