"""Plots of a comparison for papers, as SVG and PNG, by matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import imported, printable
from ..evaluation import RECALLS, Comparison
from ..files import replaced
from ..pictures import Path_
from ..settings import checked_arguments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = (3.5, 2.7)  # a column of a paper
_DOTS = 300
# Okabe & Ito 2008, "Color universal design"; lines differ in their dashes and marks, too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_MARKS = ("o", "s", "^", "D", "v", "x", "P")
_STYLE = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "bovw",  # the same plot is the same file
    "text.parse_math": False,  # a name may hold dollars
}
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_AT_K = (("recall_at", "recall"), ("precision_at", "precision"), ("hit_at", "hit rate"))


def check_plots() -> None:
    """Raise a MissingPackageError when no plot can be made, since matplotlib is not installed."""
    imported("matplotlib.figure", "report", "a plot")


@checked_arguments
def save_plots(comparison: Comparison, folder: Path_) -> list[Path]:
    """Draw a comparison, and write each plot as SVG and as PNG (300 dots an inch).

    The plots are ``precision-recall``, ``recall-at-k``, ``precision-at-k``, ``hit-rate-at-k``,
    ``scores`` (means of the first metric with their intervals), and ``differences-N`` for pair N of
    systems, query by query, in the order in which `Comparison.overlaps` has them.

    Parameters
    ----------
    comparison : Comparison
    folder : path
        It is made if it is missing; files of these names in it are replaced.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    StorageError
        When a file cannot be written.
    """
    check_plots()
    matplotlib = imported("matplotlib", "report", "a plot")
    figures = imported("matplotlib.figure", "report", "a plot")
    written = []
    with matplotlib.rc_context(_STYLE):
        for name, draw in _plots(comparison):
            figure = figures.Figure(figsize=_INCHES, layout="constrained")
            draw(figure.subplots())
            for kind, about in (("svg", {"Date": None}), ("png", {"Software": None})):
                target = Path(folder) / f"{name}.{kind}"
                with replaced(target) as file:
                    figure.savefig(file, format=kind, dpi=_DOTS, metadata=about)
                written.append(target)
    return written


def _plots(comparison: Comparison) -> Iterator[tuple[str, Any]]:
    drawn = comparison.curves()

    def precision_recall(ax: Axes) -> None:
        for i, (name, curve) in enumerate(drawn.items()):
            ax.plot(RECALLS, curve.precision, label=printable(name), **_line(i, 20))
        _name_axes(ax, "recall", "precision (interpolated)", len(drawn))
        ax.set_xlim(0, 1)

    def at_k(ax: Axes, which: str, title: str) -> None:
        for i, (name, curve) in enumerate(drawn.items()):
            ax.plot(curve.k, getattr(curve, which), label=printable(name), **_line(i, 3))
        ax.set_xscale("log")
        most = int(next(iter(drawn.values())).k[-1])
        ticks = [k for k in _TICKS if k <= most]
        ax.set_xticks(ticks, [str(k) for k in ticks])
        ax.set_xticks([], minor=True)
        _name_axes(ax, "number of first answers, k", f"{title} at k", len(drawn))

    yield "precision-recall", precision_recall
    for which, title in _AT_K:
        yield (
            f"{title.replace(' ', '-')}-at-k",
            lambda ax, which=which, title=title: at_k(ax, which, title),
        )
    yield "scores", lambda ax: _scores(ax, comparison)
    for number, (one, other) in enumerate(combinations(comparison.runs, 2), 1):
        yield (
            f"differences-{number}",
            lambda ax, names=(one.name, other.name): _differences(ax, comparison, *names),
        )


def _line(number: int, every: int) -> dict[str, Any]:
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKS[number % len(_MARKS)],
        "markersize": 3.5,
        "markevery": every,
        "linewidth": 1.3,
        "clip_on": False,
    }


def _name_axes(ax: Axes, x: str, y: str, n_systems: int) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_ylim(0, 1)
    ax.grid(alpha=0.25, linewidth=0.5)
    if n_systems > 1:
        ax.legend()


def _scores(ax: Axes, comparison: Comparison) -> None:
    first = comparison.metrics[0]
    for i, run in enumerate(comparison.runs):
        found = comparison.intervals[run.name][first]
        colour = _COLOURS[i % len(_COLOURS)]
        ax.plot([found.low, found.high], [i, i], color=colour, linewidth=2)
        ax.plot(found.mean, i, color=colour, marker=_MARKS[i % len(_MARKS)], markersize=6)
    ax.set_yticks(range(len(comparison.runs)), [printable(run.name) for run in comparison.runs])
    ax.set_ylim(len(comparison.runs) - 0.5, -0.5)
    ax.set_xlabel(f"mean {first}, with its interval of {comparison.level:.0%}")
    ax.grid(axis="x", alpha=0.25, linewidth=0.5)


def _differences(ax: Axes, comparison: Comparison, one: str, other: str) -> None:
    names = [run.name for run in comparison.runs]
    ranked = comparison.query_differences(one, other)
    gaps = np.array([d.value_of_one - d.value_of_other for d in ranked])
    colours = [_COLOURS[names.index(name) % len(_COLOURS)] for name in (one, other)]
    ax.bar(np.arange(1, len(gaps) + 1), gaps, width=0.9,
           color=[colours[0] if gap > 0 else colours[1] for gap in gaps])  # fmt: skip
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_xlabel("queries, sorted")
    ax.set_ylabel(f"difference in {comparison.metrics[0]}")
    ax.set_title(f"above 0: {printable(one)} is better; below: {printable(other)}", fontsize=7)
