"""``bovw index``: creates an index, or brings one up to date."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...errors import printable
from ..arguments import add_output, add_untrusted
from ..output import answer, complain, report_failures

if TYPE_CHECKING:
    from ...engine import Changes

HELP = "create an index of pictures, or add new and changed pictures to one"
EXAMPLE = (
    "bovw index photos/ -o photos.bovw -v photos.vocabulary\n"
    "  bovw index photos/ -o photos.bovw --sync"
)


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_output(sub, "INDEX")
    sub.add_argument(
        "--sync",
        action="store_true",
        help="also remove pictures whose files no longer exist in the given folders",
    )
    sub.add_argument(
        "--retry",
        action="store_true",
        help="read files again that failed before, even if unchanged",
    )
    sub.add_argument(
        "--on-error",
        choices=["record", "skip", "raise"],
        default="record",
        metavar="WHAT",
        help="what to do with pictures that cannot be read: record (list them, and exit with code "
        "3; default), skip (leave them out silently) or raise (stop)",
    )
    sub.add_argument(
        "-v",
        "--vocabulary",
        metavar="VOCABULARY",
        help="folder made by 'bovw train' (default: train one on these pictures, with as "
        "many words as they have features for)",
    )
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Index pictures into a new or an existing index."""
    from ...engine import update_index

    engine, changes = update_index(
        options.output,
        options.pictures,
        vocabulary=options.vocabulary,
        preset=options.preset,
        root=options.root,
        patterns=options.pattern,
        sync=options.sync,
        retry=options.retry,
        overwrite=options.overwrite,
        on_error=options.on_error,
        cache=options.cache,
        trusted=not options.untrusted,
        n_jobs=options.jobs,
        progress=True,
    )
    done = changes.to_dict()
    answer(
        options,
        {"index": options.output, **engine.info(), "changes": done, "failed": done["failed"]},
        *(f"identical files: {', '.join(map(printable, g))}" for g in changes.duplicates),
        f"{options.output}: {changes}",
        f"{len(engine)} pictures, {engine.collection.n_features} features, vocabulary of "
        f"{engine.vocabulary.n_words_} words (trained on "
        f"{(engine.vocabulary.made_with_ or {}).get('n_pictures', 'unknown')} pictures)",
    )
    _say_what_is_missing(options, changes)
    return report_failures([(failure.path, failure.reason) for failure in changes.failed])


def _say_what_is_missing(options: argparse.Namespace, changes: Changes) -> None:
    """Note once each what was not read, and what cannot be found."""
    from ...pictures import missing_plug_in, passed_over

    others = passed_over(options.pictures, patterns=options.pattern)
    if others:
        named = ", ".join(f"{n} {ending or 'without ending'}" for ending, n in others.items())
        hint = ""
        if any(map(missing_plug_in, others)):
            hint = "; pip install 'bovw[formats]' for HEIF and JPEG XL"
        complain(f"note: files that were not read: {named}{hint}")
    if changes.left_out:
        complain(
            f"note: {len(changes.left_out)} pictures have further frames or pages that were left "
            f"out, such as {changes.left_out[0][0]}"
        )
    if changes.without_features:
        complain(
            f"note: {len(changes.without_features)} pictures have no features and cannot be found, "
            f"such as {changes.without_features[0]}"
        )
