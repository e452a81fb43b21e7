"""Read published ground truths; read and write ground truths and runs of other tools.

This package does not know how a ranking was made, or how it is scored.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from ..errors import GroundTruthError
from ..evaluation import GroundTruth, InBase
from ..settings import checked_arguments
from .evaluators import qrels_of, run_from, scores_of, truth_from
from .file_names import (
    classes,
    copydays,
    holidays,
    stanford_mobile,
    ukbench,
)
from .guess import guess_format
from .json_truth import load_json, save_json
from .labels import load_labels
from .landmarks import is_submission, load_landmarks, load_submission, save_submission
from .oxford import load_oxford
from .parsing import Names, PathLike, names_in, read_rows
from .revisited import Difficulty, load_revisited
from .trec import RunFile, Ties, load_qrels, load_run, read_run, save_qrels, write_run

__all__ = [
    "FORMATS",
    "RunFile",
    "Ties",
    "classes",
    "copydays",
    "guess_format",
    "holidays",
    "is_submission",
    "load_ground_truth",
    "load_json",
    "load_labels",
    "load_landmarks",
    "load_oxford",
    "load_qrels",
    "load_revisited",
    "load_run",
    "load_submission",
    "names_in",
    "qrels_of",
    "read_rows",
    "read_run",
    "run_from",
    "save_json",
    "save_qrels",
    "save_submission",
    "scores_of",
    "stanford_mobile",
    "truth_from",
    "ukbench",
    "write_run",
]

_log = logging.getLogger("bovw.formats")

FORMATS: Mapping[str, Callable[..., GroundTruth]] = {
    "json": load_json,
    "oxford": load_oxford,
    "revisited": load_revisited,
    "holidays": holidays,
    "ukbench": ukbench,
    "copydays": copydays,
    "stanford": stanford_mobile,
    "landmarks": load_landmarks,
    "qrels": load_qrels,
    "classes": classes,
    "labels": load_labels,
}
"""The function that reads each format."""


@checked_arguments
def load_ground_truth(
    path: PathLike,
    format: str | None = None,
    *,
    difficulty: Annotated[Difficulty | None, "its reader checks it"] = None,
    images: Names | None = None,
    usage: Annotated[Literal["Public", "Private"] | None, "its reader checks it"] = None,
    in_base: Annotated[InBase | None, "GroundTruth checks it"] = None,
    labels: Sequence[str] | None = None,
) -> GroundTruth:
    """Read a ground truth of any format.

    Parameters
    ----------
    path : path
        File or folder.
    format : str, optional
        One of `FORMATS`; default: see `guess_format`.
    difficulty, images, usage, labels : optional
        Options of the readers that have them.
    in_base : {"keep", "junk", "remove"}, optional
        What happens with a query picture that is in the base (see `GroundTruth`); default: as in
        the published protocol.

    Raises
    ------
    GroundTruthError
        When the file is malformed, or the format does not have the given option.
    """
    chosen = guess_format(path) if format is None else format
    if format is None:
        _log.info("%s: read as %r, by its name and content", os.fsdecode(path), chosen)
    if chosen not in FORMATS:
        raise GroundTruthError(f"format {chosen!r}: expected one of {', '.join(FORMATS)}")
    reader = FORMATS[chosen]
    options = {"difficulty": difficulty, "images": images, "usage": usage, "labels": labels}
    given = {name: value for name, value in options.items() if value is not None}
    unknown = sorted(given.keys() - inspect.signature(reader).parameters.keys())
    if unknown:
        raise GroundTruthError(
            f"format {chosen!r} has no option {', '.join(unknown)}; leave it out, or name another "
            "format"
        )
    truth = reader(path, **given)
    return truth if in_base is None else replace(truth, in_base=in_base)
