"""The arguments of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .. import __version__
from . import verbs
from .care import add_care, positive

_PICTURES = "folders (searched recursively), files, or @list.txt with a path a line"


def _not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 0")
    return value


def _region(text: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected X0,Y0,X1,Y1") from None
    return x0, y0, x1, y1


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bovw",
        description="Which of my pictures show what this picture shows?",
        epilog="example:\n  bovw index photos/ -o photos.bovw && bovw search photos.bovw query.jpg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bovw {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="VERB")

    def add(
        name: str, verb: Callable[[argparse.Namespace], int], help_: str, example: str
    ) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(
            name,
            help=help_,
            description=help_[0].upper() + help_[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(verb=verb)
        sub.add_argument("--json", action="store_true", help="print JSON")
        return sub

    def add_jobs(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--jobs",
            type=int,
            default=-1,
            metavar="N",
            help="pictures worked on at once (default: as many as there are cores)",
        )

    def add_output(sub: argparse.ArgumentParser, what: str) -> None:
        sub.add_argument("pictures", nargs="+", metavar="PICTURES", help=_PICTURES)
        sub.add_argument("-o", "--output", required=True, metavar=what, help="folder to write")
        sub.add_argument(
            "--overwrite", action="store_true", help="begin anew when it exists, and replace it"
        )
        sub.add_argument(
            "--root",
            metavar="DIR",
            help="identifiers are relative to this folder (default: to each folder given)",
        )
        sub.add_argument(
            "--pattern",
            action="append",
            metavar="GLOB",
            help="only files in folders that match, such as '*.jpg'; may be repeated",
        )
        sub.add_argument(
            "--preset",
            metavar="NAME",
            help="strong: the best ranking (default for what is new); classic: the textbook, "
            "TF-IDF alone; fast: few features, nothing twice; or a JSON file of settings",
        )
        sub.add_argument(
            "--cache",
            metavar="DIR",
            help="keep features here, so that interrupted or repeated work goes on from there",
        )
        add_jobs(sub)

    train = add(
        "train",
        verbs.train,
        "train a vocabulary on pictures",
        "bovw train photos/ -o photos.vocabulary --words 20000",
    )
    add_output(train, "VOCABULARY")
    train.add_argument(
        "--words",
        type=positive,
        metavar="K",
        help="visual words, up to 1,000,000 (default: 20000, classic 50000)",
    )
    train.add_argument("--upright", action="store_true", help="features without orientation")
    train.add_argument("--seed", type=_not_negative, help="of the training (default: 0)")

    index = add(
        "index",
        verbs.index,
        "index pictures: make an index, or add to one what is new or has changed",
        "bovw index photos/ -o photos.bovw -v photos.vocabulary\n"
        "  bovw index photos/ -o photos.bovw --sync",
    )
    add_output(index, "INDEX")
    index.add_argument(
        "--sync",
        action="store_true",
        help="also remove pictures whose files are no longer in the folders given",
    )
    index.add_argument(
        "--retry", action="store_true", help="read again what failed before and has not changed"
    )
    index.add_argument(
        "--on-error",
        choices=["record", "skip", "raise"],
        default="record",
        metavar="WHAT",
        help="with pictures that cannot be read: record (and exit with 3; default), skip (leave "
        "them out without a word) or raise (stop)",
    )
    index.add_argument(
        "-v",
        "--vocabulary",
        metavar="VOCABULARY",
        help="of 'bovw train' (default: one is trained on these pictures, sized to them)",
    )

    add_care(add, add_jobs)

    search = add(
        "search",
        verbs.search,
        "search an index",
        "bovw search photos.bovw query.jpg -k 5 --region 10,10,300,200",
    )
    _add_searched(search)
    add_jobs(search)

    evaluate = add(
        "evaluate",
        verbs.evaluate,
        "score an index against a ground truth",
        "bovw evaluate photos.bovw photos/gnd.json",
    )
    evaluate.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")
    _add_truth(evaluate)
    evaluate.add_argument(
        "--per-query", action="store_true", help="with --json: each query's scores"
    )
    _add_search_options(evaluate)
    add_jobs(evaluate)

    compare = add(
        "compare",
        verbs.compare,
        "compare indexes, embeddings and runs of other tools on a ground truth",
        "bovw compare photos/gnd.json strong=photos.bovw classic=photos.bovw,preset=classic \\\n"
        "    net=net.npz,pca=256,whiten=true --fuse both=rrf:strong+net "
        "--fuse checked=verify:net+strong",
    )
    _add_compared(compare)
    add_jobs(compare)

    info = add("info", verbs.info, "describe an index or a vocabulary", "bovw info photos.bovw")
    info.add_argument("path", metavar="INDEX|VOCABULARY")
    info.add_argument(
        "--failed", action="store_true", help="list the pictures that could not be read"
    )
    return parser


def _add_searched(search: argparse.ArgumentParser) -> None:
    search.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")
    search.add_argument("queries", nargs="+", metavar="QUERY", help=_PICTURES)
    search.add_argument(
        "-k", type=positive, default=10, metavar="N", help="answers for each query (default: 10)"
    )
    search.add_argument(
        "--region",
        type=_region,
        metavar="X0,Y0,X1,Y1",
        help="search for this part of each query, in its pixels",
    )
    search.add_argument(
        "--allow",
        metavar="GLOB",
        help="only pictures whose identifier matches may answer, such as 'covers/*'",
    )
    search.add_argument(
        "--untrusted",
        action="store_true",
        help="do not load nmslib's own files: for an index that somebody else has made",
    )
    _add_search_options(search)


def _add_compared(compare: argparse.ArgumentParser) -> None:
    _add_truth(compare)
    compare.add_argument(
        "systems",
        nargs="+",
        metavar="SYSTEM",
        help="[NAME=]PATH[,OPTION=VALUE...]: an index (option preset), a run in TREC's format "
        "(.run, .trec, .txt), or embeddings (.npz, .npy, .h5, .parquet, .csv; options queries, "
        "names, pca, whiten, learn, quantise, parts, augment, expand, answers, alpha, rerank, "
        "method, ef_search)",
    )
    compare.add_argument(
        "--fuse",
        action="append",
        default=[],
        metavar="[NAME=]METHOD:A+B",
        help="fuse systems: rrf (reciprocal ranks), min-max, z or rank (normalised scores), or "
        "verify (B, an index, verifies the first answers of A); may be repeated",
    )
    compare.add_argument(
        "--common", action="store_true", help="rank only the pictures that all systems have"
    )
    compare.add_argument(
        "--level", type=float, default=0.95, help="of intervals and tests (default: 0.95)"
    )
    compare.add_argument(
        "--seed", type=_not_negative, default=0, help="of the resampling (default: 0)"
    )
    compare.add_argument("--cache", metavar="DIR", help="keep features of queries here")
    for name, what in (("csv", "a row for each system"), ("latex", "a table"),
                       ("data", "everything, as JSON from which a page can be drawn")):  # fmt: skip
        compare.add_argument(f"--{name}", metavar="FILE", help=f"write {what}")
    compare.add_argument("--runs", metavar="DIR", help="write runs and qrels in TREC's format")


def _add_truth(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "ground_truth",
        metavar="GROUND_TRUTH",
        help="a file or folder; see --format",
    )
    sub.add_argument(
        "--root", metavar="DIR", help="folder its names are relative to (default: its own)"
    )
    sub.add_argument(
        "--format",
        metavar="NAME",
        help="of the ground truth: json, oxford, revisited, holidays, ukbench, copydays, stanford, "
        "landmarks, labels, classes, qrels (default: by its name and content)",
    )
    sub.add_argument(
        "--difficulty", choices=["easy", "medium", "hard"], help="of Revisited Oxford and Paris"
    )
    sub.add_argument(
        "--images",
        metavar="PATH",
        help="the whole base, where the ground truth names only part of it (Oxford, Paris, "
        "Landmarks): a folder, to which its names are relative then, a list, or index.csv",
    )
    sub.add_argument(
        "--usage", choices=["Public", "Private"], help="of Google Landmarks: only these queries"
    )
    sub.add_argument(
        "--in-base",
        choices=["keep", "junk", "remove"],
        help="what becomes of a query that is in the base (default: as the protocol has it)",
    )
    sub.add_argument(
        "--metrics",
        type=lambda text: text.split(","),
        metavar="NAME,...",
        help="ap, ap_trapezoid, ap_interpolated, ap@K, p@K, r_precision, recall@K, hit@K, rr, "
        "ndcg@K, ndcg_exp@K, n_s (default: those of the protocol)",
    )


def _add_search_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--verify",
        type=_not_negative,
        metavar="N",
        help="answers to verify (0: none; default: 100)",
    )
    sub.add_argument(
        "--expand",
        choices=["none", "average", "rank", "alpha", "hamming"],
        metavar="METHOD",
        help="query expansion: none, average, rank, alpha or hamming (default: of the index)",
    )
