"""``bovw doctor``: every byte checked, and what is damaged dropped."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..output import ERROR, GOOD, answer

HELP = "check every byte of an index or a vocabulary"
EXAMPLE = "bovw doctor photos.bovw --repair"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("path", metavar="INDEX|VOCABULARY")
    sub.add_argument(
        "--repair",
        action="store_true",
        help="of an index: drop what is damaged, and say which pictures to index again",
    )


def run(options: argparse.Namespace) -> int:
    """Check every byte of an index or a vocabulary."""
    from ...storage import diagnose

    found = diagnose(options.path, repair=options.repair)
    advice = ": restore it from a copy, or make it anew"
    if found.can_be_repaired:
        advice = " (--repair drops what is damaged)"
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
