"""Runs the application on an address until it is interrupted."""

from __future__ import annotations

import contextlib
import signal
import socket

import uvicorn

from ..errors import SettingsError
from .app import make_app
from .service import Service

_GRACE = 5  # seconds that running requests have to end


def listening(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Raises
    ------
    SettingsError
        When the address is not one of this machine, or is in use.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(
            f"cannot listen on {host}, port {port}: {reason}; give another --port (0: any that is "
            "free) or --host"
        ) from error


def address(where: socket.socket, token: str | None = None) -> str:
    """The address to open in a browser, with the token if there is one."""
    host, port = where.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + ("" if token is None else f"?token={token}")


def run(service: Service, where: socket.socket) -> None:
    """Answer requests until Ctrl-C or SIGTERM; running requests are ended first.

    It is called by the main thread, which gets the signals.
    """
    config = uvicorn.Config(
        make_app(service),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE,
        limit_concurrency=1024,
    )
    # uvicorn stops at either signal, and then raises it again: it is to end in the same way.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[where])
    finally:
        signal.signal(signal.SIGTERM, before)
        service.close()
