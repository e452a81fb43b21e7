"""What the command line prints, and its exit codes."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import textwrap
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BovwError, printable

if TYPE_CHECKING:
    from ..engine import Changes
    from ..evaluation import Comparison
    from ..search import SearchResult

_log = logging.getLogger("bovw.cli")
_NAMED = 10  # pictures that a page lacks and that are named
GOOD, ERROR, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


def say(text: str) -> None:
    """Print lines to stdout; what a terminal would obey, or cannot show, is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    safe = "\n".join(map(printable, text.split("\n")))
    print(safe.encode(encoding, "backslashreplace").decode(encoding))


def note(text: str) -> None:
    """Tell something on stderr, in one line, and in the log; with --quiet only there."""
    _log.info("%s", text)


def complain(text: str, level: int = logging.WARNING) -> None:
    """Tell on stderr, in one line, and in the log what went wrong."""
    _log.log(level, "%s", text)


def print_json(content: Any) -> None:
    """Print JSON to stdout."""
    print(json.dumps(content, indent=1, allow_nan=False))


def answer(options: argparse.Namespace, content: Any, *lines: str) -> None:
    """Print JSON when that was asked for, else lines."""
    if options.json:
        print_json(content)
    else:
        for line in lines:
            say(line)


def report_failures(failed: Sequence[tuple[str, str]]) -> int:
    """Name pictures that failed on stderr; return the exit code that says so."""
    for path, reason in failed:
        complain(f"failed: {path}: {reason}")
    return SOME_FAILED if failed else GOOD


def tell_plan(options: argparse.Namespace, changes: Changes, target: str) -> None:
    """Print what would be done to an index."""
    what = {
        "read, as new": changes.added,
        "read again, as changed": changes.updated,
        "remove": changes.removed,
        "forget, as failed before": changes.forgotten,
    }
    counts = [f"{text} {len(names)}" for text, names in what.items() if names]
    left = []
    if changes.unchanged:
        left.append(f"{len(changes.unchanged)} are unchanged")
    if changes.failed:
        left.append(f"{len(changes.failed)} failed before and would not be tried again")
    answer(
        options,
        {"index": target, "dry_run": True, "changes": changes.to_dict()},
        *(f"would {text}: {printable(name)}" for text, names in what.items() for name in names),
        f"{target}: would {'; '.join(counts) or 'do nothing'}"
        + (f" ({', '.join(left)})" if left else ""),
        "nothing was changed (--dry-run)",
    )


def table(result: SearchResult) -> str:
    """Return the answers of a query, one a line."""
    first = result[0].decision if result.answers else None
    verdict = {"match": "match", "possible": "possible match", "no": "no match", None: "no match"}[
        first
    ]
    if result.matched is None:
        verdict = "not verified"
    elif first is not None:
        verdict += f" ({result[0].reason})"
    names = [printable(answer.identifier) for answer in result]
    width = max(map(len, names), default=0)
    lines = [f"{printable(result.query)}: {verdict}"]
    for answer, name in zip(result, names, strict=True):
        inliers = "-" if answer.inliers is None else str(answer.inliers)
        decision = "" if answer.decision is None else f"  {answer.decision:<8}"
        lines.append(
            f"{answer.rank:4d}  {name:<{width}}{decision}  score {answer.score:.4f}  "
            f"inliers {inliers:>3}" + (f"  {answer.guise}" if answer.guise != "plain" else "")
        )
    if not result.answers:
        why = "no picture that may answer shares a word with the query"
        if result.n_features == 0:
            why = "the query has no features: it is too small, or flat"
        lines.append(f"      no answers: {why}")
    return "\n".join(lines)


def facts(content: dict[str, Any], indent: str = "") -> list[str]:
    """Return names and values, one a line; long values are wrapped to 100 columns."""
    lines: list[str] = []
    for name, value in content.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *facts(value, indent + "  ")]
        elif name == "failed":
            lines += [
                f"{indent}failed: {printable(item['path'])}: {printable(item['reason'])}"
                for item in value
            ]
        elif name == "without_features":
            lines += [f"{indent}without features: {printable(item)}" for item in value]
        else:
            shown = f"{value:.4f}" if isinstance(value, float) else str(value)
            heading = f"{indent}{name:<{24 - len(indent)}} "
            lines += textwrap.wrap(
                heading + printable(shown),
                100,
                subsequent_indent=" " * len(heading),
                break_long_words=False,
                break_on_hyphens=False,
            )
    return lines


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Give the names that match a pattern; when there are none, say so on stderr."""
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        note(f"note: nothing matches {pattern!r}")
    return found


def note_passed_over(options: argparse.Namespace) -> None:
    """Note which files of the folders were not read, by their endings."""
    from ..pictures import missing_plug_in, passed_over

    others = passed_over(options.pictures, patterns=options.pattern)
    if others:
        named = ", ".join(f"{n} {ending or 'without ending'}" for ending, n in others.items())
        hint = ""
        if any(map(missing_plug_in, others)):
            hint = "; pip install 'bovw[formats]' for HEIF and JPEG XL"
        note(f"note: files that were not read: {named}{hint}")


def check_reports(options: argparse.Namespace) -> None:
    """Refuse before the work, not after it, when a page or plots cannot be made."""
    from ..report import check_page, check_plots

    if options.html is not None:
        check_page()
    if options.plots is not None:
        check_plots()


def write_reports(options: argparse.Namespace, comparison: Comparison) -> None:
    """Write the page and the plots that `add_reports` offers; say on stderr what was written."""
    from ..report import save_comparison_page, save_plots

    if options.html is not None:
        name_lacking(save_comparison_page(comparison, options.html))
        note(f"wrote {options.html}")
    if options.plots is not None:
        written = save_plots(comparison, options.plots)
        note(f"wrote {len(written)} files to {options.plots}")


def name_lacking(lacking: Sequence[tuple[str, str]]) -> None:
    """Name pictures that a page lacks, each with the reason, on stderr."""
    for name, reason in lacking[:_NAMED]:
        note(f"note: the page lacks a picture: {name}: {reason}")
    if len(lacking) > _NAMED:
        note(f"note: the page lacks {len(lacking) - _NAMED} more pictures")


def write_table(text: str, target: str) -> None:
    """Write a table in CSV; print it for "-", escaped only where a terminal would obey it."""
    from ..files import write_text

    if target != "-":
        write_text(target, text)
    elif sys.stdout.isatty():
        say(text.replace("\r\n", "\n").rstrip("\n"))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def check_output(options: argparse.Namespace, kind: str) -> None:
    """Refuse before the work, not after it, when something of a kind cannot be written."""
    from ..storage import check_target, tidy

    try:
        tidy(Path(options.output))
        check_target(Path(options.output), options.overwrite, kind)
    except BovwError as error:
        hint = "" if options.overwrite else " (--overwrite)"
        raise type(error)(f"{error}{hint}") from None
