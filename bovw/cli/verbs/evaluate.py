"""``bovw evaluate``: measures how well an index answers the queries of a ground truth."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import (
    add_jobs,
    add_reports,
    add_search_options,
    add_truth,
    add_untrusted,
    ground_truth,
    root_of,
)
from ..output import GOOD, check_reports, print_json, say, write_reports

if TYPE_CHECKING:
    from ...engine import Engine
    from ...evaluation import Comparison, GroundTruth

HELP = "measure how well an index answers the queries of a ground truth"
EXAMPLE = "bovw evaluate photos.bovw photos/gnd.json"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    add_truth(sub)
    sub.add_argument(
        "--per-query", action="store_true", help="with --json: also print the scores of each query"
    )
    add_reports(sub)
    add_search_options(sub)
    add_untrusted(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Score an index against a ground truth."""
    from ...comparison import checked_contents
    from ...engine import Engine
    from ...evaluation import evaluate, metric, notes_on
    from ...features import checked_guises

    check_reports(options)
    truth = ground_truth(options)
    for name in options.metrics or ():
        metric(name)  # report an unknown name before the work
    engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
    changes: dict[str, dict[str, Any]] = {}
    if options.verify is not None:
        changes["geometry"] = {"verify": options.verify}
    if options.expand is not None:
        changes["expansion"] = {"method": options.expand}
    if options.also is not None:
        changes.setdefault("expansion", {})["also"] = ",".join(checked_guises(options.also))
    engine = engine.changed(**changes)
    same, notes = checked_contents(truth, root_of(options), {options.index: engine})
    if options.html is None and options.plots is None:
        scores = evaluate(
            lambda queries: [r.identifiers for r in engine.rank_many(queries, progress=True)],
            {record.identifier: record.path for record in engine.collection.records},
            truth,
            root_of(options),
            options.metrics,
            same=same,
        )
        notes += notes_on(truth, scores, same)
    else:
        compared = _compared(options, engine, truth, same, notes)
        scores, notes = compared.scores[_name(options)], list(compared.notes)
        write_reports(options, compared)
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


def _compared(
    options: argparse.Namespace,
    engine: Engine,
    truth: GroundTruth,
    same: Mapping[str, frozenset[str]],
    notes: Sequence[str],
) -> Comparison:
    """The comparison of a single system, from which pages and plots are drawn."""
    from ...comparison import engine_run, paths_of
    from ...evaluation import compare_runs, usual_metrics
    from ...settings import conditions

    root = root_of(options)
    return compare_runs(
        truth,
        [engine_run(engine, truth, root, _name(options), progress=True)],
        options.metrics or usual_metrics(truth),
        same=same,
        notes=notes,
        conditions=conditions(),
        root=root,
        paths=paths_of(engine, truth, root),
    )


def _name(options: argparse.Namespace) -> str:
    return Path(options.index).name or str(options.index)
