#!/usr/bin/env python3
"""Search an index for many pictures, and write the answers as CSV.

python scripts/search.py photos.bovw queries/ > answers.csv

The same as ``bovw search photos.bovw queries/ --csv -``: a row for each answer. A query without
answers has a row with an empty rank; a query that cannot be read has a row with the reason, and the
exit code is 3. docs/results.md describes the columns.
"""

from __future__ import annotations

import argparse
import sys

import bovw
from bovw.pictures import find_queries
from bovw.report import results_csv


def main() -> int:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("queries", nargs="+", help="pictures, folders of pictures, or @list.txt")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    engine = bovw.Engine.open(options.index, n_jobs=options.jobs)
    results = engine.search_many(find_queries(options.queries), options.k, progress=True)
    # As bytes, so that names of files that are not UTF-8 are kept.
    sys.stdout.buffer.write(results_csv(results).encode("utf-8", "surrogateescape"))
    failed = [result for result in results if result.error is not None]
    for result in failed:
        print(f"failed: {result.error!a}", file=sys.stderr)
    return 3 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except bovw.BovwError as error:
        sys.exit(f"error: {error}")
