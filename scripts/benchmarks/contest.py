"""Several ways to do the same work, run in turn, and their medians."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

Run = Callable[[], Mapping[str, float]]


@dataclass(frozen=True)
class Figure:
    """A number that is measured; `digits` after the point are shown."""

    key: str
    title: str
    more_is_better: bool = False
    digits: int = 1


MILLISECONDS = Figure("milliseconds", "milliseconds a query", digits=2)


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    Attributes
    ----------
    name : str
    does : str
        What it does, as a sentence for the page.
    prepare : callable
        Does what is not measured, and returns the work: each call of it is a run, and returns the
        figures by their keys.
    module, package : str
        What it imports, and the name of that for pip. Without them it needs nothing special.
    """

    name: str
    does: str
    prepare: Callable[[], Run]
    module: str = ""
    package: str = ""

    @property
    def is_there(self) -> bool:
        """Whether its package is installed."""
        return not self.module or importlib.util.find_spec(self.module) is not None


def say(text: str) -> None:
    """Tell how far the work is."""
    print(text, file=sys.stderr, flush=True)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that some work takes, and what it returns."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def threads_text(n: int) -> str:
    """Say how many threads, for a sentence."""
    return "one thread" if n == 1 else f"{n} threads"


def contest(
    title: str,
    contestants: Sequence[Contestant],
    figures: Sequence[Figure],
    runs: int,
    sizes: str,
) -> dict[str, Any]:
    """Run all contestants in turn, `runs` times, and return a table with the medians.

    The first contestant is ours. Those whose package is not installed are named as left out.
    `sizes` is a sentence that says how much work it was.
    """
    present = [c for c in contestants if c.is_there]
    ready: dict[str, Run] = {}
    for contestant in present:
        say(f"{title}: preparing {contestant.name}")
        ready[contestant.name] = contestant.prepare()
    found: dict[str, list[Mapping[str, float]]] = {c.name: [] for c in present}
    for turn in range(runs):
        for name, run in ready.items():
            result = run()
            found[name].append(result)
            shown = ", ".join(f"{f.title} {result[f.key]:.{f.digits}f}" for f in figures)
            say(f"{title}, run {turn + 1} of {runs}: {name}: {shown}")
    rows = []
    for contestant in present:
        values = {f.key: [float(run[f.key]) for run in found[contestant.name]] for f in figures}
        rows.append(
            {
                "name": contestant.name,
                "does": contestant.does,
                "version": version(contestant.package) if contestant.package else "",
                "package": contestant.package,
                "medians": {key: float(np.median(each)) for key, each in values.items()},
                "runs": values,
            }
        )
    return {
        "title": title,
        "sizes": sizes,
        "figures": [asdict(figure) for figure in figures],
        "rows": rows,
        "left_out": [{"name": c.name, "package": c.package} for c in contestants if not c.is_there],
    }
