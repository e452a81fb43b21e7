"""``bovw train``: trains a vocabulary on pictures."""

from __future__ import annotations

import argparse

from ..arguments import add_output, not_negative, positive
from ..output import check_output, note_passed_over, print_json, report_failures, say

HELP = "train a vocabulary of visual words on pictures"
EXAMPLE = "bovw train photos/ -o photos.vocabulary --words 20000"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_output(sub, "VOCABULARY")
    sub.add_argument(
        "--words",
        type=positive,
        metavar="K",
        help="number of visual words, up to 1,000,000 (default: 20000; 50000 with preset classic)",
    )
    sub.add_argument(
        "--upright", action="store_true", help="describe all features with orientation 0"
    )
    sub.add_argument("--seed", type=not_negative, help="seed of the random choices (default: 0)")


def run(options: argparse.Namespace) -> int:
    """Train a vocabulary and save it."""
    from ...settings import load_settings
    from ...storage import save_vocabulary
    from ...vocabulary import train_vocabulary

    check_output(options, "bovw-vocabulary")
    settings = load_settings(options.preset or "strong")
    if options.upright:
        settings = settings.changed(features={"upright": True})
    if options.seed is not None:
        settings = settings.changed(vocabulary={"random_state": options.seed})
    if options.words is not None:
        settings = settings.changed(vocabulary={"n_words": options.words})
    vocabulary = train_vocabulary(
        options.pictures,
        settings=settings,
        root=options.root,
        patterns=options.pattern,
        cache=options.cache,
        n_jobs=options.jobs,
        progress=True,
    )
    save_vocabulary(vocabulary, options.output, overwrite=options.overwrite)
    made_with = vocabulary.made_with_ or {}
    failed = [(f["path"], f["reason"]) for f in made_with.get("failed", [])]
    if options.json:
        print_json(
            {
                "vocabulary": options.output,
                "n_words": vocabulary.n_words_,
                "n_pictures": made_with.get("n_pictures"),
                "failed": made_with.get("failed"),
                **vocabulary.facts(),
            }
        )
    else:
        say(
            f"{options.output}: {vocabulary.n_words_} words from "
            f"{made_with.get('n_pictures')} pictures"
        )
    note_passed_over(options)
    return report_failures(failed)
