"""``bovw compare``: several systems on one ground truth."""

from __future__ import annotations

import argparse
import json

from ..arguments import (
    add_jobs,
    add_reports,
    add_truth,
    add_untrusted,
    ground_truth,
    not_negative,
    root_of,
)
from ..output import GOOD, check_reports, say, write_reports

HELP = "compare indexes, embeddings and runs of other tools on a ground truth"
EXAMPLE = (
    "bovw compare photos/gnd.json strong=photos.bovw classic=photos.bovw,preset=classic \\\n"
    "    net=net.npz,pca=256,whiten=true --fuse both=rrf:strong+net \\\n"
    "    --fuse checked=verify:net+strong"
)


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_truth(sub)
    sub.add_argument(
        "systems",
        nargs="+",
        metavar="SYSTEM",
        help="[NAME=]PATH[,OPTION=VALUE...]: an index (option preset), a run in TREC's format "
        "(.run, .trec, .txt) or of Google Landmarks (.csv), or embeddings (.npz, .npy, .h5, "
        ".hdf5, .parquet, .csv, .faiss, .index, .faissindex; options queries, names, pca, whiten, "
        "learn, quantise, parts, augment, expand, answers, alpha, rerank, method, ef_search)",
    )
    sub.add_argument(
        "--fuse",
        action="append",
        default=[],
        metavar="[NAME=]METHOD:A+B",
        help="fuse systems: rrf (reciprocal ranks), min-max, z or rank (normalised scores), or "
        "verify (B, an index, verifies the first answers of A); may be repeated",
    )
    sub.add_argument(
        "--common", action="store_true", help="rank only the pictures that all systems have"
    )
    sub.add_argument(
        "--ties",
        choices=["increasing", "decreasing", "rank"],
        default="increasing",
        help="order of equal scores in files of runs: by increasing name (default), by decreasing "
        "name (as trec_eval), or by the ranks in the file",
    )
    sub.add_argument(
        "--level", type=float, default=0.95, help="of intervals and tests (default: 0.95)"
    )
    sub.add_argument("--seed", type=not_negative, default=0, help="of the resampling (default: 0)")
    sub.add_argument("--cache", metavar="DIR", help="keep features of queries here")
    sub.add_argument(
        "--all",
        action="store_true",
        help="print everything: intervals of all metrics, micro averages, all differences, what "
        "each system finds that others miss, the queries that differ most, machine and versions",
    )
    for name, what in (("csv", "a row for each system"), ("latex", "a table"),
                       ("data", "everything that the page shows, as JSON")):  # fmt: skip
        sub.add_argument(f"--{name}", metavar="FILE", help=f"write {what}")
    sub.add_argument("--runs", metavar="DIR", help="write runs and qrels in TREC's format")
    sub.add_argument(
        "--submissions", metavar="DIR", help="write runs as tables of Google Landmarks (id,images)"
    )
    add_reports(sub)
    add_untrusted(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Compare systems on a ground truth."""
    from ...comparison import compare
    from ...files import write_text
    from ...report import (
        comparison_csv,
        comparison_latex,
        comparison_text,
        write_runs,
        write_submissions,
    )

    check_reports(options)
    comparison = compare(
        ground_truth(options),
        options.systems,
        fuse=options.fuse,
        root=root_of(options),
        metrics=options.metrics,
        common=options.common,
        ties=options.ties,
        cache=options.cache,
        trusted=not options.untrusted,
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
    if options.submissions is not None:
        write_submissions(comparison, options.submissions)
    write_reports(options, comparison)
    say(content.rstrip() if options.json else comparison_text(comparison, everything=options.all))
    return GOOD
