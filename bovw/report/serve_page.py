"""The page that asks a server: its shell, whose scripts in `web/` search and draw the answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ..errors import printable
from .page_parts import check_page, frame, json_of, policy

_STYLES = ("page.css", "serve.css")
_SCRIPTS = (
    "basics.js", "stage.js", "view.js", "gallery.js", "asked.js", "shortlist.js", "collection.js",
    "serve.js",
)  # fmt: skip
# Pictures of the server, patches (data), and what people are about to send (blob).
_LOADS = "img-src 'self' data: blob:; connect-src 'self'"


def search_page(facts: Mapping[str, Any]) -> str:
    """Give the page for searching an index that a server of this project has.

    Parameters
    ----------
    facts : mapping
        What ``/api/info`` gives: ``name`` and ``n_pictures`` of the index, ``columns`` of the
        register, defaults and limits of a search.

    Returns
    -------
    str
        HTML.
    """
    check_page()
    n = facts["n_pictures"]
    pieces = frame(
        "serve.html.jinja",
        printable(f"bovw: {facts['name']}"),
        _STYLES,
        _SCRIPTS,
        loads=_LOADS,
        size=f"{n:,} {'picture' if n == 1 else 'pictures'}",
        facts=json_of(facts),
    )
    return "".join(pieces)


@cache
def search_policy() -> str:
    """Give the policy (Content-Security-Policy) that the page is sent with."""
    return policy(_STYLES, _SCRIPTS, _LOADS) + "; frame-ancestors 'none'"
