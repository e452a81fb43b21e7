"""Many queries: answers as they come, from several processes, the same as one by one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import cv2
import pytest

import bovw
from bovw.engine import spreading
from bovw.errors import ImageError, UnknownPictureError

from ..support import told


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "_ENOUGH", 1)


@pytest.mark.usefixtures("few_are_enough")
def test_processes_answer_as_one(saved: Path, pictures: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    queries = [*pictures[::6], bad, (pictures[1], (0, 0, 200, 200))]
    how = {"deny": [pictures[0].name], "explain": True, "also": "mirror"}
    one = bovw.Engine.open(saved).changed(geometry={"verify": 7})
    two = bovw.Engine.open(saved, n_jobs=2).changed(geometry={"verify": 7})
    expected, found = (each.search_many(queries, 4, **how) for each in (one, two))
    assert list(map(told, found)) == list(map(told, expected))
    assert found[-2].error is not None
    assert "bad.jpg" in found[-2].error
    with pytest.raises(ImageError):
        two.search_many(queries, on_error="raise")
    of = [picture.name for picture in pictures[::7]]
    stored = [one.search_stored(name, 3) for name in of]
    assert list(map(told, two.search_stored_each(of, 3))) == list(map(told, stored))
    full = [(r.identifiers, r.scores.tolist()) for r in one.rank_many(pictures[:3])]
    assert [(r.identifiers, r.scores.tolist()) for r in two.rank_many(pictures[:3])] == full


@pytest.mark.usefixtures("few_are_enough")
def test_an_index_that_changed_meanwhile_is_answered_from_as_it_was(
    saved: Path,
    engine: bovw.Engine,
    pictures: list[Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine.save(tmp_path / "i")
    opened = bovw.Engine.open(tmp_path / "i", n_jobs=2)
    expected = list(map(told, bovw.Engine.open(saved).search_many(pictures[::10], 5)))
    bovw.Engine.open(tmp_path / "i").remove([pictures[0].name])
    with caplog.at_level(logging.WARNING, "bovw"):
        assert list(map(told, opened.search_many(pictures[::10], 5))) == expected
    assert [r.message for r in caplog.records if "has changed" in r.message] == [
        caplog.records[0].message
    ]


def test_an_iterator_is_read_only_a_little_ahead(engine: bovw.Engine, pictures: list[Path]) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        for picture in cycle(pictures[:1]):
            taken += 1
            yield picture

    results = engine.search_each(endless(), 1, verify=0, expand="none")
    assert next(results)[0].identifier == next(results)[0].identifier == pictures[0].name
    assert taken < 1000


def test_an_unfinished_iterator_limits_no_threads(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    cv2.setNumThreads(2)
    results = engine.search_each(pictures[:3], 1, verify=0, expand="none")
    next(results)
    assert cv2.getNumThreads() == 2
    del results


def test_stored_pictures_default_to_all_in_order(engine: bovw.Engine) -> None:
    found = [r.query for r in engine.search_stored_each(k=1, verify=0, expand="none")]
    assert found == list(engine.identifiers)


def test_unknown_pictures_are_refused_before_the_work(engine: bovw.Engine) -> None:
    with pytest.raises(UnknownPictureError, match="'nobody'"):
        engine.search_stored_each([engine.identifiers[0], "nobody"])
