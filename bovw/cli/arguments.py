"""Arguments that several verbs have, and the types of their values."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evaluation import GroundTruth

PICTURES = "folders (searched recursively), files, or @list.txt with a path a line"


def positive(text: str) -> int:
    """Read a number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 1")
    return value


def not_negative(text: str) -> int:
    """Read a number of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 0")
    return value


def region(text: str) -> tuple[float, float, float, float]:
    """Read the corners of a region."""
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected X0,Y0,X1,Y1") from None
    return x0, y0, x1, y1


def add_jobs(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--jobs",
        type=int,
        default=-1,
        metavar="N",
        help="pictures worked on at once (default: as many as there are cores)",
    )


def add_output(sub: argparse.ArgumentParser, what: str) -> None:
    sub.add_argument("pictures", nargs="+", metavar="PICTURES", help=PICTURES)
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


def add_truth(sub: argparse.ArgumentParser) -> None:
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


def add_search_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--verify",
        type=not_negative,
        metavar="N",
        help="answers to verify (0: none; default: 100)",
    )
    sub.add_argument(
        "--expand",
        choices=["none", "average", "rank", "alpha", "hamming"],
        metavar="METHOD",
        help="query expansion: none, average, rank, alpha or hamming (default: of the index)",
    )


def ground_truth(options: argparse.Namespace) -> GroundTruth:
    """Read the ground truth that `add_truth` asks for."""
    from ..formats import load_ground_truth

    return load_ground_truth(
        options.ground_truth,
        options.format,
        difficulty=options.difficulty,
        images=options.images,
        usage=options.usage,
        in_base=options.in_base,
    )


def root_of(options: argparse.Namespace) -> Path:
    """Folder to which the names of the ground truth are relative."""
    if options.root:
        return Path(options.root)
    if options.images and Path(options.images).is_dir():
        return Path(options.images)
    path = Path(options.ground_truth)
    return path if path.is_dir() else path.parent
