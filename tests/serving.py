"""A server of thirty posters with a register, which tests of the API and of the page share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import bovw

CLASSES = ("5", "33", "5; 33", "", "9", "33")


@pytest.fixture(scope="session")
def register_file(pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register: each object has an owner, classes, and a date; one row is of no picture."""
    path = tmp_path_factory.mktemp("register") / "register.csv"
    lines = ["identifier,owner,class,date"]
    for picture in pictures:
        number = int(picture.name.split("_")[1])
        label = CLASSES[number % len(CLASSES)]
        lines.append(f'{picture.name},"Owner {number}, <b>Ltd</b>",{label},20{10 + number}-04-01')
    lines.append("gone.jpg,Nobody,1,1999")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def served_folder(engine: bovw.Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "posters.bovw"
    engine.save(folder)
    return folder


@pytest.fixture(scope="session")
def service(served_folder: Path, register_file: Path) -> Iterator[Any]:
    """The service that most tests share."""
    pytest.importorskip("fastapi", reason="pip install 'bovw[web]'")
    from bovw.web import ServeOptions, load_register
    from bovw.web.service import open_service

    options = ServeOptions(workers=2, max_bytes=4 << 20, max_pixels=4_000_000, seconds=30)
    service = open_service(served_folder, load_register(register_file), options)
    yield service
    service.close()


@contextmanager
def started(service: Any) -> Iterator[str]:
    """Run a server in a thread; give its address."""
    import uvicorn

    from bovw.web.app import make_app
    from bovw.web.server import address, listening

    where = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app(service), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [where]})
    thread.start()
    try:
        yield address(where)
    finally:
        server.should_exit = True
        thread.join()
        where.close()


@pytest.fixture(scope="session")
def address(service: Any) -> Iterator[str]:
    """Address of the server that most tests share."""
    with started(service) as found:
        yield found


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[Any]:
    """A program of this machine that asks the server."""
    httpx = pytest.importorskip("httpx", reason="pip install httpx")
    with httpx.Client(base_url=address, timeout=300, trust_env=False) as opened:
        yield opened
