"""Tables of labels: a picture a row, and what it shows."""

from __future__ import annotations

import os
from collections import Counter, defaultdict

from ..errors import GroundTruthError
from ..evaluation import GroundTruth, GroundTruthQuery
from .parsing import PathLike, read_table


def load_labels(path: PathLike, separator: str = ";") -> GroundTruth:
    """Read a table of pictures and labels: each picture against all others.

    Right is what shares a label, and gains the share of the labels of both that they have in
    common (Jaccard), for nDCG. A picture without labels is wrong for all, and not asked.

    Parameters
    ----------
    path : path
        ``.csv`` or ``.tsv`` with a header. The first column names the picture, which may have
        several rows; the others hold labels. With more than one column of labels, labels of
        different columns are never the same.
    separator : str
        Between several labels in one cell.
    """
    where = os.fsdecode(path)
    header, rows = read_table(path)
    if len(header) < 2:
        raise GroundTruthError(
            f"{where}: the header is {header[0]!r}, expected a column for the picture and one or "
            "more for its labels"
        )
    prefixes = [f"{column}=" if len(header) > 2 else "" for column in header[1:]]
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for place, (name, *cells) in rows:
        if not name:
            raise GroundTruthError(f"{place} names no picture in its first column")
        labels[name] |= {
            prefix + label.strip()
            for prefix, cell in zip(prefixes, cells, strict=True)
            for label in cell.split(separator)
            if label.strip()
        }
    alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for name, its_labels in labels.items():
        alike[frozenset(its_labels)].append(name)
    holders: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for shown in alike:
        for label in shown:
            holders[label].append(shown)
    queries = []
    for mine, names in alike.items():
        # What all pictures with these labels have in common is found once for them.
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
    return GroundTruth(
        frozenset(labels),
        tuple(sorted(queries, key=lambda query: query.name)),
        name=where,
        in_base="junk",
        metrics=("ap", "ndcg@10", "p@1", "p@10"),
    )
