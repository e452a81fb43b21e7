"""``bovw remove``: removes pictures from an index."""

from __future__ import annotations

import argparse

from ..arguments import add_untrusted
from ..output import GOOD, answer, matching, tell_plan

HELP = "remove pictures from an index"
EXAMPLE = "bovw remove photos.bovw 2019/beach.jpg --pattern 'trash/*'"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    sub.add_argument(
        "identifiers",
        nargs="*",
        metavar="IDENTIFIER",
        help="picture to remove, named as in the answers of 'bovw search'",
    )
    sub.add_argument(
        "--pattern",
        action="append",
        metavar="GLOB",
        help="remove all pictures whose identifier matches; may be repeated",
    )
    sub.add_argument(
        "--dry-run", action="store_true", help="only say what would be removed; change nothing"
    )
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Remove pictures from an index."""
    from ...engine import Engine
    from ...errors import SettingsError

    if not options.identifiers and not options.pattern:
        raise SettingsError("nothing to remove: give identifiers, or --pattern")
    engine = Engine.open(options.index, trusted=not options.untrusted)
    names = list(options.identifiers)
    if options.pattern:
        known = [*engine.identifiers, *(failure.identifier for failure in engine.failures)]
        for pattern in options.pattern:
            names += matching(pattern, known)
    changes = engine.remove(names, dry_run=options.dry_run)
    if options.dry_run:
        tell_plan(options, changes, options.index)
        return GOOD
    answer(
        options,
        {"index": options.index, **engine.info(), "changes": changes.to_dict()},
        f"{options.index}: {len(changes.removed)} removed, {len(engine)} pictures left"
        + (f", {len(changes.forgotten)} failed pictures forgotten" if changes.forgotten else ""),
    )
    return GOOD
