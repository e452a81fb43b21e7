"""The page of `scripts/benchmarks/stages.py` says who is better, and who was left out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..support import REPOSITORY


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Import the modules that run the ways in turn, and that write the page."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts" / "benchmarks"))
    return importlib.import_module("contest"), importlib.import_module("stages_page")


def giving(*values: float) -> Callable[[], Callable[[], dict[str, float]]]:
    """A way whose runs give these milliseconds, and their half as recall."""

    def prepare() -> Callable[[], dict[str, float]]:
        left: Iterator[float] = iter(values)

        def run() -> dict[str, float]:
            value = next(left)
            return {"milliseconds": value, "recall": value / 2}

        return run

    return prepare


def test_medians_ratios_and_those_left_out(modules: tuple[Any, Any]) -> None:
    contest, stages_page = modules
    table = contest.contest(
        "candidates",
        [
            contest.Contestant("bovw", "is ours.", giving(2, 90, 1)),
            contest.Contestant("other", "is slower.", giving(8, 4, 3)),
            contest.Contestant("absent", "is not.", giving(), "no_such_module", "no-such-package"),
        ],
        [contest.MILLISECONDS, contest.Figure("recall", "recall", True, 1)],
        3,
        "Three runs.",
    )
    about = {"machine": "a machine", "system": "a system", "date": "today", "bovw": "1"}
    page = stages_page.page({"candidates": {"tables": [table], "conditions": about}})

    assert "| bovw | 2.00 |  | 1.0 |  |" in page
    # Half as fast; and of the figure of which more is better, twice as much.
    assert "| other | 4.00 | 2.00 | 2.0 | 0.50 |" in page
    assert "Left out, not installed: absent (`pip install no-such-package`)" in page
    assert "medians of 3 runs" in page
    assert "Not measured yet:" in page
