"""Results in a notebook: HTML without scripts, with small pictures and what matched in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import printable
from ..evaluation import Comparison
from ..search import Answer, Explanation, SearchResult
from ..settings import checked_arguments
from ..vocabulary import Vocabulary
from .page_parts import WORDS, as_results, parsed
from .tables import DIFFERENCES, difference_rows, heading, mean_rows
from .thumbnails import data_uri, preview_or_reason

_SIDE, _BYTES = 200, 8_000
_ANSWERS, _RESULTS = 12, 10  # how many are shown; the rest is counted
_SIGNS = {"match": "\u25cf", "possible": "\u25d0", "no": "\u25cb", None: "\u2013"}

Shown = SearchResult | Explanation | Comparison | Vocabulary | Iterable[SearchResult]


@checked_arguments
def notebook_html(value: Shown) -> str:
    """Show a result, several results, an explanation, a comparison or a vocabulary as HTML.

    Parameters
    ----------
    value : SearchResult, Explanation, Comparison, Vocabulary, or iterable of SearchResult
        A vocabulary must be trained.

    Returns
    -------
    str
        A part of a page, for a notebook: it has no scripts, and takes the colours around it.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    if isinstance(value, Comparison | Vocabulary):
        table = _compared(value) if isinstance(value, Comparison) else _trained(value)
        return parsed("notebook_table.html.jinja").render(**table)
    if isinstance(value, Explanation):
        shown = [_explained(value)]
        more = 0
    else:
        results = as_results(value)
        shown = [_result(result) for result in results[:_RESULTS]]
        more = len(results) - len(shown)
    return parsed("notebook.html.jinja").render(results=shown, more=more)


def _compared(comparison: Comparison) -> dict[str, Any]:
    differences = difference_rows(comparison, False)
    return {
        "title": printable(heading(comparison)),
        "tables": [
            {"names": rows[0], "rows": [[printable(cell) for cell in row] for row in rows[1:]]}
            for rows in (mean_rows(comparison, False), differences)
            if rows
        ],
        "lines": [*map(printable, comparison.notes), *([DIFFERENCES] if differences else [])],
    }


def _trained(vocabulary: Vocabulary) -> dict[str, Any]:
    """Say in words what is known of a vocabulary."""
    made_with, facts = vocabulary.made_with_ or {}, vocabulary.facts()
    kind = "bytes" if vocabulary.scale_ is None else "floats, quantised to bytes"
    rows = []
    if "n_pictures" in made_with:
        rows.append(["trained on", f"{made_with['n_pictures']} pictures"])
    if made_with.get("failed"):
        rows.append(["could not be read", f"{len(made_with['failed'])} pictures"])
    rows.append(["descriptors", f"{vocabulary.n_features_in_} {kind}"])
    if "quantization_error" in facts:
        error = facts["quantization_error"]
        rows.append(["quantising changes them by", f"{error:.1%} of their standard deviation"])
    if "agreement" in facts:
        rows.append(["the nearest word is found for", f"{facts['agreement']:.1%} of a sample"])
    if "statistics" in facts:
        counted = facts["statistics"]
        sample = f"a sample of {counted['n_descriptors']} descriptors"
        rows.append(["words without descriptors", f"{counted['empty']}, in {sample}"])
        rows.append(["imbalance (1: all are as frequent)", f"{counted['imbalance']:.2f}"])
    return {
        "title": f"{vocabulary.n_words_} visual words",
        "tables": [{"names": None, "rows": rows}],
        "lines": [],
    }


def _result(result: SearchResult) -> dict[str, Any]:
    answers = result.answers[:_ANSWERS]
    best = answers[0].decision if answers else None
    verdict = f"could not be read: {result.error}" if result.error is not None else WORDS[best]
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
        "verdict": WORDS[answer.decision],
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
        "words": WORDS[answer.decision] + points,
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
    preview = preview_or_reason(path, _SIDE)
    if isinstance(preview, str):
        return {"uri": None, "name": printable(path), "unshown": printable(preview)}
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
