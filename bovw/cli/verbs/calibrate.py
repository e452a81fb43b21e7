"""``bovw calibrate``: chooses the threshold of a match by pictures of things not in the index."""

from __future__ import annotations

import argparse

from ..arguments import add_jobs, add_untrusted, share
from ..output import GOOD, answer

HELP = "measure how much evidence makes an answer a match"
EXAMPLE = "bovw calibrate photos.bovw other-photos/ --false-accept-rate 0.01"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    sub.add_argument(
        "pictures",
        nargs="*",
        metavar="PICTURE|FOLDER",
        help="pictures of things that no picture of the index shows, or folders of them, or "
        "@list.txt; a few hundred give a good estimate",
    )
    sub.add_argument(
        "--false-accept-rate",
        type=share,
        default=0.01,
        metavar="R",
        help="largest share of these pictures that may wrongly count as matched (default: 0.01)",
    )
    sub.add_argument(
        "--show",
        action="store_true",
        help="only say which threshold the index has, and with which pictures it was measured",
    )
    add_jobs(sub)
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Choose the threshold of a match, and keep it in the index."""
    from ...engine import Engine
    from ...errors import SettingsError
    from ...pictures import find_queries

    engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
    if options.show == bool(options.pictures):
        raise SettingsError("expected either pictures that the index does not show, or --show")
    if not options.show:
        calibration = engine.calibrate(
            find_queries(options.pictures),
            false_accept_rate=options.false_accept_rate,
            progress=True,
        )
        engine.keep(calibration)
    kept, threshold = engine.index.calibration, engine.settings.geometry.match_evidence
    text = f"match from {threshold:g} on; nothing was measured on this index"
    answer(
        options,
        {
            "index": options.index,
            "match_evidence": threshold,
            "calibration": None if kept is None else kept.to_dict(),
        },
        f"{options.index}: {text if kept is None else kept}",
    )
    return GOOD
