"""Runs and qrels of a comparison, for other tools and for Google Landmarks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageError
from ..evaluation import Comparison, Run
from ..formats import save_qrels, save_submission, write_run
from ..settings import checked_arguments


@checked_arguments
def write_runs(comparison: Comparison, folder: str | os.PathLike[str]) -> None:
    """Write ``SYSTEM.run`` for each system, and ``qrels.txt``, in the format of TREC.

    What counts neither as right nor as wrong is left out, so that other tools find our scores.
    """
    target = _made(folder)
    save_qrels(comparison.truth, target / "qrels.txt", comparison.taken)
    for stem, run in _stems(comparison):
        write_run(
            target / f"{stem}.run",
            run.name,
            {query: run.without(query, out) for query, out in comparison.taken.items()},
        )


@checked_arguments
def write_submissions(comparison: Comparison, folder: str | os.PathLike[str]) -> None:
    """Write ``SYSTEM.csv`` for each system: the first 100 answers, as for Google Landmarks.

    What counts neither as right nor as wrong is left out.
    """
    target = _made(folder)
    for stem, run in _stems(comparison):
        save_submission(
            target / f"{stem}.csv",
            {query: run.without(query, out)[0] for query, out in comparison.taken.items()},
        )


def _stems(comparison: Comparison) -> Iterator[tuple[str, Run]]:
    """Name the file of each run."""
    taken: set[str] = set()
    for run in comparison.runs:
        stem = run.name.replace("/", "_").replace(os.sep, "_")
        while stem in taken:  # "a/b" beside "a_b"
            stem += "_"
        taken.add(stem)
        yield stem, run


def _made(folder: str | os.PathLike[str]) -> Path:
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}; choose another") from error
    return target
