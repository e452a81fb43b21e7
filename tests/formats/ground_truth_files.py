"""Small files of ground truths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bovw.evaluation import GroundTruth, GroundTruthQuery


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def as_json(path: Path, **content: Any) -> Path:
    return written(path, json.dumps({"images": ["a", "b", "c"], **content}))


def by_name(truth: GroundTruth) -> dict[str, GroundTruthQuery]:
    return {query.name: query for query in truth.queries}
