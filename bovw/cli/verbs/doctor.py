"""``bovw doctor``: checks every byte, and drops damaged parts of an index."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..output import ERROR, GOOD, answer

HELP = "check every byte of an index or a vocabulary for damage"
EXAMPLE = "bovw doctor photos.bovw --repair"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument(
        "path",
        metavar="INDEX|VOCABULARY",
        help="folder made by 'bovw index', 'bovw compress' or 'bovw train'",
    )
    sub.add_argument(
        "--repair",
        action="store_true",
        help="drop the damaged parts of an index, and list the pictures to index again",
    )


def run(options: argparse.Namespace) -> int:
    """Check every byte of an index or a vocabulary."""
    from ...storage import diagnose

    found = diagnose(options.path, repair=options.repair)
    advice = ": restore it from a copy, or create it again"
    if found.can_be_repaired:
        advice = " (--repair drops the damaged parts)"
    verdict = {False: f"damaged{advice}", True: "repaired" if found.repaired else "sound"}
    answer(
        options,
        {"path": options.path, **asdict(found), "is_sound": found.is_sound},
        *(f"wrong: {text}" for text in found.problems),
        *(f"note: {text}" for text in found.notes),
        *(f"index again: {name}" for name in found.lost),
        f"{options.path}: {verdict[found.is_sound]}",
    )
    return GOOD if found.is_sound else ERROR
