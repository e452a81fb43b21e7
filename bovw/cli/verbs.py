"""What each verb does: one call of the public API, and its result as text or JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .output import (
    GOOD,
    answer,
    check_output,
    facts,
    matching,
    print_json,
    printable,
    report_failures,
    say,
    table,
)

if TYPE_CHECKING:
    from ..evaluation import GroundTruth


def train(options: argparse.Namespace) -> int:
    """Train a vocabulary and save it."""
    from ..settings.presets import load_settings
    from ..storage import save_vocabulary
    from ..vocabulary.training import train_vocabulary

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
    return report_failures(failed)


def index(options: argparse.Namespace) -> int:
    """Index pictures into a new index, or one that is there."""
    from ..engine.update import update_index
    from ..errors import SettingsError
    from ..storage import load_vocabulary

    vocabulary = None
    if options.vocabulary is not None:
        if Path(options.vocabulary).resolve() == Path(options.output).resolve():
            raise SettingsError(f"{options.output} is the vocabulary: choose another output")
        vocabulary = load_vocabulary(options.vocabulary, n_jobs=options.jobs)
    engine, changes = update_index(
        options.output,
        options.pictures,
        vocabulary=vocabulary,
        preset=options.preset,
        root=options.root,
        patterns=options.pattern,
        sync=options.sync,
        retry=options.retry,
        overwrite=options.overwrite,
        on_error=options.on_error,
        cache=options.cache,
        n_jobs=options.jobs,
        progress=True,
    )
    done = changes.to_dict()
    answer(
        options,
        {"index": options.output, **engine.info(), "changes": done, "failed": done["failed"]},
        *(f"the same picture: {', '.join(map(printable, g))}" for g in changes.duplicates),
        f"{options.output}: {changes}",
        f"{len(engine)} pictures, {engine.collection.n_features} features, vocabulary of "
        f"{engine.vocabulary.n_words_} words (trained on "
        f"{(engine.vocabulary.made_with_ or {}).get('n_pictures', 'unknown')} pictures)",
    )
    return report_failures([(failure.path, failure.reason) for failure in changes.failed])


def search(options: argparse.Namespace) -> int:
    """Search an index."""
    from fnmatch import fnmatchcase

    from ..engine.engine import Engine
    from ..errors import SettingsError
    from ..pictures.finding import find_queries
    from ..storage import load_lsa_index, read_manifest

    pattern = options.allow
    allow = None if pattern is None else (lambda name: fnmatchcase(name, pattern))
    queries = [(path, options.region) for path in find_queries(options.queries)]
    if read_manifest(Path(options.index))["format"] == "bovw-lsa":
        if options.verify is not None or options.expand is not None:
            raise SettingsError(
                f"{options.index} is a compressed index, which knows no geometry: leave --verify "
                "and --expand out, or search the index that it was made from"
            )
        trusted = not options.untrusted
        compressed = load_lsa_index(options.index, trusted=trusted, n_jobs=options.jobs)
        if pattern is not None:
            matching(pattern, (r.identifier for r in compressed.records))
        results = compressed.search_many(
            queries, options.k, allow=allow, n_jobs=options.jobs, progress=True
        )
    else:
        engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
        if pattern is not None:
            matching(pattern, (r.identifier for r in engine.collection.records))
        results = engine.search_many(
            queries,
            options.k,
            allow=allow,
            verify=options.verify,
            expand=options.expand,
            progress=True,
        )
    if options.json:
        print_json([result.to_dict() for result in results])
    else:
        for result in results:
            if result.error is None:
                say(table(result))
    failed = [(r.query, r.error.removeprefix(f"{r.query}: ")) for r in results if r.error]
    return report_failures(failed)


def _truth(options: argparse.Namespace) -> GroundTruth:
    from ..formats import load_ground_truth

    return load_ground_truth(
        options.ground_truth,
        options.format,
        difficulty=options.difficulty,
        images=options.images,
        usage=options.usage,
        in_base=options.in_base,
    )


def _root(options: argparse.Namespace) -> Path:
    if options.root:
        return Path(options.root)
    if options.images and Path(options.images).is_dir():
        return Path(options.images)
    path = Path(options.ground_truth)
    return path if path.is_dir() else path.parent


def evaluate(options: argparse.Namespace) -> int:
    """Score an index against a ground truth."""
    from ..comparison.engine_runs import checked_contents
    from ..engine.engine import Engine
    from ..evaluation import evaluate, metric, notes_on

    truth = _truth(options)
    for name in options.metrics or ():
        metric(name)  # before the work
    engine = Engine.open(options.index, n_jobs=options.jobs)
    changes: dict[str, dict[str, Any]] = {}
    if options.verify is not None:
        changes["geometry"] = {"verify": options.verify}
    if options.expand is not None:
        changes["expansion"] = {"method": options.expand}
    engine = engine.changed(**changes)
    same, notes = checked_contents(truth, _root(options), {options.index: engine})
    scores = evaluate(
        lambda queries: [r.identifiers for r in engine.rank_many(queries, progress=True)],
        {record.identifier: record.path for record in engine.collection.records},
        truth,
        _root(options),
        options.metrics,
        same=same,
    )
    notes += notes_on(truth, scores, same)
    content = {**scores.to_dict(per_query=options.per_query), "notes": notes}
    if options.json:
        print_json(content)
    else:
        for name in ("n_queries", "n_without_positives", "n_ranked"):
            say(f"{name:<20} {content[name]}")
        for name in scores.metrics:
            micro = f"   micro {scores.micro(name):.4f}" if name in scores.parts else ""
            say(f"{name:<20} {scores.macro(name):.4f}{micro}")
        for note in notes:
            say(f"note: {note}")
    return GOOD


def compare(options: argparse.Namespace) -> int:
    """Compare systems on a ground truth."""
    from ..comparison.comparing import compare
    from ..files import write_text
    from ..report import (
        comparison_csv,
        comparison_latex,
        comparison_text,
        write_runs,
    )

    comparison = compare(
        _truth(options),
        options.systems,
        fuse=options.fuse,
        root=_root(options),
        metrics=options.metrics,
        common=options.common,
        cache=options.cache,
        level=options.level,
        random_state=options.seed,
        n_jobs=options.jobs,
        progress=True,
    )
    content = json.dumps(comparison.to_dict(), indent=1, allow_nan=False) + "\n"
    for path, text in (
        (options.csv, comparison_csv),
        (options.latex, comparison_latex),
        (options.data, lambda _: content),
    ):
        if path is not None:
            write_text(path, text(comparison))
    if options.runs is not None:
        write_runs(comparison, options.runs)
    say(content.rstrip() if options.json else comparison_text(comparison))
    return GOOD


def info(options: argparse.Namespace) -> int:
    """Describe an index or a vocabulary."""
    from ..storage import load_lsa_index, read_manifest

    folder = Path(options.path)
    manifest = read_manifest(folder)
    if manifest["format"] == "bovw-index":
        from ..engine.engine import Engine

        engine = Engine.open(folder)
        content: dict[str, Any] = {"index": options.path, **engine.info()}
        failed = [asdict(failure) for failure in engine.failures]
    elif manifest["format"] == "bovw-lsa":
        content = {"compressed index": options.path, **load_lsa_index(folder).info()}
        failed = []
    else:
        from ..storage import load_vocabulary

        vocabulary = load_vocabulary(folder)
        made_with = vocabulary.made_with_ or {}
        failed = made_with.get("failed", [])
        content = {
            "vocabulary": options.path,
            "n_words": vocabulary.n_words_,
            "n_pictures": made_with.get("n_pictures"),
            "n_failed": len(failed),
            **vocabulary.facts(),
            "features": made_with.get("features"),
            "images": made_with.get("images"),
            "versions": manifest["versions"],
        }
    content["bytes"] = sum(file["size"] for file in manifest["files"].values())
    if options.failed:
        content["failed"] = failed
    if options.json:
        print_json(content)
    else:
        say("\n".join(facts(content)))
    return GOOD
