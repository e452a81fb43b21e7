"""``bovw doctor``: checks every byte, and sets damaged parts of an index aside."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..arguments import add_untrusted, positive
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
    what = sub.add_mutually_exclusive_group()
    what.add_argument(
        "--repair",
        action="store_true",
        help="set the damaged parts of an index aside, in its folder, and list the pictures to "
        "index again; nothing is changed when something could not be looked at",
    )
    what.add_argument(
        "--purge",
        action="store_true",
        help="delete what --repair has set aside, if the index is sound",
    )
    what.add_argument(
        "--recall",
        type=positive,
        metavar="N",
        help="ask N pictures of the index, and say which share of the 100 nearest histograms is "
        "found; 1 unless an nmslib graph is used",
    )
    add_untrusted(sub)  # here it changes nothing: a check never loads these files


def run(options: argparse.Namespace) -> int:
    """Check every byte of an index or a vocabulary."""
    from ...storage import diagnose

    if options.recall:
        return _recall(options)
    found = diagnose(options.path, repair=options.repair, purge=options.purge)
    advice = ": restore it from a copy, or create it again"
    if found.can_be_repaired:
        advice = " (--repair sets the damaged parts aside)"
    verdict = f"damaged{advice}"
    if found.is_sound:
        verdict = "repaired" if found.repaired else "sound"
    elif found.unexamined:
        verdict = "not all could be checked, and nothing was changed"
    answer(
        options,
        {"path": options.path, **asdict(found), "is_sound": found.is_sound},
        *(f"wrong: {text}" for text in found.problems),
        *(f"not checked: {text}" for text in found.unexamined),
        *(f"note: {text}" for text in found.notes),
        *(f"index again: {name}" for name in found.lost),
        f"{options.path}: {verdict}",
    )
    return GOOD if found.is_sound else ERROR


def _recall(options: argparse.Namespace) -> int:
    """Measure how many of the nearest histograms are found."""
    from ...engine import Engine

    engine = Engine.open(options.path, trusted=not options.untrusted)
    recall, method = engine.candidate_recall(options.recall), engine.info()["candidates"]
    answer(
        options,
        {"path": options.path, "method": method, "n_queries": options.recall, "recall": recall},
        f"{options.path}: {recall:.3f} of the 100 nearest histograms are found ({method}), asking "
        f"{min(options.recall, len(engine))} of its pictures",
    )
    return GOOD
