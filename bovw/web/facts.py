"""Facts about what is served, which a page or a program asks for first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from .. import __version__
from ..errors import printable
from ..settings import ExpansionMethod
from .service import MOST_ANSWERS, Service


def facts(service: Service) -> dict[str, Any]:
    """Give the name and size of the index, columns of the register, limits, and defaults."""
    folder = service.engine.folder
    settings, options = service.engine.settings, service.options
    return {
        "name": printable(Path(folder).resolve().name if folder is not None else "index"),
        "version": __version__,
        "n_pictures": len(service.engine),
        "columns": list(service.register.columns),
        "n_registered": len(service.register.rows),
        "verify": settings.geometry.verify,
        "expand": settings.expansion.method,
        "expansions": list(get_args(ExpansionMethod)),
        "also": settings.expansion.also,
        "most_answers": MOST_ANSWERS,
        "max_bytes": options.max_bytes,
        "max_pixels": options.max_pixels,
        "max_pictures": options.max_pictures,
    }
