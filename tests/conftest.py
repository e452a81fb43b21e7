"""What several tests share: sample pictures, and a small index of some of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import bovw

REPOSITORY = Path(__file__).parent.parent
SAMPLE = REPOSITORY / "data" / "sample"
DATA = Path(os.environ.get("BOVW_DATA", REPOSITORY / ".." / "shared" / "data"))
SMALL = bovw.Settings().changed(
    features={"max_features": 500, "region_factor": 1.5}, vocabulary={"n_words": 1500}
)


@pytest.fixture(scope="session")
def data() -> Path:
    """Real photographs with ground truth; tests that need them are skipped elsewhere."""
    if not (DATA / "oxford1k").is_dir():
        pytest.skip(f"no photographs in {DATA}: set BOVW_DATA")
    return DATA


@pytest.fixture(scope="session")
def pictures() -> list[Path]:
    """Thirty sample pictures: six objects, five photographs each."""
    return sorted((SAMPLE / "posters").glob("*.jpg"))


@pytest.fixture(scope="session")
def vocabulary() -> bovw.Vocabulary:
    """A vocabulary of other objects than `pictures`, with an approximate assignment."""
    return bovw.train_vocabulary(
        [SAMPLE / "covers", SAMPLE / "logos"], settings=SMALL, root=SAMPLE, n_jobs=2
    )


@pytest.fixture(scope="session")
def engine(pictures: list[Path], vocabulary: bovw.Vocabulary) -> bovw.Engine:
    """An index of `pictures`."""
    return bovw.Engine.build(SAMPLE / "posters", vocabulary=vocabulary, n_jobs=2)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)
