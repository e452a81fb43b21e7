"""``bovw compact``: merges the segments of an index into one."""

from __future__ import annotations

import argparse

from ..arguments import add_untrusted
from ..output import GOOD, answer

HELP = "merge the segments of an index, and drop removed and replaced pictures"
EXAMPLE = "bovw compact photos.bovw"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Merge the segments of an index."""
    from ...engine import Engine

    engine = Engine.open(options.index, trusted=not options.untrusted)
    before = engine.info()
    engine.compact()
    answer(
        options,
        {"index": options.index, **engine.info()},
        f"{options.index}: {len(engine)} pictures in one segment; before, there were "
        f"{before['n_segments']} segments and {before['n_removed']} removed pictures",
    )
    return GOOD
