#!/usr/bin/env python3
"""Search an index for many pictures, and write the answers as CSV.

python scripts/search.py photos.bovw queries/ > answers.csv

A query without answers has a row with an empty rank; a query that cannot be read has a row with the
reason, and the exit code is 3.
"""

from __future__ import annotations

import argparse
import csv
import sys

import bovw
from bovw.pictures import find_queries
from bovw.report import csv_cell


def main() -> int:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("queries", nargs="+", help="pictures, folders of pictures, or @list.txt")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    engine = bovw.Engine.open(options.index, n_jobs=options.jobs)
    writer = csv.writer(sys.stdout)
    writer.writerow(
        ["query", "matched", "rank", "identifier", "decision", "score", "inliers", "error"]
    )
    failed = False
    queries = find_queries(options.queries)
    for result in engine.search_many(queries, options.k, progress=True):
        name = csv_cell(result.query)
        if result.error is not None or not result.answers:
            failed |= result.error is not None
            writer.writerow(
                [name, result.matched, "", "", "", "", "", csv_cell(result.error or "")]
            )
        for answer in result:
            row = (
                answer.rank,
                csv_cell(answer.identifier),
                answer.decision or "",
                f"{answer.score:.6f}",
                answer.inliers,
            )
            writer.writerow([name, result.matched, *row, ""])
    return 3 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except bovw.BovwError as error:
        sys.exit(f"error: {error}")
