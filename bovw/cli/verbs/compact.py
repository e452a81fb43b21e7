"""``bovw compact``: the segments of an index merged to one."""

from __future__ import annotations

import argparse

from ..output import GOOD, answer

HELP = "merge the segments of an index, without what was removed or replaced"
EXAMPLE = "bovw compact photos.bovw"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")


def run(options: argparse.Namespace) -> int:
    """Merge the segments of an index."""
    from ...engine import Engine

    engine = Engine.open(options.index)
    before = engine.info()
    engine.compact()
    answer(
        options,
        {"index": options.index, **engine.info()},
        f"{options.index}: {len(engine)} pictures in one segment; there were "
        f"{before['n_segments']}, and {before['n_removed']} removed pictures",
    )
    return GOOD
