"""A server from its start to its end: which indexes, changes of them, and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'bovw[web]'")
pytest.importorskip("httpx", reason="pip install httpx")

import httpx

import bovw
from bovw.errors import SettingsError
from bovw.search import SearchResult
from bovw.web import Register, ServeOptions
from bovw.web.exports import picked_page
from bovw.web.searches import Search
from bovw.web.service import Asked, Conditions, open_service
from bovw.web.workers import WorkerError, Workers

from ..support import REPOSITORY


class Corners(bovw.ExtractorTemplate):
    """An extractor of somebody's own: 60 places of a picture, and the grey values around them."""

    def detect_and_describe(self, pixels: Any) -> Any:
        y, x = np.mgrid[10 : pixels.shape[0] - 10 : 8j, 10 : pixels.shape[1] - 10 : 8j]
        points = np.stack([x.ravel(), y.ravel()], axis=1).round()
        around = [pixels[int(b) - 4 : int(b) + 4, int(a) - 4 : int(a) + 4] for a, b in points]
        return points, np.stack(around).reshape(len(points), -1).astype(np.float32)


def test_an_index_of_another_extractor_is_refused(folder: Path, tmp_path: Path) -> None:
    settings = bovw.Settings().changed(vocabulary={"n_words": 50})
    engine = bovw.Engine.build(folder, settings=settings, extractor=Corners())
    engine.save(tmp_path / "corners.bovw")
    with pytest.raises(SettingsError, match="'Corners', and bovw serve extracts those of SIFT"):
        open_service(tmp_path / "corners.bovw", Register(), ServeOptions())


def test_changes_of_the_index_are_seen(
    engine: bovw.Engine,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.save(tmp_path / "i.bovw")
    service = open_service(tmp_path / "i.bovw", Register(), ServeOptions())
    assert not service.refresh() and service.listed("", None, 0, 50)["total"] == 30
    other = bovw.Engine.open(tmp_path / "i.bovw")
    other.remove([other.identifiers[0]])
    assert service.refresh() and service.listed("", None, 0, 50)["total"] == 29
    (tmp_path / "i.bovw").rename(tmp_path / "aside")
    assert not service.refresh() and service.refresh_error
    assert not service.refresh()
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == [
        f"the index as it was still answers: {service.refresh_error}"
    ]
    assert service.listed("", None, 0, 50)["total"] == 29
    (tmp_path / "aside").rename(tmp_path / "i.bovw")
    assert not service.refresh() and service.refresh_error is None

    def too_large() -> bool:
        raise MemoryError

    monkeypatch.setattr(service.engine, "refresh", too_large)
    assert not service.refresh() and service.refresh_error == "not enough memory"
    service.close()


def test_what_is_remembered_is_measured_with_what_may_be_an_answer() -> None:
    result = SearchResult("q.jpg", ())
    one = Search(result, (), (), Conditions(), None)
    assert one.n_bytes < 100_000
    assert replace(one, allow=["a.jpg"] * 100_000).n_bytes > 800_000


def test_a_page_that_is_not_finished_is_advised_on() -> None:
    workers = Workers(1, 60)
    workers.close()  # all calls fail
    with pytest.raises(WorkerError, match=r"a page of 0 answers .* export fewer"):
        picked_page([], Register(), workers, "Shortlist")


def test_pictures_of_the_index_and_several(service: Any, pictures: list[Path]) -> None:
    asked = [
        Asked(pictures[0].name, region=(50, 50, 400, 400)),
        Asked("x.jpg", pictures[1].read_bytes()),
    ]
    _, found = service.search(asked, Conditions(5, combine="mean"))
    queries = [(pictures[0], (50, 50, 400, 400)), pictures[1]]
    expected = service.engine.search_together(queries, 5, combine="mean")
    assert [a["identifier"] for a in found["result"]["answers"]] == [a.identifier for a in expected]
    assert [a["score"] for a in found["result"]["answers"]] == [a.score for a in expected]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(served_folder: Path, pictures: list[Path], stop: int) -> None:
    command = [sys.executable, "-m", "bovw", "serve", str(served_folder), "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [*command, "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            with httpx.Client(base_url=told["url"], timeout=300, trust_env=False) as client:
                files = [("pictures", ("q.jpg", pictures[0].read_bytes()))]
                assert client.post("/api/search", files=files).status_code == 200
                server.send_signal(stop)
                _, errors = server.communicate(timeout=300)
        finally:
            server.kill()
    assert server.returncode == 0
    assert errors == "bovw: stopped\n"
