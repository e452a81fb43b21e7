#!/usr/bin/env python3
"""Index a folder of pictures with a vocabulary.

python scripts/index.py photos/ photos.vocabulary photos.bovw
"""

from __future__ import annotations

import argparse

import bovw


def main() -> None:
    """Build and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("vocabulary")
    parser.add_argument("index")
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    vocabulary = bovw.load_vocabulary(options.vocabulary, n_jobs=options.jobs)
    engine = bovw.Engine.build(
        options.pictures, vocabulary=vocabulary, n_jobs=options.jobs, progress=True
    )
    engine.save(options.index)
    print(engine)
    for failure in engine.failures:
        print(f"left out {failure.path}: {failure.reason}")


if __name__ == "__main__":
    main()
