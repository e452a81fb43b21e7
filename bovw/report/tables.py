"""A comparison as a table: plain text, CSV, LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from ..evaluation import Comparison, Run

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


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def comparison_text(comparison: Comparison, *, n_queries: int = 3) -> str:
    """Say everything in plain text.

    Parameters
    ----------
    comparison : Comparison
    n_queries : int
        Largest wins and losses that are named for each pair.
    """
    metrics, first = comparison.metrics, comparison.metrics[0]
    some = next(iter(comparison.scores.values()))
    lines = [
        f"{comparison.truth.name}: {len(some.queries)} queries in {len(set(some.groups))} groups, "
        f"{some.n_ranked} pictures; intervals of {comparison.level:.0%}",
        "",
    ]
    rows = [["", *metrics, *(title for _, title, _ in _FACTS)]]
    for run in comparison.runs:
        cells = []
        for name in metrics:
            i = comparison.intervals[run.name][name]
            cells.append(f"{_number(i.mean, 3)} [{_number(i.low, 3)}, {_number(i.high, 3)}]")
        rows.append([run.name, *cells, *(_number(value, 2) for value in _facts(run))])
    lines += _aligned(rows)
    micro = [name for name in metrics if name in some.parts]
    if micro:
        rows = [["micro average", *micro]]
        for run in comparison.runs:
            scores = comparison.scores[run.name]
            rows.append([run.name, *(_number(scores.micro(name), 3) for name in micro)])
        lines += ["", *_aligned(rows)]
    if comparison.differences:
        lines += [
            "",
            "differences (p: paired randomisation, corrected by Holm; d: effect size, in standard "
            "deviations of what groups differ by)",
        ]
        for d in comparison.differences:
            verdict = "real" if d.real else "not shown to be real"
            lines.append(
                f"  {d.metric}: {d.better} above {d.worse} by {d.difference.mean:.3f} "
                f"[{d.difference.low:.3f}, {d.difference.high:.3f}], p {d.adjusted:.4f}, "
                f"d {d.effect:.2f}, wins {d.wins}, losses {d.losses}: {verdict}"
            )
    for o in comparison.overlaps:
        lines += [
            "",
            f"{o.one} and {o.other}: of {o.both + o.only_one + o.only_other + o.neither} positives "
            f"{o.both} are among the first {o.k} of both, {o.only_one} of {o.one} alone, "
            f"{o.only_other} of {o.other} alone, {o.neither} of neither; the better of both for "
            f"each query: {first} {o.oracle:.3f}",
        ]
        ranked = comparison.query_differences(o.one, o.other)
        for winner, ordered in ((o.one, ranked), (o.other, ranked[::-1])):
            for q in ordered[:n_queries]:
                gap = q.value_of_one - q.value_of_other
                if (gap if winner == o.one else -gap) > 0:
                    lines.append(
                        f"  {winner} wins {q.query}: {o.one} {q.value_of_one:.3f}, "
                        f"{o.other} {q.value_of_other:.3f}"
                    )
    lines += ["", *(f"note: {note}" for note in comparison.notes)] if comparison.notes else []
    if comparison.conditions:
        lines += ["", ", ".join(f"{k} {v}" for k, v in comparison.conditions.items())]
    return "\n".join(lines)


def comparison_csv(comparison: Comparison) -> str:
    """Give a row for each system: means, ends of intervals, facts."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    metrics = comparison.metrics
    header = [column for m in metrics for column in (m, f"{m} low", f"{m} high")]
    writer.writerow(["system", *header, *(title for _, title, _ in _FACTS)])
    for run in comparison.runs:
        found = comparison.intervals[run.name]
        values = [v for m in metrics for v in (found[m].mean, found[m].low, found[m].high)]
        cells = ["" if math.isnan(v) else repr(v) for v in (*values, *_facts(run))]
        writer.writerow([run.name, *cells])
    return text.getvalue()


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
    return "".join(special.get(c, "\\" + c if c in "&%$#_{}" else c) for c in text)
