"""The page of results: one HTML file with pictures, which opens offline in any browser.

What is shown stands in the page as JSON (`SearchResult.to_dict`); the scripts in `web/` draw it. No
text of a result becomes HTML: the template escapes it, and the scripts set it as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..errors import SettingsError
from ..pictures import Path_, Preview, Source
from ..search import Answer, Explanation, SearchResult
from ..settings import checked_arguments
from .blocks import Labels, result_block
from .page_parts import Page, as_results, frame, json_of
from .thumbnails import data_uri

# An answer takes less than 30 kB: a third more than these bytes as base64, and its JSON.
_ANSWER_SIDE, _ANSWER_BYTES = 420, 10_500
_QUERY_SIDE, _QUERY_BYTES = 640, 30_000
_PREVIEW = 900  # side of the square that patches are cut out of
_KEPT = 32  # previews kept in memory
_STYLES = ("page.css",)
_SCRIPTS = ("basics.js", "stage.js", "view.js", "gallery.js", "offline.js")

Explanations = Sequence[Explanation] | Sequence[Sequence[Explanation]]


@checked_arguments
def page(
    results: SearchResult | Iterable[SearchResult],
    *,
    explanations: Explanations = (),
    sources: Mapping[str, Source] | None = None,
    labels: Labels | None = None,
    title: str | None = None,
) -> str:
    """Show results as one HTML page, which needs no other file and no network.

    Parameters
    ----------
    results : SearchResult or iterable of SearchResult
        From ``search(..., explain=True)`` the page also shows the words that count most.
    explanations : sequence of Explanation, or of such a sequence for each result
        From `Engine.explain`: why a picture that one names is no better answer.
    sources : mapping of str to source, optional
        Pictures that are not where the results say: by the identifier of an answer, or by the name
        of a query, such as that of an array. See `read_image`.
    labels : mapping of str to mapping, optional
        What is known of the pictures of answers, by identifier: names of columns and their text.
        It is shown with each answer, and the filter by text looks into it.
    title : str, optional

    Returns
    -------
    str
        HTML. A picture that cannot be read is shown as a frame with the reason.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    return _Page(results, explanations, sources, labels, title).text()


@checked_arguments
def save_page(
    results: SearchResult | Iterable[SearchResult],
    path: Path_,
    *,
    explanations: Explanations = (),
    sources: Mapping[str, Source] | None = None,
    labels: Labels | None = None,
    title: str | None = None,
) -> list[tuple[str, str]]:
    """Write the page to a file, without holding all of it in memory.

    Parameters
    ----------
    path : path
    results, explanations, sources, labels, title
        See `page`.

    Returns
    -------
    list of (str, str)
        Names of the pictures that the page cannot show, each with the reason.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    StorageError
        When the file cannot be written.
    """
    return _Page(results, explanations, sources, labels, title).save(path)


class _Pictures:
    """The pictures of a page: each is written once, however many queries it answers."""

    def __init__(self, page: Page) -> None:
        self._unshown = page.unshown
        self._numbers: dict[tuple[str, str, bool], str] = {}
        self._new: list[dict[str, str]] = []
        self._preview = lru_cache(_KEPT)(page.preview)

    def of_query(self, name: str) -> Preview | None:
        return self._preview(name, name, _PREVIEW)

    def of_answer(self, answer: Answer) -> Preview | None:
        return self._preview(answer.identifier, answer.path, _PREVIEW)

    def shown(self, name: str, path: str, *, is_query: bool) -> dict[str, Any]:
        """Give the element of a picture in the page, or why there is none."""
        key = name, path, is_query
        if key not in self._numbers:
            preview = self._preview(name, path, _PREVIEW)
            if preview is None:
                return {"picture": None, "unshown": self._unshown[name]}
            number = f"picture-{len(self._numbers)}"
            limits = (_QUERY_SIDE, _QUERY_BYTES) if is_query else (_ANSWER_SIDE, _ANSWER_BYTES)
            uri, _ = data_uri(preview.picture, *limits)
            self._numbers[key] = number
            self._new.append({"id": number, "uri": uri})
        return {"picture": self._numbers[key], "unshown": None}

    def take_new(self) -> list[dict[str, str]]:
        """Pictures that were not yet written."""
        new, self._new = self._new, []
        return new


class _Page(Page):
    def __init__(
        self,
        results: SearchResult | Iterable[SearchResult],
        explanations: Explanations,
        sources: Mapping[str, Source] | None,
        labels: Labels | None,
        title: str | None,
    ) -> None:
        self.results = as_results(results)
        super().__init__(_title(self.results) if title is None else title, sources)
        self.labels = labels or {}
        self.explanations = _for_each(explanations, len(self.results))
        self.pictures = _Pictures(self)

    def pieces(self) -> Iterator[str]:
        yield from frame(
            "page.html.jinja",
            self.title,
            _STYLES,
            _SCRIPTS,
            results=self.results,
            explanations=self.explanations,
            index=json_of([_summary(result) for result in self.results]),
            blocks=self._blocks(),
        )

    def _blocks(self) -> Iterator[dict[str, Any]]:
        for result, explained in zip(self.results, self.explanations, strict=True):
            block = result_block(result, explained, self.pictures, self.labels)
            yield {"json": json_of(block), "pictures": self.pictures.take_new()}


def _for_each(explanations: Explanations, n_results: int) -> list[list[Explanation]]:
    given: list[Any] = list(explanations)
    if not given:
        return [[] for _ in range(n_results)]
    if n_results == 1 and all(isinstance(one, Explanation) for one in given):
        return [given]
    if len(given) != n_results or any(isinstance(each, Explanation) for each in given):
        raise SettingsError(
            f"{len(given)} explanations for {n_results} results: expected a list for each result"
        )
    return [list(each) for each in given]


def _title(results: Sequence[SearchResult]) -> str:
    if len(results) == 1:
        return f"Answers to {results[0].query}"
    return f"Answers to {len(results)} queries"


def _summary(result: SearchResult) -> dict[str, Any]:
    return {
        "query": result.query,
        "matched": result.matched,
        "best": result[0].decision if result.answers else None,
        "answers": len(result),
        "error": result.error is not None,
    }
