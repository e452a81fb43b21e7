"""The sample pictures, and what the engine makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bovw
from bovw.evaluation import evaluate
from bovw.formats import load_ground_truth

from ..support import SAMPLE, SMALL


def test_the_ground_truth_fits_the_pictures() -> None:
    truth = load_ground_truth(SAMPLE / "gnd.json")
    assert {p.relative_to(SAMPLE).as_posix() for p in SAMPLE.rglob("*.jpg")} == truth.images
    assert len(truth.images) == len(truth.queries) == 120
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*")) < 12_000_000


def test_signatures_verification_and_expansion_help(features: Path) -> None:
    engine = bovw.Engine.build(SAMPLE, settings=SMALL, n_jobs=2, cache=features)
    truth = load_ground_truth(SAMPLE / "gnd.json")
    truth = type(truth)(truth.images, truth.queries[::6])
    paths = {record.identifier: record.path for record in engine.collection.records}

    def score(stage: bovw.Engine) -> float:
        def ranked(queries: Any) -> list[tuple[str, ...]]:
            return [r.identifiers for r in stage.rank_many(queries, cache=features)]

        return evaluate(ranked, paths, truth, SAMPLE).macro("ap")

    textbook = engine.changed(kernel={"method": "none"}, expansion={"method": "average"})
    verified = textbook.changed(expansion={"method": "none"})
    plain = score(verified.changed(geometry={"verify": 0}))
    assert plain > 0.4
    assert score(verified) > plain + 0.05
    assert score(textbook) > score(verified) - 0.02
    kernel = score(engine.changed(geometry={"verify": 0}, expansion={"method": "none"}))
    assert kernel > plain + 0.05
    assert score(engine) > kernel - 0.01
