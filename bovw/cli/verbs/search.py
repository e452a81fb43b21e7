"""``bovw search``: ranked answers to query pictures, as text, JSON, CSV or a page."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import SettingsError
from ..arguments import (
    PICTURES,
    add_jobs,
    add_scheduler,
    add_search_options,
    add_untrusted,
    positive,
    region,
)
from ..output import (
    USAGE,
    complain,
    matching,
    name_lacking,
    note,
    print_json,
    report_failures,
    say,
    table,
    write_table,
)

if TYPE_CHECKING:
    from ...engine import BatchSearcher, Searcher
    from ...pictures import Record
    from ...search import Explanation, SearchResult

    Answered: TypeAlias = tuple[SearchResult, Sequence[Explanation]]

HELP = "find pictures in an index that show the same thing as a query picture"
EXAMPLE = (
    "bovw search photos.bovw query.jpg -k 5 --html answers.html --csv answers.csv\n"
    "  bovw search /shared/photos.bovw query.jpg --scheduler tcp://10.0.0.1:8786"
)


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument(
        "index", metavar="INDEX", help="folder made by 'bovw index' or 'bovw compress'"
    )
    sub.add_argument("queries", nargs="+", metavar="QUERY", help=PICTURES)
    sub.add_argument(
        "-k",
        type=positive,
        default=10,
        metavar="N",
        help="number of answers to each query (default: 10)",
    )
    sub.add_argument(
        "--region",
        type=region,
        metavar="X0,Y0,X1,Y1",
        help="use only this part of each query: left, top, right and bottom, in its pixels",
    )
    sub.add_argument(
        "--allow",
        action="append",
        metavar="GLOB",
        help="only pictures whose identifier matches can be answers, such as 'covers/*'; may be "
        "repeated, and then one match is enough",
    )
    sub.add_argument(
        "--deny",
        action="append",
        metavar="GLOB",
        help="pictures whose identifier matches cannot be answers; may be repeated",
    )
    sub.add_argument(
        "--why-not",
        action="append",
        default=[],
        metavar="NAME",
        help="say why this picture of the index, given by its identifier, is not a better answer "
        "to each query; may be repeated",
    )
    sub.add_argument(
        "--html",
        metavar="FILE",
        help="write a page of the answers with their pictures, in one file that opens offline "
        "(pip install 'bovw[report]')",
    )
    sub.add_argument(
        "--csv",
        metavar="FILE",
        help="write a table with a row for each answer as CSV; - prints it instead of the text",
    )
    sub.add_argument(
        "--jsonl",
        action="store_true",
        help="print the JSON of each query in a line of its own, as soon as it is there",
    )
    sub.add_argument(
        "--points",
        action="store_true",
        help="add to JSON the pairs of features that agree, and the words that count most",
    )
    add_scheduler(sub, "find, score and verify candidates")
    add_untrusted(sub)
    add_search_options(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Search an index."""
    from ...pictures import find_queries
    from ...storage import read_manifest

    printed = [n for n in ("json", "jsonl") if getattr(options, n)]
    printed += ["csv -"] if options.csv == "-" else []
    if len(printed) > 1:
        complain(
            f"error: --{' and --'.join(printed)}: only one can be printed; give one", logging.ERROR
        )
        return USAGE
    if options.points and not (options.json or options.jsonl):
        complain("error: --points adds to JSON: give --json or --jsonl too", logging.ERROR)
        return USAGE
    if options.html is not None:
        from ...report import check_page

        check_page()
    queries = [(path, options.region) for path in find_queries(options.queries)]
    is_compressed = read_manifest(Path(options.index))["format"] == "bovw-lsa"
    search = _search_compressed if is_compressed else _search
    # A progress bar and lines on one terminal would disturb each other.
    prints = not options.json and options.csv != "-"
    progress = len(queries) > 1 and not (prints and sys.stdout.isatty())
    kept: list[Answered] = []
    failed = []
    for answered in search(options, queries, progress):
        result = answered[0]
        if result.error:
            failed.append((result.query, result.error.removeprefix(f"{result.query}: ")))
        if prints:
            _print(options, *answered)
        if options.json or options.csv is not None or options.html is not None:
            kept.append(answered)
    if options.json:
        print_json([_content(options, *answered) for answered in kept])
    if options.csv is not None:
        from ...report import results_csv

        write_table(results_csv([result for result, _ in kept]), options.csv)
    if options.html is not None:
        _write_page(options, kept)
    return report_failures(failed)


def _search(
    options: argparse.Namespace, queries: Sequence[tuple[str, Any]], progress: bool
) -> Iterator[Answered]:
    """Search an index; yield each result, and explanations of --why-not."""
    with _opened(options) as engine:
        for name in options.why_not:
            engine.collection.position(name)  # refuses a name that is unknown, before the work
        allow, deny = _filters(options, engine.collection.records)
        how: dict[str, Any] = {
            "allow": allow,
            "deny": deny,
            "verify": options.verify,
            "expand": options.expand,
            "also": options.also,
        }
        explain = options.html is not None or options.points
        results = engine.search_each(queries, options.k, explain=explain, progress=progress, **how)
        for query, result in zip(queries, results, strict=True):
            wanted = [] if result.error else options.why_not
            yield result, _explained(engine, query, wanted, how)


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[BatchSearcher]:
    """Open an index, on this machine or on those of --scheduler."""
    how: dict[str, Any] = {"trusted": not options.untrusted, "n_jobs": options.jobs}
    if options.scheduler is None:
        from ...engine import Engine

        yield Engine.open(options.index, **how)
        return
    from ...cluster import ShardedEngine

    with ShardedEngine.open(options.index, options.scheduler, **how) as engine:
        yield engine


def _explained(
    engine: Searcher, query: tuple[str, Any], names: Sequence[str], how: dict[str, Any]
) -> list[Explanation]:
    path, region = query
    return [engine.explain(path, name, region=region, **how) for name in names]


def _search_compressed(
    options: argparse.Namespace, queries: Sequence[tuple[str, Any]], progress: bool
) -> Iterator[Answered]:
    from ...storage import load_lsa_index

    if (options.verify, options.expand, options.also, options.why_not) != (None, None, None, []):
        raise SettingsError(
            f"{options.index} is a compressed index, which has no geometry to verify: leave "
            "out --verify, --expand, --also and --why-not, or search the index that it was made "
            "from"
        )
    if options.scheduler is not None:
        raise SettingsError(f"{options.index} is a compressed index: leave out --scheduler")
    trusted = not options.untrusted
    compressed = load_lsa_index(options.index, trusted=trusted, n_jobs=options.jobs)
    allow, deny = _filters(options, compressed.records)
    results = compressed.search_each(
        queries, options.k, allow=allow, deny=deny, n_jobs=options.jobs, progress=progress
    )
    for result in results:
        yield result, []


def _write_page(options: argparse.Namespace, kept: Sequence[Answered]) -> None:
    from ...report import save_page

    results = [result for result, _ in kept]
    explanations = [explained for _, explained in kept]
    name_lacking(save_page(results, options.html, explanations=explanations))
    note(f"wrote {options.html}")


def _print(
    options: argparse.Namespace, result: SearchResult, explanations: Sequence[Explanation]
) -> None:
    """Print a result as soon as it is there."""
    if options.jsonl:
        content = _content(options, result, explanations)
        print(json.dumps(content, allow_nan=False), flush=True)
        return
    if result.error is None:
        say(table(result))
    for one in explanations:
        say(f"why not {one}")


def _content(
    options: argparse.Namespace, result: SearchResult, explanations: Sequence[Explanation]
) -> dict[str, Any]:
    content = result.to_dict(points=options.points)
    if options.why_not:
        content["why_not"] = [one.to_dict() for one in explanations]
    return content


def _filters(
    options: argparse.Namespace, records: Sequence[Record]
) -> tuple[list[str] | None, list[str] | None]:
    """Identifiers that --allow and --deny match; None without the option."""
    if options.allow is None and options.deny is None:
        return None, None
    identifiers = [record.identifier for record in records]
    found = [
        None if patterns is None else [n for p in patterns for n in matching(p, identifiers)]
        for patterns in (options.allow, options.deny)
    ]
    return found[0], found[1]
