#!/usr/bin/env python3
"""Train a vocabulary on a folder of pictures.

python scripts/train.py photos/ photos.vocabulary --words 20000
"""

from __future__ import annotations

import argparse

import bovw


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("vocabulary")
    parser.add_argument("--words", type=int, default=bovw.Settings().vocabulary.n_words)
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    settings = bovw.Settings().changed(vocabulary={"n_words": options.words})
    vocabulary = bovw.train_vocabulary(
        options.pictures, settings=settings, n_jobs=options.jobs, progress=True
    )
    bovw.save_vocabulary(vocabulary, options.vocabulary)
    print(vocabulary.statistics_)


if __name__ == "__main__":
    main()
