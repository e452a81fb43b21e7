"""Lets results, comparisons and vocabularies be drawn in notebooks.

The package that draws, `bovw.report`, stands above those that use this module. It is looked up by
its name when somebody asks for a drawing; nothing that uses this module depends on it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import MissingPackageError

_DRAWS = "bovw.report"


def drawn(function: str, *args: Any, **options: Any) -> Any:
    """Call a function of the package that draws."""
    return getattr(import_module(_DRAWS), function)(*args, **options)


def html_or_none(value: Any) -> str | None:
    """Give HTML for a notebook; None without the extra for it: the notebook shows the text then."""
    try:
        text: str = drawn("notebook_html", value)
    except MissingPackageError:
        return None
    return text
