"""Who is answered: hosts, origins and tokens; and what browsers are told about every answer.

A page of another site may send requests to a loopback address, and a name of its own may be made to
point there (DNS rebinding). So a request must name a host that is ours, and one that a browser
sends for another site is refused (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/).
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import error
from .options import ServeOptions, is_loopback

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_SAFE = ("GET", "HEAD")


class Guard:
    """Refuses requests that come from elsewhere, before anything of them is read.

    Parameters
    ----------
    app : ASGI application
    options : ServeOptions
    """

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self.app = app
        self.options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", _POLICY)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            await self.app(scope, receive, with_headers)
        else:
            await refused(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return error(
                421, "the Host header names another host: open the address that bovw serve printed"
            )
        home = scope["path"] == "/" and scope["method"] in _SAFE
        if not _is_own(headers, hosts[0], opens=home):
            return error(403, "requests for pages of other sites are refused")
        if self.options.token is None:
            return None
        return self._without_token(scope, headers, _cookie(hosts[0]), home)

    def _is_ours(self, host: str) -> bool:
        name = _name(host)
        if name is None:
            return False
        ours = (self.options.host, *self.options.names)
        if is_loopback(name) or name in map(str.lower, ours):
            return True
        # Where others may connect, any address will do: rebinding needs a name, and has no token.
        return not is_loopback(self.options.host) and _is_address(name)

    def _without_token(
        self, scope: Scope, headers: Headers, cookie: str, home: bool
    ) -> Response | None:
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")
        if home and given is not None and self._is_token(given):
            # The token leaves the address, which is kept in histories, for a cookie.
            opened = RedirectResponse("/", 303)
            opened.set_cookie(cookie, given, httponly=True, samesite="strict", path="/")
            return opened
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(value.strip()):
            return None
        # Not the parser of Python, which passes over ours behind a malformed one of another port.
        if self._is_token(cookie_parser(headers.get("cookie", "")).get(cookie, "")):
            return None
        response = error(
            401,
            "a token is needed: open the address with ?token=... once, or send the header "
            "'Authorization: Bearer ...'",
        )
        response.headers["www-authenticate"] = "Bearer"
        return response

    def _is_token(self, text: str) -> bool:
        token = (self.options.token or "").encode()
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), token)


def _name(host: str) -> str | None:
    """Give the name in a Host header, without its port; None when it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or parts.path or parts.query:
        return None
    return parts.hostname and parts.hostname.lower()


def _cookie(host: str) -> str:
    """Name the cookie of a server: browsers give those of all ports of a host to each of them."""
    port = urlsplit(f"//{host}").port
    return "bovw" if port is None else f"bovw-{port}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_own(headers: Headers, host: str, *, opens: bool) -> bool:
    """Whether a browser sent a request for our page, or it was no browser."""
    try:
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return False
    except ValueError:  # it is malformed
        return False
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return True
    # A link on another page may open ours.
    return (
        opens
        and headers.get("sec-fetch-mode") == "navigate"
        and (headers.get("sec-fetch-dest", "document") == "document")
    )
