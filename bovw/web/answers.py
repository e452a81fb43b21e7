"""Answers of the API: JSON that holds any name, and errors that say what was wrong."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from ..errors import BovwError, UnknownPictureError, printable
from .searches import ForgottenError


class Json(JSONResponse):
    """JSON in ASCII: names that are not UTF-8 have escapes, as in all JSON of this project."""

    def render(self, content: Any) -> bytes:
        """Encode a value."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def error(status: int, reason: str) -> Json:
    """An answer that says what was wrong, as all errors of the API do."""
    return Json({"error": printable(reason)}, status)


def error_of(raised: BovwError) -> Json:
    """An answer for an error: 404 and 410 for what is unknown, 422 for what cannot be used."""
    if isinstance(raised, ForgottenError):
        return Json({"error": printable(str(raised)), "forgotten": raised.names}, 410)
    return error(404 if isinstance(raised, UnknownPictureError) else 422, str(raised))
