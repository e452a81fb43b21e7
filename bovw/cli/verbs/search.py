"""``bovw search``: prints ranked answers to query pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..arguments import PICTURES, add_jobs, add_search_options, add_untrusted, positive, region
from ..output import matching, print_json, report_failures, say, table

HELP = "find pictures in an index that show the same thing as a query picture"
EXAMPLE = "bovw search photos.bovw query.jpg -k 5 --region 10,10,300,200"


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
    add_untrusted(sub)
    add_search_options(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Search an index."""
    from ...engine import Engine
    from ...errors import SettingsError
    from ...pictures import find_queries
    from ...storage import load_lsa_index, read_manifest

    queries = [(path, options.region) for path in find_queries(options.queries)]
    if read_manifest(Path(options.index))["format"] == "bovw-lsa":
        if (options.verify, options.expand, options.also) != (None, None, None):
            raise SettingsError(
                f"{options.index} is a compressed index, which has no geometry to verify: leave "
                "out --verify, --expand and --also, or search the index that it was made from"
            )
        trusted = not options.untrusted
        compressed = load_lsa_index(options.index, trusted=trusted, n_jobs=options.jobs)
        allow, deny = _filters(options, [r.identifier for r in compressed.records])
        results = compressed.search_many(
            queries, options.k, allow=allow, deny=deny, n_jobs=options.jobs, progress=True
        )
    else:
        engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
        allow, deny = _filters(options, [r.identifier for r in engine.collection.records])
        results = engine.search_many(
            queries,
            options.k,
            allow=allow,
            deny=deny,
            verify=options.verify,
            expand=options.expand,
            also=options.also,
            progress=True,
        )
    if options.json:
        print_json([result.to_dict() for result in results])
    else:
        for result in results:
            if result.error is None:
                say(table(result))
    failed = [(r.query, r.error.removeprefix(f"{r.query}: ")) for r in results if r.error]
    return report_failures(failed)


def _filters(
    options: argparse.Namespace, identifiers: list[str]
) -> tuple[list[str] | None, list[str] | None]:
    """Identifiers that --allow and --deny match; None without the option."""
    found = [
        None if patterns is None else [n for p in patterns for n in matching(p, identifiers)]
        for patterns in (options.allow, options.deny)
    ]
    return found[0], found[1]
