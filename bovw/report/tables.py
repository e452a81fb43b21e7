"""A comparison as a table: plain text, CSV, LaTeX."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Sequence

from ..errors import printable
from ..evaluation import Comparison, Run
from ..settings import checked_arguments
from .csv_files import safe

WIDTH = 100
"""Columns of plain text."""
# Facts of a run, how they are called in a table, and what they are multiplied by.
_FACTS = (
    ("milliseconds", "ms/query", 1.0),
    ("index_seconds", "s/picture", 1.0),
    ("bytes", "KB/picture", 1 / 1024),
)


def _facts(run: Run) -> list[float]:
    return [float(run.facts.get(name, math.nan)) * scale for name, _, scale in _FACTS]


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _aligned(rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """Align a table; columns that do not fit the width follow in further tables below."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, blocks = widths[0], [[0]]
    for i, needed in enumerate(widths[1:], 1):
        taken = first + sum(widths[j] + 2 for j in blocks[-1][1:])
        if len(blocks[-1]) > 1 and taken + needed + 2 > width:
            blocks.append([0])
        blocks[-1].append(i)
    lines: list[str] = []
    for columns in blocks:
        lines += [""] if lines else []
        for row in rows:
            cells = [row[0].ljust(first), *(row[i].rjust(widths[i]) for i in columns[1:])]
            lines.append("  ".join(cells).rstrip())
    return lines


def _wrapped(text: str, width: int = WIDTH, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


@checked_arguments
def comparison_text(comparison: Comparison, *, everything: bool = False, n_queries: int = 3) -> str:
    """Say how systems compare, in plain text of at most 100 columns.

    Parameters
    ----------
    comparison : Comparison
    everything : bool
        By default: a table of means (of the first metric with its interval), the differences of
        the first metric, and the notes. With `everything` also the intervals of all metrics, micro
        averages, all differences, what each system finds that others miss, the queries that
        differ most, and machine, versions and date.
    n_queries : int
        How many of the largest wins and losses are named for each pair of systems.
    """
    some = next(iter(comparison.scores.values()))
    lines = _wrapped(heading(comparison))
    lines += ["", *_aligned(mean_rows(comparison, everything))]
    micro = [name for name in comparison.metrics if name in some.parts]
    if micro and everything:
        rows = [["micro average", *micro]]
        for run in comparison.runs:
            scores = comparison.scores[run.name]
            rows.append([run.name, *(_number(scores.micro(name), 3) for name in micro)])
        lines += ["", *_aligned(rows)]
    differences = difference_rows(comparison, everything)
    if differences:
        lines += ["", *_aligned(differences), *_wrapped(DIFFERENCES)]
    if everything:
        lines += _overlaps(comparison, n_queries)
    if comparison.notes:
        lines += ["", *(line for note in comparison.notes for line in _wrapped(f"note: {note}"))]
    if comparison.conditions and everything:
        lines += ["", *_wrapped(", ".join(f"{k} {v}" for k, v in comparison.conditions.items()))]
    return "\n".join(lines)


def heading(comparison: Comparison) -> str:
    """Say what was measured."""
    some = next(iter(comparison.scores.values()))
    return (
        f"{comparison.truth.name}: {len(some.queries)} queries in {len(set(some.groups))} groups, "
        f"{some.n_ranked} pictures; intervals of {comparison.level:.0%}"
    )


def mean_rows(comparison: Comparison, everything: bool) -> list[list[str]]:
    """Rows of means, and of what a run says of time and size, where any run does."""
    metrics = comparison.metrics
    known = [
        i
        for i in range(len(_FACTS))
        if not all(math.isnan(_facts(run)[i]) for run in comparison.runs)
    ]
    rows = [["", *metrics, *(_FACTS[i][1] for i in known)]]
    for run in comparison.runs:
        cells = []
        for name in metrics:
            i = comparison.intervals[run.name][name]
            interval = f" [{_number(i.low, 3)}, {_number(i.high, 3)}]"
            with_interval = everything or name == metrics[0]
            cells.append(_number(i.mean, 3) + (interval if with_interval else ""))
        rows.append([run.name, *cells, *(_number(_facts(run)[i], 2) for i in known)])
    return rows


DIFFERENCES = (
    "p: paired randomisation test, corrected by Holm; d: effect size, in standard deviations of "
    "the differences between groups; not shown: not shown to be real"
)
"""What the columns of `difference_rows` mean."""


def difference_rows(comparison: Comparison, everything: bool) -> list[list[str]]:
    """Rows of differences, with their names in the first; no rows for a single system."""
    first = comparison.metrics[0]
    chosen = [d for d in comparison.differences if everything or d.metric == first]
    if not chosen:
        return []
    names = ["differences", "metric", "by", "interval", "p", "d", "wins", "losses", "verdict"]
    return [names] + [
        [
            f"{d.better} > {d.worse}",
            d.metric,
            f"{d.difference.mean:.3f}",
            f"[{d.difference.low:.3f}, {d.difference.high:.3f}]",
            f"{d.adjusted:.4f}",
            f"{d.effect:.2f}",
            str(d.wins),
            str(d.losses),
            "real" if d.real else "not shown",
        ]
        for d in chosen
    ]


def _overlaps(comparison: Comparison, n_queries: int) -> list[str]:
    """What each system of a pair finds that the other misses, and where they differ most."""
    first, lines = comparison.metrics[0], []
    for o in comparison.overlaps:
        lines += [
            "",
            *_wrapped(
                f"{o.one} and {o.other}: of {o.both + o.only_one + o.only_other + o.neither} "
                f"positives {o.both} are among the first {o.k} of both, {o.only_one} of {o.one} "
                f"alone, {o.only_other} of {o.other} alone, {o.neither} of neither; the better of "
                f"both for each query: {first} {o.oracle:.3f}"
            ),
        ]
        ranked = comparison.query_differences(o.one, o.other)
        for winner, ordered in ((o.one, ranked), (o.other, ranked[::-1])):
            for q in ordered[:n_queries]:
                gap = q.value_of_one - q.value_of_other
                if (gap if winner == o.one else -gap) > 0:
                    lines += _wrapped(
                        f"  {winner} wins {q.query}: {o.one} {q.value_of_one:.3f}, "
                        f"{o.other} {q.value_of_other:.3f}",
                        indent="    ",
                    )
    return lines


@checked_arguments
def comparison_csv(comparison: Comparison) -> str:
    """Give a row for each system: means, ends of intervals, facts; as CSV (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    metrics = comparison.metrics
    header = [column for m in metrics for column in (m, f"{m} low", f"{m} high")]
    writer.writerow(["system", *header, *(title for _, title, _ in _FACTS)])
    for run in comparison.runs:
        found = comparison.intervals[run.name]
        values = [v for m in metrics for v in (found[m].mean, found[m].low, found[m].high)]
        cells = ["" if math.isnan(v) else repr(v) for v in (*values, *_facts(run))]
        writer.writerow([safe(run.name), *cells])
    return text.getvalue()


@checked_arguments
def comparison_latex(comparison: Comparison) -> str:
    r"""Give a ``tabular`` for the package booktabs; the best of each metric is bold."""
    metrics = comparison.metrics
    means = {m: [i[m].mean for i in comparison.intervals.values()] for m in metrics}
    best = {m: max((v for v in of if not math.isnan(v)), default=None) for m, of in means.items()}
    titles = ["", *(_escaped(m) for m in metrics), *(title for _, title, _ in _FACTS)]
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}", r"\toprule"]
    lines += [" & ".join(titles) + r" \\", r"\midrule"]
    for run in comparison.runs:
        cells = []
        for m in metrics:
            i = comparison.intervals[run.name][m]
            mean = _number(i.mean, 3)
            mean = rf"\textbf{{{mean}}}" if i.mean == best[m] else mean
            cells.append(f"{mean} [{_number(i.low, 3)}, {_number(i.high, 3)}]")
        facts = [_number(value, 2) for value in _facts(run)]
        lines.append(" & ".join([_escaped(run.name), *cells, *facts]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    """Escape what LaTeX would take for commands."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, "\\" + c if c in "&%$#_{}" else c) for c in printable(text))
