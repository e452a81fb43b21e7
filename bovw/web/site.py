"""The page itself: one HTML text, made once, with a policy that lets it reach only this server."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from .. import __version__
from ..errors import printable
from ..report import SCRIPTS, asset, policy_hash
from .service import MOST_ANSWERS, Service

_OWN = ("upload.js", "boxes.js", "shortlist.js", "collection.js", "serve.js")


class Site:
    """The page of a server, and the policy (Content-Security-Policy) that it is sent with."""

    def __init__(self, service: Service) -> None:
        folder = service.engine.folder
        self.name = printable(Path(folder).resolve().name if folder is not None else "index")
        css = asset("page.css") + _text("serve.css")
        script = "".join(map(asset, SCRIPTS)) + "".join(map(_text, _OWN))
        self.policy = (
            "default-src 'none'; img-src 'self' data: blob:; connect-src 'self'; "
            f"style-src 'sha256-{policy_hash(css)}'; script-src 'sha256-{policy_hash(script)}'; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        template = environment.from_string(_text("serve.html.jinja"))
        self.html = template.render(name=self.name, css=css, script=script)

    def facts(self, service: Service) -> dict[str, Any]:
        """Give what the page asks for when it opens."""
        settings, options = service.engine.settings, service.options
        return {
            "name": self.name,
            "version": __version__,
            "n_pictures": len(service.engine),
            "columns": list(service.register.columns),
            "n_registered": len(service.register.rows),
            "verify": settings.geometry.verify,
            "also": settings.expansion.also,
            "most_answers": MOST_ANSWERS,
            "max_bytes": options.max_bytes,
            "max_pixels": options.max_pixels,
            "max_pictures": options.max_pictures,
        }


def _text(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text("utf-8")
