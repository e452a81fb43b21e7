"""Runs and qrels of a comparison, for other tools."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import StorageError
from ..evaluation.comparison import Comparison
from ..formats import save_qrels, write_run


def write_runs(comparison: Comparison, folder: str | os.PathLike[str]) -> None:
    """Write ``SYSTEM.run`` for each system, and ``qrels.txt``, in the format of TREC."""
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}; choose another") from error
    save_qrels(comparison.truth, target / "qrels.txt")
    for run in comparison.runs:
        write_run(
            target / f"{run.name.replace(os.sep, '_')}.run",
            run.name,
            {query: (run.ranked_names(query), run.scores.get(query)) for query in run.rankings},
        )
