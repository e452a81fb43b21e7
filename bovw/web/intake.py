"""What is let in: how many requests at a time, and how many bytes for how long."""

from __future__ import annotations

import time
from collections.abc import Iterable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import error
from .metrics import Metrics


class Queue:
    """Counts requests that are running or waiting, and refuses more than a limit with status 429.

    Parameters
    ----------
    app : ASGI application
    paths : iterable of str
        Paths that are counted, with all below them.
    most : int
        How many may be let in at a time.
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, paths: Iterable[str], most: int, metrics: Metrics) -> None:
        self.app = app
        self.paths = tuple(paths)
        self.most = most
        self.metrics = metrics
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http" or not self._counts(scope["path"]):
            await self.app(scope, receive, send)
            return
        if self.inside >= self.most:
            self.metrics.refused.labels("queue").inc()
            await _drop(receive)
            response = error(429, f"{self.inside} requests are at work or wait: try again later")
            response.headers["retry-after"] = "2"
            await response(scope, receive, send)
            return
        self.inside += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.inside -= 1

    def _counts(self, path: str) -> bool:
        return any(path == one or path.startswith(f"{one}/") for one in self.paths)


async def _drop(receive: Receive, most: int | None = None) -> None:
    """Read and drop the rest: a client that is still sending would not see the answer."""
    dropped = 0
    while most is None or dropped < most:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        dropped += len(message.get("body", b""))


class Intake:
    """Limits the bytes of a request, and the time that they take to arrive.

    Parameters
    ----------
    app : ASGI application
    max_bytes : int
    seconds : float
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float, metrics: Metrics) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on while it keeps to the limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > self.max_bytes:
            await self._refuse(413, scope, receive, send)
            return
        got, end = 0, time.monotonic() + self.seconds
        wrong = 0
        whole = started = False

        async def limited() -> Message:
            nonlocal got, wrong, whole
            if whole:
                return await receive()
            try:
                with anyio.fail_after(end - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                wrong = 408
                return {"type": "http.disconnect"}
            if message["type"] == "http.request":
                got += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if got > self.max_bytes:
                    wrong = 413
                    return {"type": "http.disconnect"}
            return message

        async def answered(message: Message) -> None:
            nonlocal started
            if wrong and not started:
                return  # the reason is given below
            started = True
            await send(message)

        try:
            await self.app(scope, limited, answered)
        except Exception:
            if not wrong or started:
                raise
        if wrong and not started:
            await self._refuse(wrong, scope, receive, send)

    async def _refuse(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        self.metrics.refused.labels("size" if status == 413 else "time").inc()
        reason = (
            f"more than {self.max_bytes >> 20} MB: shrink the pictures, or send fewer"
            if status == 413
            else f"the request took longer than {self.seconds:g} seconds to arrive"
        )
        response = error(status, reason)
        response.headers["connection"] = "close"
        if status == 413:
            with anyio.move_on_after(self.seconds):
                await _drop(receive, 4 * self.max_bytes)
        await response(scope, receive, send)
