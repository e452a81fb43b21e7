"""``bovw evaluate``: measures how well an index answers the queries of a ground truth."""

from __future__ import annotations

import argparse
from typing import Any

from ..arguments import (
    add_jobs,
    add_search_options,
    add_truth,
    add_untrusted,
    ground_truth,
    root_of,
)
from ..output import GOOD, print_json, say

HELP = "measure how well an index answers the queries of a ground truth"
EXAMPLE = "bovw evaluate photos.bovw photos/gnd.json"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    add_truth(sub)
    sub.add_argument(
        "--per-query", action="store_true", help="with --json: also print the scores of each query"
    )
    add_search_options(sub)
    add_untrusted(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Score an index against a ground truth."""
    from ...comparison import checked_contents
    from ...engine import Engine
    from ...evaluation import evaluate, metric, notes_on
    from ...features import checked_guises

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
    scores = evaluate(
        lambda queries: [r.identifiers for r in engine.rank_many(queries, progress=True)],
        {record.identifier: record.path for record in engine.collection.records},
        truth,
        root_of(options),
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
