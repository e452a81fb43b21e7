"""Sample pictures, settings and helpers that several tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.search import SearchResult

REPOSITORY = Path(__file__).parent.parent
SAMPLE = REPOSITORY / "data" / "sample"
DATA = Path(os.environ.get("BOVW_DATA", REPOSITORY / ".." / "shared" / "data"))
SMALL = bovw.Settings().changed(
    features={"max_features": 500, "region_factor": 1.5}, vocabulary={"n_words": 1500}
)
needs_sources = pytest.mark.skipif(
    not (REPOSITORY / "bovw").is_dir(),
    reason="the package does not lie beside its tests: what is tested was installed",
)
FEW = SMALL.changed(features={"max_features": 150})


def names(folder: Path) -> list[Path]:
    """What lies in a folder, in order."""
    return sorted(folder.iterdir())


def told(result: SearchResult) -> dict[str, Any]:
    """All that a result says, but for how long it took."""
    return {**result.to_dict(points=True), "milliseconds": None}


def answers(engine: bovw.Engine, queries: list[Path]) -> list[list[dict[str, Any]]]:
    """All that an engine answers, but for where the pictures lie."""
    found = [[a.to_dict() for a in engine.search(query, None)] for query in queries]
    return [[{k: v for k, v in a.items() if k != "path"} for a in f] for f in found]
