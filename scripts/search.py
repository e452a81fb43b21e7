#!/usr/bin/env python3
"""Search an index for many pictures, and write the answers as CSV.

python scripts/search.py photos.bovw queries/*.jpg > answers.csv
"""

from __future__ import annotations

import argparse
import csv
import sys

import bovw


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index")
    parser.add_argument("queries", nargs="+")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    engine = bovw.Engine.open(options.index, n_jobs=options.jobs)
    writer = csv.writer(sys.stdout)
    writer.writerow(["query", "matched", "rank", "identifier", "score", "inliers"])
    for result in engine.search_many(options.queries, options.k, progress=True):
        for answer in result:
            row = (answer.rank, answer.identifier, f"{answer.score:.6f}", answer.inliers)
            writer.writerow([result.query, result.matched, *row])


if __name__ == "__main__":
    main()
