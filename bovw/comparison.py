"""One comparison from files: a ground truth, any number of systems, one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from .embedding_systems import EmbeddingOptions, embedding_run
from .embeddings import load_embeddings
from .engine import Engine
from .errors import SettingsError
from .evaluation import GroundTruth, Run
from .evaluation.comparison import Comparison, compare_runs
from .formats import load_ground_truth, read_run
from .presets import load_settings
from .systems import (
    checked_contents,
    engine_run,
    fused_run,
    verified_run,
)
from .versions import conditions

_Any = TypeVar("_Any")
_RUN_SUFFIXES = {".run", ".trec", ".txt"}
_SEARCHED = ("candidates", "kernel", "geometry", "expansion")


@dataclass(frozen=True)
class System:
    """What is compared: an index, a run in TREC's format, or embeddings.

    Attributes
    ----------
    name : str
    path : str
    options : mapping of str to str
        Of an index: ``preset`` (search as this preset, or file of settings, does). Of embeddings:
        ``queries`` and ``names`` (files), and the fields of `EmbeddingOptions`.
    """

    name: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> System:
        """Read ``[NAME=]PATH[,OPTION=VALUE...]``; without a name it is that of the file.

        Examples
        --------
        >>> System.parse("net=net.npz,pca=256,whiten=true").options["pca"]
        '256'
        """
        options: dict[str, str] = {}
        while "," in text and "=" in text.rsplit(",", 1)[1]:
            text, last = text.rsplit(",", 1)
            key, value = last.split("=", 1)
            options[key] = value
        name, found, path = text.partition("=")
        if not found:
            name, path = Path(text).stem, text
        if not name or not path:
            raise SettingsError(f"system {text!r}: expected [NAME=]PATH[,OPTION=VALUE...]")
        return cls(name, path, options)

    @property
    def kind(self) -> str:
        """ "index", "run" or "embeddings", by what lies at the path."""
        if Path(self.path).is_dir():
            return "index"
        return "run" if Path(self.path).suffix.lower() in _RUN_SUFFIXES else "embeddings"


@dataclass(frozen=True)
class Fusion:
    """What is made of several systems.

    Attributes
    ----------
    name : str
    method : {"rrf", "min-max", "z", "rank", "verify"}
        See `fused_run`; "verify": the second system, an index, verifies the first answers of the
        first.
    systems : tuple of str
        Names.
    """

    name: str
    method: str
    systems: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Fusion:
        """Read ``[NAME=]METHOD:SYSTEM+SYSTEM...``."""
        name, found, rest = text.partition("=")
        name, rest = (name, rest) if found else (text, text)
        method, found, systems = rest.partition(":")
        names = tuple(systems.split("+"))
        if not found or len(names) < 2 or not all(names):
            raise SettingsError(f"fusion {text!r}: expected [NAME=]METHOD:SYSTEM+SYSTEM...")
        return cls(name, method, names)


def compare(
    ground_truth: GroundTruth | str | os.PathLike[str],
    systems: Sequence[System | Run | str],
    *,
    fuse: Sequence[Fusion | str] = (),
    root: str | os.PathLike[str] | None = None,
    metrics: Sequence[str] | None = None,
    common: bool = False,
    cache: str | os.PathLike[str] | None = None,
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
    systems : sequence of System, Run or str
        Strings as for `System.parse`.
    fuse : sequence of Fusion or str
        Strings as for `Fusion.parse`.
    root : path, optional
        The folder to which the names of the ground truth are relative; default: the folder that
        the ground truth lies in.
    metrics : sequence of str, optional
        See `bovw.evaluation.metric`; the first one decides about wins.
    common : bool
        Rank only the pictures that all systems have, when they differ.
    cache : path, optional
        A folder in which features of queries are kept.
    level, random_state
        Of intervals and tests; see `compare_runs`.
    n_jobs : int, optional
    progress : bool

    Returns
    -------
    Comparison

    Raises
    ------
    BovwError
        When something does not fit; the message says what.
    """
    if isinstance(ground_truth, GroundTruth):
        truth = ground_truth
        folder = Path("." if root is None else root)
    else:
        truth = load_ground_truth(ground_truth)
        path = Path(ground_truth)
        folder = Path(root) if root is not None else path if path.is_dir() else path.parent
    runs: dict[str, Run] = {}
    engines: dict[str, Engine] = {}
    for given in systems:
        system = System.parse(given) if isinstance(given, str) else given
        if system.name in runs:
            raise SettingsError(f"two systems are called {system.name!r}: give them names")
        if isinstance(system, Run):
            runs[system.name] = system
        elif system.kind == "index":
            engine = engines[system.name] = _engine(system, n_jobs)
            runs[system.name] = engine_run(
                engine, truth, folder, system.name, cache=cache, progress=progress
            )
        else:
            make = _run_of_file if system.kind == "run" else _run_of_embeddings
            runs[system.name] = make(system, truth)
    if common:
        shared = set.intersection(*(set(run.items) for run in runs.values()))
        runs = {name: run.restricted(shared) for name, run in runs.items()}
    for each in fuse:
        fusion = Fusion.parse(each) if isinstance(each, str) else each
        if fusion.method == "verify":
            first, engine = _to_verify(fusion, runs, engines)
            runs[fusion.name] = verified_run(
                first, engine, truth, folder, fusion.name, cache=cache, progress=progress
            )
        else:
            members = [_named(fusion, name, runs) for name in fusion.systems]
            runs[fusion.name] = fused_run(members, fusion.name, fusion.method)
    same, notes = checked_contents(truth, folder, engines)
    return compare_runs(
        truth,
        list(runs.values()),
        metrics,
        same=same,
        notes=notes,
        conditions=conditions(),
        level=level,
        random_state=random_state,
    )


def _named(fusion: Fusion, name: str, runs: Mapping[str, _Any]) -> _Any:
    if name not in runs:
        raise SettingsError(f"fusion {fusion.name!r}: {name!r} is none of {', '.join(runs)}")
    return runs[name]


def _to_verify(
    fusion: Fusion, runs: Mapping[str, Run], engines: Mapping[str, Engine]
) -> tuple[Run, Engine]:
    if len(fusion.systems) != 2:
        raise SettingsError(f"fusion {fusion.name!r}: expected verify:SYSTEM+INDEX")
    first, second = fusion.systems
    return _named(fusion, first, runs), _named(fusion, second, engines)


def _engine(system: System, n_jobs: int | None) -> Engine:
    engine = Engine.open(system.path, n_jobs=n_jobs)
    unknown = set(system.options) - {"preset"}
    if unknown:
        raise SettingsError(
            f"system {system.name!r}: option {min(unknown)!r} is not one of an index (preset)"
        )
    if "preset" in system.options:
        settings = load_settings(system.options["preset"])
        engine = engine.changed(**{room: asdict(getattr(settings, room)) for room in _SEARCHED})
    return engine


def _run_of_file(system: System, truth: GroundTruth) -> Run:
    if system.options:
        raise SettingsError(f"system {system.name!r} is a run, which has no options")
    ranked, _ = read_run(system.path)
    names = {query: found[0] for query, found in ranked.items()}
    return Run.from_names(
        system.name,
        names,
        items=sorted(truth.images.union(*names.values())),
        scores={query: found[1] for query, found in ranked.items()},
    )


def _run_of_embeddings(system: System, truth: GroundTruth) -> Run:
    options = dict(system.options)
    queries, names = options.pop("queries", None), options.pop("names", None)
    chosen = _converted(system.name, options)
    return embedding_run(
        load_embeddings(system.path, names),
        truth,
        system.name,
        queries=None if queries is None else load_embeddings(queries),
        options=chosen,
    )


def _converted(name: str, options: Mapping[str, str]) -> EmbeddingOptions:
    defaults = EmbeddingOptions()
    known = {f.name: type(getattr(defaults, f.name)) for f in fields(defaults)}
    values: dict[str, Any] = {}
    for key, text in options.items():
        if key not in known:
            raise SettingsError(
                f"system {name!r}: option {key!r} is not one of embeddings "
                f"(queries, names, {', '.join(known)})"
            )
        reader: Callable[[str], Any] = _flag if known[key] is bool else known[key]
        try:
            values[key] = reader(text)
        except ValueError:
            raise SettingsError(
                f"system {name!r}: {key}={text!r} is no {known[key].__name__}"
            ) from None
    return replace(defaults, **values)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
