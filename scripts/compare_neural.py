#!/usr/bin/env python3
"""What is a neural model worth over the best that needs no network? One table.

    python scripts/compare_neural.py photos/gnd.json photos.bovw net.npz

The index is searched as the presets `strong` and `classic` do, the embeddings exactly, plain and
with alpha query expansion; then both are fused, and the index verifies what the network found.
`--pca` and `--whiten` are learned on the base. The same by command: `bovw compare --help`.
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
    print(comparison_text(comparison))
    if options.latex:
        write_text(options.latex, comparison_latex(comparison))


if __name__ == "__main__":
    main()
