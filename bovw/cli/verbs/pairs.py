"""``bovw pairs``: writes pairs of pictures that probably show the same."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..arguments import add_jobs, add_untrusted, not_negative, positive
from ..output import GOOD, SOME_FAILED, complain, matching, note, say

HELP = "pair each picture of an index with its best answers, for COLMAP, hloc and others"
EXAMPLE = (
    "bovw pairs photos.bovw -k 20 --format colmap -o pairs.txt\n"
    "  colmap matches_importer --database_path database.db --match_list_path pairs.txt"
)


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    sub.add_argument(
        "-k",
        type=positive,
        default=20,
        metavar="N",
        help="number of answers to pair each picture with (default: 20)",
    )
    sub.add_argument(
        "--of",
        action="append",
        metavar="GLOB|@LIST",
        help="pair only the pictures whose identifier matches, or those that a text names, one a "
        "line (default: all); may be repeated",
    )
    sub.add_argument(
        "--least",
        choices=["no", "possible", "match"],
        default="no",
        help="the least decision that a pair needs (default: no, which takes all answers)",
    )
    sub.add_argument(
        "--verify",
        type=not_negative,
        metavar="N",
        help="number of best candidates to verify by geometry (0: none; default: as set in the "
        "index)",
    )
    sub.add_argument(
        "--format",
        choices=["colmap", "hloc", "csv", "json"],
        metavar="NAME",
        help="colmap or hloc (two names a line, each pair once; default), csv or json (also ranks, "
        "scores and decisions)",
    )
    sub.add_argument("-o", "--output", metavar="FILE", help="file to write (default: print)")
    add_untrusted(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Write pairs of pictures."""
    from ...engine import Engine
    from ...errors import SettingsError
    from ...exchange import pairs_text
    from ...files import write_text

    if options.json and options.format not in (None, "json"):
        raise SettingsError(f"--json and --format {options.format}: give one of them")
    format = "json" if options.json else options.format or "colmap"
    engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
    of = None if options.of is None else _named(options.of, engine.identifiers)
    pairs = engine.pairs(
        options.k, of=of, least=options.least, verify=options.verify, progress=True
    )
    text, refused = pairs_text(pairs, format)
    if options.output is None:
        say(text.replace("\r\n", "\n").removesuffix("\n"))
    else:
        write_text(options.output, text)
        n = len(pairs) if format in ("csv", "json") else text.count("\n")
        note(f"{options.output}: {n} pairs")
    for name in refused:
        complain(
            f"left out: {name}: {format} splits lines at blanks, so the name cannot be written; "
            "rename the picture, or use --format csv"
        )
    return SOME_FAILED if refused else GOOD


def _named(given: list[str], identifiers: tuple[str, ...]) -> list[str]:
    from ...pictures import read_bytes

    found: list[str] = []
    for pattern in given:
        if pattern.startswith("@"):
            lines = read_bytes(Path(pattern[1:])).decode("utf-8", "surrogateescape").splitlines()
            found += [line for line in lines if line.strip()]
        else:
            found += matching(pattern, identifiers)
    return found
