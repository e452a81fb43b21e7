"""What a page knows of a result besides its JSON: pictures, labels, why, and patches of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ..pictures import Preview
from ..search import Answer, Explanation, SearchResult, reason
from .thumbnails import PATCH, data_uri, patches, words_with_patches

Labels: TypeAlias = Mapping[str, Mapping[str, str]]

_PATCHES, _PATCH_BYTES = 6, 3_600
_PAIRS = 160


class Pictures(Protocol):
    """Where the pictures of a page come from."""

    def of_query(self, name: str) -> Preview | None:
        """Give a picture of the query; None when it cannot be read."""

    def of_answer(self, answer: Answer) -> Preview | None:
        """Give the picture of an answer; None when it cannot be read."""

    def shown(self, name: str, path: str, *, is_query: bool) -> dict[str, Any]:
        """Say where the page has a picture, or why it has none."""


def result_block(
    result: SearchResult,
    explained: Sequence[Explanation],
    pictures: Pictures,
    labels: Labels,
) -> dict[str, Any]:
    """Give what a page shows of a result, for JSON.

    Parameters
    ----------
    result : SearchResult
    explained : sequence of Explanation
        Of pictures that are shown under "Why not these?".
    pictures : Pictures
    labels : mapping of str to mapping
        Text by column for the identifiers of answers.

    Returns
    -------
    dict
        ``result``: its JSON, with at most 160 pairs an answer; ``queries``, ``answers``: in their
        order, what is known besides; ``why_not``.
    """
    content = result.to_dict(points=True)
    answers = list(result)
    following = [*answers[1:], None][: len(answers)]
    return {
        "result": {**content, "answers": [_thinned(a) for a in content["answers"]]},
        "queries": [
            pictures.shown(picture.name, picture.name, is_query=True) for picture in result.pictures
        ],
        "answers": [
            {
                **_extra(result, answer, pictures, labels),
                "above": None if after is None else reason(answer, after),
            }
            for answer, after in zip(answers, following, strict=True)
        ],
        "why_not": [explanation_block(one, result, pictures, labels) for one in explained],
    }


def explanation_block(
    one: Explanation, result: SearchResult, pictures: Pictures, labels: Labels
) -> dict[str, Any]:
    """Give what a page shows of an explanation of one picture, for JSON; see `result_block`."""
    return {
        **one.to_dict(),
        "answer": _thinned(one.answer.to_dict(points=True)),
        "words": [],
        **_extra(result, one.answer, pictures, labels),
        "above": one.reason,
    }


def _extra(
    result: SearchResult, answer: Answer, pictures: Pictures, labels: Labels
) -> dict[str, Any]:
    found = words_with_patches(answer, _PATCHES)
    sheet = None
    if found and answer.query_picture < len(result.pictures):
        sheet = patches(
            answer,
            [number for _, number in found],
            pictures.of_query(result.pictures[answer.query_picture].name),
            pictures.of_answer(answer),
        )
    known = answer.shared_words
    return {
        **pictures.shown(answer.identifier, answer.path, is_query=False),
        "labels": dict(labels.get(answer.identifier, {})),
        "n_words": None if known is None else len(known),
        "patches": None
        if sheet is None
        else {
            "side": PATCH,
            "sheet": data_uri(sheet, max(sheet.size), _PATCH_BYTES)[0],
            "words": [word.to_dict() for word, _ in found],
            "points": [_position(answer, number) for _, number in found],
        },
    }


def _position(answer: Answer, number: int) -> list[float]:
    assert answer.query_points is not None and answer.points is not None
    both = [*answer.query_points[number].tolist(), *answer.points[number].tolist()]
    return [round(value, 2) for value in both]


def _thinned(answer: dict[str, Any]) -> dict[str, Any]:
    """The JSON of an answer with at most `_PAIRS` pairs, evenly chosen, and without its words."""
    pairs = answer["pairs"]
    if len(pairs) > _PAIRS:
        pairs = [pairs[i * len(pairs) // _PAIRS] for i in range(_PAIRS)]
    short = [[*(round(value, 1) for value in pair[:4]), pair[4]] for pair in pairs]
    return {**answer, "pairs": short, "words": None}
