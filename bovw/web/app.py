"""The application: routes behind the guard, the queue and the limits of uploads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from .. import __version__
from ..errors import BovwError
from .answers import error, error_of
from .intake import Intake, Queue
from .metrics import Metrics
from .routes import Served, router
from .security import Guard
from .service import Service

_SECONDS = 2.0  # how often a change of the index is looked for
_PREVIEWS = 256  # pictures that may be asked for at a time


def make_app(service: Service) -> ASGIApp:
    """Make the ASGI application over a service; when it stops, it closes the service.

    Requests pass the guard (who asks), the intake (how much), and the queues (how many).
    """
    metrics = Metrics(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.served = Served(service, metrics)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, _warmed, service)
            tasks.start_soon(_refreshed, service)
            yield
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(service.close)

    app = FastAPI(
        title="bovw",
        version=__version__,
        description="Which of my pictures show what this picture shows?",
        docs_url=None,  # its page loads scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(router)
    app.add_exception_handler(BovwError, _known)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)
    options = service.options
    most = options.workers + options.waiting
    queue = Queue(app, ("/api/search", "/api/explain", "/api/export"), most, metrics)
    metrics.inside.set_function(lambda: queue.inside)
    queues = Queue(queue, ("/api/pictures",), _PREVIEWS, metrics)
    return Guard(Intake(queues, options.max_bytes, options.seconds, metrics), options)


def _warmed(service: Service) -> None:
    """Start the workers and load graphs, so that the first search need not wait for them."""
    service.workers.warm()
    service.engine.index.histograms.wait()


async def _refreshed(service: Service) -> None:
    while True:
        await anyio.sleep(_SECONDS)
        await anyio.to_thread.run_sync(service.refresh)


async def _known(request: Request, raised: Exception) -> Response:
    assert isinstance(raised, BovwError)
    return error_of(raised)


async def _malformed(request: Request, raised: Exception) -> Response:
    assert isinstance(raised, RequestValidationError)
    said = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in raised.errors()]
    return error(422, "; ".join(said))


async def _refused(request: Request, raised: Exception) -> Response:
    assert isinstance(raised, HTTPException)
    return error(raised.status_code, str(raised.detail))
