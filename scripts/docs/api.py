"""The reference of the Python API: a page for what `import bovw` gives, and one for each door.

Only the lists of names are made here; mkdocstrings writes the pages from the docstrings.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import bovw

# What users need comes first; doors and names that are not listed here follow, in order of name.
_FIRST = (
    "report", "exchange", "evaluation", "formats", "comparison", "embeddings",
    "settings", "features", "vocabulary", "search", "pictures", "errors",
)  # fmt: skip
_MAIN = ("Engine", "update_index", "SearchResult", "Answer", "Explanation", "Settings", "PRESETS")
_NO_API = ("__main__", "cli")


def _doors() -> list[str]:
    there = [m.name for m in pkgutil.iter_modules(bovw.__path__) if m.name not in _NO_API]
    first = [name for name in _FIRST if name in there]
    return first + sorted(name for name in there if name not in first)


PAGES = ["bovw", *_doors()]
"""The pages, in order: the package itself, and its doors."""


def page(name: str) -> str:
    """The source of a page, for mkdocstrings."""
    module = bovw if name == "bovw" else import_module(f"bovw.{name}")
    title = "bovw" if name == "bovw" else f"bovw.{name}"
    lines = [f"# {title}", "", (module.__doc__ or "").strip(), ""]
    elsewhere = [n for n in _names(module) if home(module, n) and _page_of(module, n) != name]
    if elsewhere:
        links = ", ".join(f"[`{n}`][{home(module, n)}]" for n in elsewhere)
        lines += [f"Described with the package itself: {links}.", ""]
    for public in _names(module):
        place = home(module, public)
        if place is None or public in elsewhere:
            continue
        lines += [f"::: {place}", "    options:", f"      heading: {public}", ""]
        lines += [f"      toc_label: {public}", ""]
    return "\n".join(lines)


def anchor_of(path: str) -> str | None:
    """The anchor in the reference of a name such as ``bovw.Engine.search``, or None.

    Members of a class lead to the class.
    """
    parts = path.split(".")[1:]
    module: ModuleType = bovw
    while parts and parts[0] in (PAGES if module is bovw else ()):
        module = import_module(f"bovw.{parts.pop(0)}")
    if parts and parts[0] in _names(module):
        return home(module, parts[0])
    return None


def home(module: ModuleType, name: str) -> str | None:
    """Where a public name is defined: what mkdocstrings calls it; None if it has no docstring."""
    value = getattr(module, name)
    place = getattr(value, "__module__", None)
    if isinstance(value, type) or callable(value):
        return f"{place}.{name}" if str(place).startswith("bovw") else None
    return _constant(module, name)


def _constant(module: ModuleType, name: str) -> str | None:
    """A constant does not know its module: it is where a docstring follows it."""
    from griffe import AliasResolutionError

    if module is bovw:
        module = import_module(f"bovw.{bovw._HOMES.get(name, 'errors')}")
    member = _package()[module.__name__.removeprefix("bovw.")].members.get(name)
    try:
        target = getattr(member, "final_target", member)
    except AliasResolutionError:  # assigned together with others
        return None
    return None if target is None or not target.docstring else str(target.canonical_path)


@cache
def _package() -> Any:
    import griffe

    return griffe.load("bovw", search_paths=[Path(bovw.__path__[0]).parent])


def _names(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [n for n, v in vars(module).items() if _is_own(module, n, v)]
    public = [name for name in listed if not name.startswith("_")]
    return sorted(public, key=lambda name: _MAIN.index(name) if name in _MAIN else len(_MAIN))


def _is_own(module: ModuleType, name: str, value: object) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _page_of(module: ModuleType, name: str) -> str:
    if name in bovw.__all__ and getattr(bovw, name) is getattr(module, name):
        return "bovw"
    return module.__name__.removeprefix("bovw.")
