"""``bovw index``: creates an index, or brings one up to date."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import printable
from ..arguments import add_output, add_scheduler, add_untrusted
from ..output import GOOD, answer, note, note_passed_over, report_failures, tell_plan

if TYPE_CHECKING:
    from ...engine import Changes
    from ...vocabulary import Vocabulary

HELP = "create an index of pictures, or add new and changed pictures to one"
EXAMPLE = (
    "bovw index photos/ -o photos.bovw\n"
    "  bovw index photos/ -o photos.bovw --sync --log weekly.log -q\n"
    "  bovw index database.db --root photos/ -o scene.bovw    (features of COLMAP, or hloc's .h5)"
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
        "--strict",
        action="store_true",
        help="list pictures that failed before and have not changed since, and exit with code 3 "
        "for them, too (default: only count them)",
    )
    sub.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what would be done: no picture is decoded, nothing is trained or written "
        "(files whose time has changed, or that were moved, are read to compare their content)",
    )
    sub.add_argument(
        "-v",
        "--vocabulary",
        metavar="VOCABULARY",
        help="folder made by 'bovw train'; builtin (the one that comes with bovw: no training, "
        "and such indexes can be merged); or own (default: train one on these pictures, with "
        "as many words as they have features for)",
    )
    add_scheduler(sub, "read pictures")
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Index pictures into a new or an existing index."""
    from ...engine import planned_changes, update_index, update_index_of_features
    from ...exchange import open_features

    common: dict[str, Any] = {
        "vocabulary": options.vocabulary,
        "preset": options.preset,
        "root": options.root,
        "sync": options.sync,
        "retry": options.retry,
        "overwrite": options.overwrite,
        "trusted": not options.untrusted,
        "n_jobs": options.jobs,
    }
    source = _features_file(options)
    features = None if source is None else open_features(source, options.root)
    if options.dry_run:
        if features is None:
            changes = planned_changes(
                options.output, options.pictures, patterns=options.pattern, **common
            )
        else:
            changes = planned_changes(options.output, features, origin=features.origin, **common)
        tell_plan(options, changes, options.output)
        return GOOD
    common |= {"on_error": options.on_error, "progress": True}
    if features is None:
        common |= {"patterns": options.pattern, "cache": options.cache}
        if options.scheduler is None:
            engine, changes = update_index(options.output, options.pictures, **common)
        else:
            from ... import cluster

            engine, changes = cluster.update_index(
                options.output, options.pictures, scheduler=options.scheduler, **common
            )
    else:
        engine, changes = update_index_of_features(
            options.output, features, origin=features.origin, **common
        )
    if options.strict:
        changes = replace(changes, failed_before=())
    done = changes.to_dict()
    answer(
        options,
        {"index": options.output, **engine.info(), "changes": done, "failed": done["failed"]},
        *(f"identical files: {', '.join(map(printable, g))}" for g in changes.duplicates),
        f"{options.output}: {changes}",
        f"{len(engine)} pictures, {engine.collection.n_features} features, vocabulary of "
        f"{engine.vocabulary.n_words_} words ({_origin(engine.vocabulary)})",
    )
    _say_what_is_missing(options, changes, engine.vocabulary, source is None)
    if changes.failed_before:
        note(
            f"note: {len(changes.failed_before)} pictures failed before and have not changed "
            f"(bovw info {options.output} --failed lists them, --retry reads them again)"
        )
    return report_failures([(failure.path, failure.reason) for failure in changes.newly_failed])


def _origin(vocabulary: Vocabulary) -> str:
    made_with = vocabulary.made_with_ or {}
    if "name" in made_with:
        return str(made_with["name"])
    return f"trained on {made_with.get('n_pictures', 'unknown')} pictures"


def _features_file(options: argparse.Namespace) -> str | None:
    """The file of features that is given instead of pictures; None for pictures."""
    from ...errors import SettingsError
    from ...exchange import holds_features

    files = [path for path in options.pictures if holds_features(path)]
    if not files:
        return None
    if len(options.pictures) > 1:
        raise SettingsError(
            f"{files[0]} holds features: give it alone, not together with "
            f"{len(options.pictures) - 1} others"
        )
    if options.pattern or options.cache or options.scheduler:
        raise SettingsError(
            f"{files[0]} holds features: --pattern, --cache and --scheduler are for pictures"
        )
    return str(files[0])


def _say_what_is_missing(
    options: argparse.Namespace, changes: Changes, words: Vocabulary, are_pictures: bool
) -> None:
    """Note once each what was not read, and what cannot be found."""
    if are_pictures:
        note_passed_over(options)
    if changes.left_out:
        note(
            f"note: {len(changes.left_out)} pictures have further frames or pages that were left "
            f"out, such as {changes.left_out[0][0]}"
        )
    error = words.facts().get("quantization_error")
    if error is not None and changes.added:
        note(
            "note: descriptors are floats and were quantised to uint8 by one scale, which changes "
            f"them by {error:.1%} of their standard deviation"
        )
    if changes.without_features:
        note(
            f"note: {len(changes.without_features)} pictures have no features and cannot be found, "
            f"such as {changes.without_features[0]}"
        )
