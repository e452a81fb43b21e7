"""Arguments that several verbs share, and the types of their values."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evaluation import GroundTruth

PICTURES = "folders (searched recursively), files, or @list.txt, a text with one path in each line"


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


def share(text: str) -> float:
    """Parse a share from 0 to below 1."""
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a share from 0 to below 1")
    return value


def region(text: str) -> tuple[float, float, float, float]:
    """Read the four numbers of a region."""
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
        help="number of pictures to process in parallel (default: one for each core)",
    )


def add_scheduler(sub: argparse.ArgumentParser, what: str) -> None:
    sub.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"{what} on the workers of this Dask scheduler, such as tcp://10.0.0.1:8786; all "
        "machines must see the same folders at the same paths (pip install 'bovw[cluster]')",
    )


def add_untrusted(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--untrusted",
        action="store_true",
        help="for folders that somebody else has made: do not load nmslib's own files, which could "
        "be made to crash it, but build them again",
    )


def add_names(sub: argparse.ArgumentParser) -> None:
    """Add the options that say which files of folders are taken, and how they are named."""
    sub.add_argument(
        "--root",
        metavar="DIR",
        help="name pictures by their path relative to this folder (default: relative to each given "
        "folder)",
    )
    sub.add_argument(
        "--pattern",
        action="append",
        metavar="GLOB",
        help="from folders, take only files that match, such as '*.jpg'; may be repeated",
    )


def add_output(sub: argparse.ArgumentParser, what: str) -> None:
    sub.add_argument("pictures", nargs="+", metavar="PICTURES", help=PICTURES)
    sub.add_argument("-o", "--output", required=True, metavar=what, help="folder to write")
    sub.add_argument(
        "--overwrite",
        action="store_true",
        help="if the folder exists, start from scratch and replace it when done",
    )
    add_names(sub)
    sub.add_argument(
        "--preset",
        metavar="NAME",
        help="settings: strong (best ranking; default if the folder is new), classic (textbook "
        "method: TF-IDF, verification, average query expansion), marks (registers of logos: also "
        "mirrored and negative), fast (fewer features and candidates, no query expansion), or a "
        "JSON file",
    )
    sub.add_argument(
        "--cache",
        metavar="DIR",
        help="keep extracted features here, so that interrupted or repeated work need not extract "
        "them again",
    )
    add_jobs(sub)


def add_truth(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "ground_truth",
        metavar="GROUND_TRUTH",
        help="file or folder of the ground truth; see --format",
    )
    sub.add_argument(
        "--root",
        metavar="DIR",
        help="folder to which the names in the ground truth are relative (default: the folder of "
        "the ground truth)",
    )
    sub.add_argument(
        "--format",
        metavar="NAME",
        help="format of the ground truth: json, oxford, revisited, holidays, ukbench, copydays, "
        "stanford, landmarks, labels, classes, qrels (default: guessed from its name and content)",
    )
    sub.add_argument(
        "--difficulty",
        choices=["easy", "medium", "hard"],
        help="which answers count as correct in Revisited Oxford and Paris (default: medium)",
    )
    sub.add_argument(
        "--images",
        metavar="PATH",
        help="all pictures of the database, if the ground truth names only some of them (Oxford, "
        "Paris, Landmarks): a folder (names are then relative to it), a list, or index.csv",
    )
    sub.add_argument(
        "--usage",
        choices=["Public", "Private"],
        help="use only these queries of Google Landmarks",
    )
    sub.add_argument(
        "--labels",
        type=lambda text: text.split(","),
        metavar="COLUMN,...",
        help="columns of a table that hold labels (default: label, labels, class, category)",
    )
    sub.add_argument(
        "--in-base",
        choices=["keep", "junk", "remove"],
        help="what to do with a query picture that is itself in the database: keep it, count it as "
        "junk for its own query, or remove it for all queries (default: by the protocol)",
    )
    sub.add_argument(
        "--metrics",
        type=lambda text: text.split(","),
        metavar="NAME,...",
        help="metrics: ap, ap_trapezoid, ap_interpolated, ap@K, p@K, r_precision, recall@K, hit@K, "
        "rr, ndcg@K, ndcg_exp@K, n_s (default: those of the protocol)",
    )


def add_reports(sub: argparse.ArgumentParser) -> None:
    """Add the options of pages and plots."""
    sub.add_argument(
        "--html",
        metavar="FILE",
        help="write a page with scores, curves, and the answers to each query with their pictures, "
        "in one file that opens offline (pip install 'bovw[report]')",
    )
    sub.add_argument(
        "--plots",
        metavar="FOLDER",
        help="write the curves as SVG and PNG, for papers (pip install 'bovw[report]')",
    )


def add_search_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--verify",
        type=not_negative,
        metavar="N",
        help="number of best candidates to verify by geometry (0: none; default: as set in "
        "the index: 100, or 30 with preset fast)",
    )
    sub.add_argument(
        "--expand",
        choices=["none", "average", "rank", "alpha", "discriminative", "hamming"],
        metavar="METHOD",
        help="method of query expansion: none, average, rank, alpha, discriminative or hamming "
        "(default: as set in the index)",
    )
    sub.add_argument(
        "--also",
        metavar="GUISES",
        help="ask for each picture in other guises, too: mirror, negative, or mirror,negative "
        "(default: as set in the index)",
    )


def ground_truth(options: argparse.Namespace) -> GroundTruth:
    """Read the ground truth that the options of `add_truth` name."""
    from ..formats import load_ground_truth

    return load_ground_truth(
        options.ground_truth,
        options.format,
        difficulty=options.difficulty,
        images=options.images,
        usage=options.usage,
        labels=options.labels,
        in_base=options.in_base,
    )


def root_of(options: argparse.Namespace) -> Path:
    """Return the folder to which the names in the ground truth are relative."""
    if options.root:
        return Path(options.root)
    if options.images and Path(options.images).is_dir():
        return Path(options.images)
    path = Path(options.ground_truth)
    return path if path.is_dir() else path.parent
