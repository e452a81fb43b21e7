"""The page docs/performance.md, from the figures of stages.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """# Every stage beside what one would take instead

Written by `scripts/benchmarks/stages.py`, which ran all ways in turn on one machine. Figures are
medians of {runs} runs.

A ratio compares a row with the first row of its table, which is bovw as it is by default. Above 1
it says that bovw is better by so much, below 1 that the other is: faster, more exact, or with a
smaller error.
"""

_ABOUT = {
    "extraction": "Extraction: from a file to its features",
    "clustering": "Clustering: from descriptors to words",
    "assignment": "Assignment: from a descriptor to its word",
    "candidates": "Candidates: from the histogram of a query to the most similar ones",
    "queries": "Whole queries",
}


def ratio(figure: Mapping[str, Any], ours: float, theirs: float) -> str:
    """How many times better we are; a dash where a figure is 0."""
    if not ours or not theirs:
        return "-"
    return f"{ours / theirs if figure['more_is_better'] else theirs / ours:.2f}"


def table(found: Mapping[str, Any]) -> list[str]:
    """One table: a row for each way, and for each figure what it is and its ratio."""
    figures, rows = found["figures"], found["rows"]
    heads = [text for f in figures for text in (f["title"], "ratio")]
    lines = [f"| | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for row in rows:
        cells = []
        for figure in figures:
            value, ours = (each["medians"][figure["key"]] for each in (row, rows[0]))
            cells.append(f"{value:,.{figure['digits']}f}")
            cells.append("" if row is rows[0] else ratio(figure, ours, value))
        version = f" ({row['package']} {row['version']})" if row["version"] else ""
        lines.append(f"| {row['name']}{version} | {' | '.join(cells)} |")
    lines += ["", f"{found['sizes']}", ""]
    lines += [f"- {row['name']}: {row['does']}" for row in rows]
    if found["left_out"]:
        names = ", ".join(each["name"] for each in found["left_out"])
        packages = " ".join(sorted({each["package"] for each in found["left_out"]}))
        lines.append(f"- Left out, not installed: {names} (`pip install {packages}`).")
    return [*lines, ""]


def page(stages: Mapping[str, Any]) -> str:
    """Write the whole page."""
    runs = sorted(
        {
            len(values)
            for stage in stages.values()
            for found in stage["tables"]
            for row in found["rows"]
            for values in row["runs"].values()
        }
    )
    lines = [_HEAD.format(runs=" or ".join(map(str, runs)) or "no")]
    for name, stage in stages.items():
        lines += [f"## {_ABOUT[name]}", ""]
        for found in stage["tables"]:
            if len(stage["tables"]) > 1 or found["title"] != name:
                lines += [f"### `{found['title']}`", ""]
            lines += table(found)
        about = dict(stage["conditions"])
        machine, date = about.pop("machine"), about.pop("date")
        system = about.pop("system")
        versions = ", ".join(f"{package} {version}" for package, version in about.items())
        lines += [f"{date}, {machine}, {system}; {versions}.", ""]
    missing = [_ABOUT[name] for name in _ABOUT if name not in stages]
    if missing:
        lines += [f"Not measured yet: {'; '.join(missing)}.", ""]
    return "\n".join(lines).rstrip() + "\n"
