"""Compare systems, given as files, on a ground truth."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..embeddings import Embeddings, load_embeddings
from ..engine import Engine
from ..errors import GroundTruthError, some
from ..evaluation import Comparison, GroundTruth, Run, check_level, compare_runs, metric
from ..formats import RunFile, Ties, load_ground_truth, load_run, load_submission
from ..settings import checked_arguments, conditions, load_settings
from .embedding_runs import embedding_run
from .engine_runs import checked_contents, engine_run, paths_of, verified_run
from .fusion import fused_run
from .systems import Fusion, System, checked

# How the order of equal scores is called in a note.
_TIES = {
    "increasing": "increasing names",
    "decreasing": "decreasing names",
    "rank": "the ranks in the file",
}

__all__ = ["Fusion", "System", "compare"]


@checked_arguments
def compare(
    ground_truth: GroundTruth | str | os.PathLike[str],
    systems: Sequence[System | Run | str] | Mapping[str, Any],
    *,
    fuse: Sequence[Fusion | str] = (),
    root: str | os.PathLike[str] | None = None,
    metrics: Sequence[str] | None = None,
    common: bool = False,
    ties: Ties = "increasing",
    cache: str | os.PathLike[str] | None = None,
    trusted: bool = True,
    level: float = 0.95,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare systems on a ground truth.

    Parameters
    ----------
    ground_truth : GroundTruth or path
        See `load_ground_truth`.
    systems : sequence of System, Run or str, or mapping
        The systems; strings are read by `System.parse`. Or a mapping of names to what `System.of`
        takes: paths, and what is in memory, such as an `Engine`, `Embeddings`, a data frame of
        vectors, a dictionary of tensors, or a `ranx.Run`.
    fuse : sequence of Fusion or str
        Fusions of these systems, which are compared, too; strings are read by `Fusion.parse`.
    root : path, optional
        The folder to which the names in the ground truth are relative. Default: the ground truth
        itself when it is a folder, else the folder that contains it; the current folder when a
        `GroundTruth` is given.
    metrics : sequence of str, optional
        See `bovw.evaluation.metric`. The first one is used to compare systems query by query.
    common : bool
        When systems have different pictures, rank only the pictures that all of them have.
    ties : {"increasing", "decreasing", "rank"}
        The order of equal scores in files of runs; see `bovw.formats.load_run`. A note says when
        it matters.
    cache : path, optional
        A folder in which features of queries are kept.
    trusted : bool
        Whether to load nmslib's own files; see `Engine.open`.
    level, random_state
        For intervals and tests; see `compare_runs`.
    n_jobs : int, optional
    progress : bool

    Returns
    -------
    Comparison

    Raises
    ------
    BovwError
        When an argument is wrong; the message says which. Names, options, methods, metrics and
        paths are checked before anything is ranked.
    """
    if isinstance(ground_truth, GroundTruth):
        truth = ground_truth
        folder = Path("." if root is None else root)
    else:
        truth = load_ground_truth(ground_truth)
        path = Path(ground_truth)
        folder = Path(root) if root is not None else path if path.is_dir() else path.parent
    check_level(level)
    wanted = truth.metrics if metrics is None else tuple(metrics)
    for name in wanted:
        metric(name)
    chosen, fusions = checked(systems, fuse)
    engines = {
        system.name: _engine(system, trusted, n_jobs)
        for system in chosen
        if isinstance(system, System) and system.kind == "index"
    }
    runs: dict[str, Run] = {}
    run_notes: list[str] = []
    for system in chosen:
        if isinstance(system, Run):
            runs[system.name] = system
        elif system.name in engines:
            runs[system.name] = engine_run(
                engines[system.name], truth, folder, system.name, cache=cache, progress=progress
            )
        elif system.kind == "run":
            runs[system.name], found = _run_of_file(system, truth, ties)
            run_notes += found
        else:
            runs[system.name] = _run_of_embeddings(system, truth, folder)
    if common:
        shared = set.intersection(*(set(run.items) for run in runs.values()))
        runs = {name: run.restricted(shared) for name, run in runs.items()}
    items = next(iter(runs.values())).items
    same, notes = checked_contents(truth, folder, engines, items)
    notes += run_notes
    notes += [note for run in runs.values() for note in _notes_on_embeddings(run, truth)]
    queries = [query.name for query in truth.queries]
    for fusion in fusions:
        members = [runs[name] for name in fusion.systems]
        if fusion.method == "verify":
            runs[fusion.name] = verified_run(
                members[0],
                engines[fusion.systems[1]],
                truth,
                folder,
                fusion.name,
                cache=cache,
                progress=progress,
            )
        else:
            runs[fusion.name] = fused_run(members, fusion.name, fusion.method, queries=queries)
    return compare_runs(
        truth,
        list(runs.values()),
        wanted or None,
        same=same,
        notes=notes,
        conditions=conditions(),
        root=folder,
        paths={
            name: path
            for engine in engines.values()
            for name, path in paths_of(engine, truth, folder).items()
        },
        level=level,
        random_state=random_state,
    )


def _engine(system: System, trusted: bool, n_jobs: int | None) -> Engine:
    engine = system.content
    if not isinstance(engine, Engine):
        engine = Engine.open(system.path, trusted=trusted, n_jobs=n_jobs)
    if "preset" in system.options:
        engine = engine.changed(**load_settings(system.options["preset"]).of_search())
    return engine


def _run_of_file(system: System, truth: GroundTruth, ties: Ties) -> tuple[Run, list[str]]:
    """Read a run, and say what its reader must know."""
    if Path(system.path).suffix.lower() == ".csv":
        asked = [query.name for query in truth.queries]
        ranked = load_submission(system.path, asked, truth.images)
        by_rank = {query: (names, [*range(-1, -len(names) - 1, -1)])
                   for query, names in ranked.items()}  # fmt: skip
        found = RunFile(by_rank, system.name, 0)
    else:
        found = load_run(system.path, ties)
    names = {query: ranked for query, (ranked, _) in found.rankings.items()}
    scores = {query: given for query, (_, given) in found.rankings.items()}
    absent = [query.name for query in truth.queries if query.name not in names]
    notes = []
    if len(absent) == len(truth.queries):
        raise GroundTruthError(
            f"{system.path} ranks none of the {len(absent)} queries of {truth.name}, such as "
            f"{some(absent)}; it ranks {some(names)}: check that names agree"
        )
    if absent:
        notes.append(
            f"{system.name} has no ranking for {len(absent)} of {len(truth.queries)} queries "
            f"({some(absent)}): they count as if it had found nothing"
        )
        names |= {name: [] for name in absent}
        scores |= {name: [] for name in absent}
    items = sorted(truth.images.union(*names.values()))
    run = Run.from_names(system.name, names, items=items, scores=scores)
    if found.n_contradicting:
        notes.append(
            f"in {found.n_contradicting} queries of {system.name} the scores contradict the ranks: "
            "pictures are ranked by score, as trec_eval does"
        )
    if undecided := run.n_undecided(truth):
        notes.append(
            f"in {undecided} queries of {system.name} right and wrong answers have equal scores: "
            f"their order is that of {_TIES[ties]} (--ties)"
        )
    return run, notes


def _run_of_embeddings(system: System, truth: GroundTruth, root: Path) -> Run:
    queries, given = system.options.get("queries"), system.content
    if not isinstance(given, Embeddings):
        given = load_embeddings(system.path, system.options.get("names"))
    return embedding_run(
        given,
        truth,
        system.name,
        queries=None if queries is None else load_embeddings(queries),
        options=system.embedding_options(),
        root=root,
    )


def _notes_on_embeddings(run: Run, truth: GroundTruth) -> list[str]:
    """Write notes on a run of embeddings: extra pictures, left out pictures, and training data."""
    more, out = run.facts.get("n_distractors"), run.facts.get("n_left_out")
    notes = []
    if more:
        notes.append(f"{run.name} ranks {more} pictures that the ground truth does not name, too")
    if out:
        notes.append(
            f"{out} pictures that {run.name} has vectors of lie beside the base, but are not in "
            "it, and were left out"
        )
    if "n_left_out" in run.facts and (undecided := run.n_undecided(truth)):
        notes.append(
            f"in {undecided} queries of {run.name} right and wrong answers have equal scores: "
            "their order is that of names"
        )
    if learned := run.facts.get("n_learned_from_tested"):
        notes.append(
            f"projection or quantisation of {run.name} was learned from {learned} of the pictures "
            "that are searched or asked, so its scores are too high: learn it from others (learn)"
        )
    return notes
