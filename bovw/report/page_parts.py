"""What all pages are made of: one HTML file with its style, scripts and data, and a strict policy.

Data stand in a page as JSON, which the scripts in `web/` draw. No text of the data becomes HTML:
templates escape it, and scripts set it as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError, imported, printable, shown
from ..files import replaced
from ..pictures import Path_, Preview, Source
from ..search import SearchResult
from .thumbnails import preview_or_reason

if TYPE_CHECKING:
    import jinja2


WORDS = {"match": "match", "possible": "possible", "no": "no match", None: "not verified"}
"""Decisions in words."""


def check_page() -> None:
    """Raise a MissingPackageError when no page can be made, since Jinja2 is not installed."""
    imported("jinja2", "report", "a page")


OFFLINE = "img-src data:"
"""What the policy of a page lets it load besides its own style and script: pictures within it."""


class Page(ABC):
    """A page whose pictures are read while it is written.

    Parameters
    ----------
    title : str
    sources : mapping of str to source, optional
        Pictures that are not where their paths say, by name.

    Attributes
    ----------
    unshown : dict of str to str
        Names of the pictures that the page cannot show, each with the reason. It fills while the
        page is written.
    """

    def __init__(self, title: str, sources: Mapping[str, Source] | None = None) -> None:
        check_page()
        self.title = printable(title)
        self.unshown: dict[str, str] = {}
        self._sources = sources or {}

    @abstractmethod
    def pieces(self) -> Iterator[str]:
        """Give the HTML, piece by piece; pictures are read as their piece is made."""

    def text(self) -> str:
        """Give all of the HTML."""
        return "".join(self.pieces())

    def save(self, path: Path_) -> list[tuple[str, str]]:
        """Write the page to a file, without holding all of it in memory; return `unshown`.

        Raises
        ------
        StorageError
            When the file cannot be written.
        """
        with replaced(path) as file:
            for piece in self.pieces():
                file.write(piece.encode())
        return sorted(self.unshown.items())

    def preview(self, name: str, path: str, side: int) -> Preview | None:
        """Read a picture to look at; without one the reason is in `unshown`."""
        found = preview_or_reason(self._sources.get(name, path), side)
        if isinstance(found, str):
            self.unshown[name] = found
            return None
        return found


def as_results(results: SearchResult | Iterable[SearchResult]) -> list[SearchResult]:
    """Give one result, or several, as a list.

    Raises
    ------
    SettingsError
        When something else is among them.
    """
    listed = [results] if isinstance(results, SearchResult) else list(results)
    wrong = [one for one in listed if not isinstance(one, SearchResult)]
    if wrong:
        raise SettingsError(f"results holds {shown(wrong[0])}: expected results of a search")
    return listed


def frame(
    template: str,
    title: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    *,
    loads: str = OFFLINE,
    **content: Any,
) -> Iterator[str]:
    """Give the HTML of a page, piece by piece.

    Parameters
    ----------
    template : str
        Name of a template in `web/`.
    title : str
    styles, scripts : sequence of str
        Names of files in `web/`, which are joined. The page's policy knows them by their hashes.
    loads : str
        Directives of the policy that say what else the page may load.
    **content
        What the template shows.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    css, script = ("".join(map(_text, names)) for names in (styles, scripts))
    yield from parsed(template).generate(
        title=title,
        css=css,
        script=script,
        policy=_policy(css, script, loads),
        **content,
    )


def policy(styles: Sequence[str], scripts: Sequence[str], loads: str) -> str:
    """Give the policy (Content-Security-Policy) of a page; see `frame`."""
    css, script = ("".join(map(_text, names)) for names in (styles, scripts))
    return _policy(css, script, loads)


def json_of(content: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def _text(name: str) -> str:
    return (resources.files(__package__) / "web" / name).read_text("utf-8")


def _policy(css: str, script: str, loads: str) -> str:
    return (
        f"default-src 'none'; {loads}; style-src 'sha256-{_hash(css)}'; "
        f"script-src 'sha256-{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Hash by which the page's policy knows its own script and style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def parsed(name: str) -> jinja2.Template:
    """Read a template in `web/`, which escapes all text.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    imported("jinja2", "report", "a page")
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    return environment
