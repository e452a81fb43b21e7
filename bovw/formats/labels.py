"""Ground truths in tables of labels: each row has a picture and what it shows."""

from __future__ import annotations

import os
from collections import Counter, defaultdict

from ..errors import GroundTruthError
from ..evaluation import GroundTruth, GroundTruthQuery
from .parsing import PathLike, read_table


def load_labels(path: PathLike, separator: str = ";") -> GroundTruth:
    """Read a table of pictures and labels; each picture with a label is a query.

    The right answers are all other pictures that share a label with the query. For nDCG a right
    answer gains the Jaccard similarity of the two sets of labels. A picture without labels is
    wrong for every query, and is not a query.

    Parameters
    ----------
    path : path
        ``.csv`` or ``.tsv`` file with a header. The first column is the name of the picture; a
        picture may have several rows. The other columns are labels. Labels in different columns
        are always different labels, even when they are spelled the same.
    separator : str
        Separates several labels in one cell.
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
    return GroundTruth(
        frozenset(labels),
        tuple(sorted(queries, key=lambda query: query.name)),
        name=where,
        in_base="junk",
        metrics=("ap", "ndcg@10", "p@1", "p@10"),
    )
