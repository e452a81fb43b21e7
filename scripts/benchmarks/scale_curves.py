#!/usr/bin/env python3
"""Curves over the number of pictures, with their slopes, of what `scale.py` measured.

    python scripts/benchmarks/scale_curves.py scale10k.json scale100k.json scale1m.json \\
        --svg docs/images/scale.svg

A table for docs/scaling.md is printed. The slope is that of a straight line through the points on
logarithmic axes: 0 where a figure does not depend on the number of pictures, 1 where it grows as
that number does. `pip install 'bovw[report]'` installs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

PANELS: dict[str, tuple[str, ...]] = {
    "seconds": (
        "build, seconds",
        "open, seconds",
        "first search, seconds",
        "first search, cold disk, seconds",
        "adding 100, seconds",
        "removing 100, seconds",
        "compact after removing a tenth, seconds",
    ),
    "ms a query": (
        "candidates unexpanded, ms",
        "kernel unexpanded, ms",
        "geometry unexpanded, ms",
        "whole unexpanded, ms",
        "whole, ms",
        "all scored exactly, ms",
    ),
    "MB": (
        "own memory after opening, MB",
        "own memory after the first, MB",
        "own memory at the end, MB",
        "mapped files at the end, MB",
        "build, own memory at its peak, MB",
    ),
}
PLAIN = ("bytes a feature", "recall of the exact top 100", "recall of planted pictures")
# Okabe & Ito 2008.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000", "#e69f00")
MARKS = "os^Dvx*"


def read(path: Path) -> dict[str, Any]:
    """Read the figures of one size; those after the last queries get a name of their own."""
    found: dict[str, Any] = json.loads(path.read_text())
    for kind in ("own memory", "mapped files"):
        after = [name for name in found if name.startswith(f"{kind} after ") and "queries" in name]
        if after:
            found[f"{kind} at the end, MB"] = found[after[-1]]
    return found


def points(runs: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Numbers of pictures, and the figure of each."""
    having = [run for run in runs if name in run]
    return [run["pictures"] for run in having], [float(run[name]) for run in having]


def slope(n: list[int], values: list[float]) -> float:
    """Slope on logarithmic axes; NaN for fewer than two points."""
    if len(n) < 2:
        return math.nan
    return float(np.polyfit(np.log10(n), np.log10(np.maximum(values, 1e-6)), 1)[0])


def shown(value: float) -> str:
    """Three digits of a figure."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(runs: list[dict[str, Any]]) -> str:
    """Make a Markdown table: a row a figure, a column a size, and the slope."""
    sizes = [run["pictures"] for run in runs]
    lines = [
        "| | " + " | ".join(f"{n:,}" for n in sizes) + " | slope |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for name in [*sum(PANELS.values(), ()), *PLAIN]:
        n, values = points(runs, name)
        if n:
            cells = [shown(run[name]) if name in run else "" for run in runs]
            steepness = "" if name in PLAIN else f"{slope(n, values):.2f}"
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {steepness} |")
    return "\n".join(lines)


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each unit."""
    style = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False,
             "legend.frameon": False, "svg.hashsalt": "bovw", "svg.fonttype": "none"}  # fmt: skip
    with rc_context(style):
        figure = Figure(figsize=(10.5, 3.8), layout="constrained")
        for axes, (unit, names) in zip(
            figure.subplots(1, len(PANELS)), PANELS.items(), strict=True
        ):
            for name, colour, mark in zip(names, COLOURS, MARKS, strict=False):
                n, values = points(runs, name)
                if n:
                    label = f"{name.rpartition(', ')[0] or name} ({slope(n, values):+.2f})"
                    axes.loglog(n, values, color=colour, marker=mark, markersize=4, label=label)
            axes.set_xlabel("pictures")
            axes.set_title(unit)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=7)
        figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> None:
    """Read, draw and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="JSON files of scale.py")
    parser.add_argument("--svg", type=Path, help="draw here")
    options = parser.parse_args()
    runs = sorted(map(read, options.files), key=lambda run: run["pictures"])
    if options.svg:
        draw(runs, options.svg)
    print(table(runs))


if __name__ == "__main__":
    main()
