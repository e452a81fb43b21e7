"""Results in a notebook: HTML without scripts, with small pictures and what matched in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, imported, printable
from ..pictures import read_preview
from ..search import Answer, Explanation, SearchResult
from .thumbnails import data_uri

if TYPE_CHECKING:
    import jinja2

_SIDE, _BYTES = 200, 8_000
_ANSWERS, _RESULTS = 12, 10  # how many are shown; the rest is counted
_WORDS = {"match": "match", "possible": "possible", "no": "no match", None: "not verified"}
_SIGNS = {"match": "\u25cf", "possible": "\u25d0", "no": "\u25cb", None: "\u2013"}


def notebook_html(value: SearchResult | Explanation | Iterable[SearchResult]) -> str:
    """Show a result, several results, or an explanation as HTML for a notebook.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    template = _template()
    if isinstance(value, Explanation):
        shown = [_explained(value)]
        more = 0
    else:
        results = [value] if isinstance(value, SearchResult) else list(value)
        shown = [_result(result) for result in results[:_RESULTS]]
        more = len(results) - len(shown)
    return template.render(results=shown, more=more)


def _result(result: SearchResult) -> dict[str, Any]:
    answers = result.answers[:_ANSWERS]
    best = answers[0].decision if answers else None
    verdict = f"could not be read: {result.error}" if result.error is not None else _WORDS[best]
    if result.error is None and not answers:
        verdict = "no answers"
    return {
        "name": printable(result.query),
        "verdict": printable(verdict),
        "queries": [_picture(p.name, _box(p.region)) for p in result.pictures[:4]],
        "answers": [_answer(answer) for answer in answers],
        "more": len(result) - len(answers),
        "lines": [],
    }


def _explained(explanation: Explanation) -> dict[str, Any]:
    answer = explanation.answer
    return {
        "name": printable(explanation.query),
        "verdict": _WORDS[answer.decision],
        "queries": [_picture(explanation.query, _corners(answer.query_quadrilateral, answer))],
        "answers": [_answer(answer)],
        "more": 0,
        "lines": [printable(line) for line in str(explanation).split("\n")],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    points = "" if not answer.inliers else f", {answer.inliers} points agree"
    return {
        **_picture(answer.path, _corners(answer.quadrilateral, answer)),
        "name": printable(answer.identifier),
        "rank": answer.rank,
        "sign": _SIGNS[answer.decision],
        "words": _WORDS[answer.decision] + points,
    }


def _corners(quad: NDArray[np.float64] | None, answer: Answer) -> list[list[float]]:
    found: list[list[float]] = [] if quad is None or not answer.verified else quad.tolist()
    return found


def _box(region: Sequence[float] | None) -> list[list[float]]:
    if region is None:
        return []
    x0, y0, x1, y1 = (value - 0.5 for value in region)
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def _picture(path: str, outline: list[list[float]]) -> dict[str, Any]:
    """A small picture with an outline in its pixels; without a picture, the reason."""
    try:
        preview = read_preview(path, _SIDE)
    except ImageError as error:
        return {"uri": None, "name": printable(path), "unshown": printable(error.found)}
    uri, (width, height) = data_uri(preview.picture, _SIDE, _BYTES)
    across, down = width / preview.size[0], height / preview.size[1]
    places = [((x + 0.5) * across, (y + 0.5) * down) for x, y in outline]
    return {
        "uri": uri,
        "name": printable(path),
        "width": width,
        "height": height,
        "corners": " ".join(f"{x:.1f},{y:.1f}" for x, y in places),
    }


def _template() -> jinja2.Template:
    jinja = imported("jinja2", "report", "HTML of results")
    environment: jinja2.Environment = jinja.Environment(
        autoescape=True, undefined=jinja.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = (resources.files(__package__) / "web" / "notebook.html.jinja").read_text("utf-8")
    return environment.from_string(text)
