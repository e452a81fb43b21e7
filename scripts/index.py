#!/usr/bin/env python3
"""Index a folder of pictures with a vocabulary, or bring an index up to date.

python scripts/index.py photos/ photos.vocabulary photos.bovw
"""

from __future__ import annotations

import argparse

import bovw


def main() -> None:
    """Create the index, or add new pictures and remove those that are gone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("vocabulary")
    parser.add_argument("index")
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    vocabulary = bovw.load_vocabulary(options.vocabulary, n_jobs=options.jobs)
    engine, changes = bovw.update_index(
        options.index,
        options.pictures,
        vocabulary=vocabulary,
        sync=True,
        n_jobs=options.jobs,
        progress=True,
    )
    print(engine, changes, sep=": ")
    for failure in changes.newly_failed:
        print(f"left out {failure.path}: {failure.reason}")


if __name__ == "__main__":
    main()
