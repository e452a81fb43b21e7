#!/usr/bin/env python3
"""Compare embeddings of a neural network with an index of bovw, in one table.

    python scripts/compare_neural.py photos/gnd.json photos.bovw net.npz

The index is searched with the search settings of the presets `strong` and `classic`. The embeddings
are searched exactly, without and with alpha query expansion. Two more systems combine both: their
rankings are fused, and the index verifies the first answers of the network. `--pca` and `--whiten`
are learned from the embeddings of the database. The command `bovw compare` does the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import bovw
from bovw.files import write_text
from bovw.report import comparison_latex, comparison_text


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ground_truth", type=Path)
    parser.add_argument("index")
    parser.add_argument("embeddings", help=".npz with names and vectors; see docs/evaluation.md")
    parser.add_argument("--queries", help="embeddings of the queries, where they have boxes")
    parser.add_argument("--pca", type=int, default=0, metavar="K", help="keep K components")
    parser.add_argument("--whiten", action="store_true")
    parser.add_argument("--root", type=Path, help="default: the folder of the ground truth")
    parser.add_argument("--cache", type=Path, help="keep features of queries here")
    parser.add_argument("--latex", type=Path)
    parser.add_argument("--all", action="store_true", help="print everything")
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    net = f"{options.embeddings},pca={options.pca},whiten={options.whiten}"
    if options.queries:
        net += f",queries={options.queries}"
    comparison = bovw.compare(
        options.ground_truth,
        [
            f"strong={options.index},preset=strong",
            f"classic={options.index},preset=classic",
            f"net={net}",
            f"net+alpha={net},expand=alpha",
        ],
        fuse=["fused=rrf:strong+net", "verified=verify:net+strong"],
        root=options.root,
        cache=options.cache,
        n_jobs=options.jobs,
        progress=True,
    )
    print(comparison_text(comparison, everything=options.all))
    if options.latex:
        write_text(options.latex, comparison_latex(comparison))


if __name__ == "__main__":
    main()
