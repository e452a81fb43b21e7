"""Hosts, sites, tokens and the queue: what comes to nothing before anything is searched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'bovw[web]'")
pytest.importorskip("httpx", reason="pip install httpx")

import httpx
from prometheus_client import Counter
from starlette.responses import PlainTextResponse

from bovw.cli import main
from bovw.web import ServeOptions
from bovw.web.intake import Queue
from bovw.web.security import Guard

TOKEN = "0123456789abcdefTOKEN"


def apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: where a browser is open, this one has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def ask(app: Any, path: str = "/api/info", **headers: str) -> Any:
    """Ask an application as a program or a browser does."""

    async def asked() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as one:
            return await one.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return apart(asked())


def guarded(**options: Any) -> Guard:
    return Guard(PlainTextResponse("good"), ServeOptions(**options))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example",
     "192.168.0.7", "evil.example:8000", "127.0.0.1/x", "", "[::1"],
)  # fmt: skip
def test_a_name_that_points_here_is_not_ours(host: str) -> None:
    assert ask(guarded(), host=host).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_loopback_is_ours(host: str) -> None:
    answer = ask(guarded(), host=host)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_sites_are_refused() -> None:
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://[malformed"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
        {"sec_fetch_site": "same-site"},
    ):
        assert ask(guarded(), **headers).status_code == 403, headers
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(guarded(), "/", sec_fetch_dest="document", **link).status_code == 200
    assert ask(guarded(), "/", sec_fetch_dest="iframe", **link).status_code == 403
    assert ask(guarded(), "/api/info", sec_fetch_dest="document", **link).status_code == 403


def test_a_token_is_asked_for() -> None:
    app = guarded(host="0.0.0.0", token=TOKEN, names=("pictures.example",))
    refused = ask(app, host="192.168.0.7:8000")
    assert refused.status_code == 401 and "token" in refused.json()["error"]
    assert ask(app, authorization=f"Bearer {TOKEN}x").status_code == 401
    assert ask(app, authorization=f"Bearer {TOKEN}").status_code == 200
    assert ask(app, f"/api/info?token={TOKEN}").status_code == 401  # only the page's address has it
    opened = ask(app, f"/?token={TOKEN}", host="pictures.example")
    assert opened.status_code == 303 and opened.headers["location"] == "/"
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    own = cookie.partition(";")[0]
    assert ask(app, host="pictures.example", cookie=own).status_code == 200
    assert ask(app, host="pictures.example", cookie="bovw=other").status_code == 401
    # Browsers send the cookies of all ports of a host.
    two = [ask(app, f"/?token={TOKEN}", host=f"127.0.0.1:{port}") for port in (8000, 8001)]
    both = "; ".join(each.headers["set-cookie"].partition(";")[0] for each in two)
    assert len(set(both.split("; "))) == 2
    for given in (both, f'theme={{"of": ["another", 1]}}; {both}'):
        assert ask(app, cookie=given).status_code == 200, given
    assert ask(app, host="evil.example", authorization=f"Bearer {TOKEN}").status_code == 421


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "give a token"),
        (["--token", "short"], "at least 16"),
        (["--host", "256.0.0.1", "--token", TOKEN], "cannot listen"),
    ],
)
def test_a_server_that_others_reach_has_a_token(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "nowhere.bovw", *options]) == 1
    assert said in capsys.readouterr().err


def test_more_than_can_wait_are_refused() -> None:
    metrics = SimpleNamespace(refused=Counter("refused", "", ["reason"], registry=None))

    sent = []

    async def uploaded() -> AsyncIterator[bytes]:
        for i in range(3):
            sent.append(i)
            yield b"part"

    async def run() -> list[int]:
        gate = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await gate.wait()
            await PlainTextResponse("good")(scope, receive, send)

        queue: Any = Queue(slow, ("/api/search",), 2, metrics)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(queue)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as one:
            two = [asyncio.create_task(one.get("/api/search")) for _ in range(2)]
            while queue.inside < 2:
                await asyncio.sleep(0)
            third = await one.post("/api/search", content=uploaded())
            gate.set()
            codes = [third.status_code, *[(await task).status_code for task in two]]
            return [*codes, (await one.get("/api/search")).status_code]

    assert apart(run()) == [429, 200, 200, 200]
    assert sent == [0, 1, 2]  # all was taken: who is still sending does not see an answer
