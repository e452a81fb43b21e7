"""An engine can be copied, sent to workers and asked by several threads, at any time."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from joblib import Parallel, delayed

import bovw
from bovw.errors import StorageError

from ..support import answers


def sent(engine: bovw.Engine) -> bovw.Engine:
    """What another process receives."""
    received: bovw.Engine = pickle.loads(pickle.dumps(engine))
    return received


@pytest.fixture(params=["inverted", "sparse-hnsw", "lsa-hnsw"])
def saved(request: pytest.FixtureRequest, engine: bovw.Engine, tmp_path: Path) -> bovw.Engine:
    """An index on disk, searched by one of nmslib's methods."""
    changed = engine.changed(candidates={"method": request.param, "n_candidates": 12})
    changed.save(tmp_path / "i")
    return bovw.Engine.open(tmp_path / "i")


@pytest.mark.parametrize("way", [sent, copy.deepcopy])
def test_copies_answer_the_same(
    saved: bovw.Engine, pictures: list[Path], way: Callable[[bovw.Engine], bovw.Engine]
) -> None:
    before = way(saved)
    expected = answers(saved, pictures[::10])
    after = way(saved)
    assert answers(before, pictures[::10]) == answers(after, pictures[::10]) == expected
    assert answers(way(after), pictures[::10]) == expected


def test_a_copy_can_be_changed(saved: bovw.Engine, pictures: list[Path]) -> None:
    saved.search(pictures[0])
    other = sent(saved)
    other.folder = None
    other.remove(other.search(pictures[0])[0].identifier)
    assert len(other) == len(saved) - 1


def test_what_was_loaded_from_files_that_changed_is_not_copied(
    engine: bovw.Engine, pictures: list[Path], tmp_path: Path
) -> None:
    changed = engine.changed(candidates={"method": "lsa-hnsw", "n_candidates": 12})
    changed.save(tmp_path / "i")
    opened = bovw.Engine.open(tmp_path / "i")
    opened.search(pictures[0])  # loads the graph
    changed.changed(geometry={"verify": 3}).save(tmp_path / "i", overwrite=True)
    with pytest.raises(StorageError, match="open the index again"):
        pickle.dumps(opened)


def test_workers_are_given_an_engine(engine: bovw.Engine, pictures: list[Path]) -> None:
    engine.search(pictures[0])
    found = Parallel(n_jobs=2)(delayed(answers)(engine, [p]) for p in pictures[:2])
    assert found == [answers(engine, [p]) for p in pictures[:2]]


def test_threads_ask_one_engine(saved: bovw.Engine, pictures: list[Path]) -> None:
    def ask(number: int) -> Any:
        return saved.search(pictures[number % 6], 1 + number % 20).to_dict()["answers"]

    expected = [ask(number) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(12))) == expected
