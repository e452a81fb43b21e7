"""The page of an evaluation or a comparison: scores, curves, and queries with their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from ..errors import SettingsError, printable
from ..evaluation import Comparison
from ..pictures import Path_, Source
from ..settings import checked_arguments
from .page_parts import Page, frame, json_of
from .tables import comparison_text
from .thumbnails import data_uri

_SIDE, _BYTES = 240, 6_500
_ANSWERS = 6  # first answers of each system to each query
_EXTREMES = 4  # largest wins, and largest losses
_STYLES = ("page.css", "sheet.css", "comparison.css")
_SCRIPTS = ("basics.js", "stage.js", "charts.js", "cards.js", "comparison.js")


@checked_arguments
def comparison_page(
    comparison: Comparison,
    *,
    sources: Mapping[str, Source] | None = None,
    title: str | None = None,
    n_pictures: int = 1500,
) -> str:
    """Show a comparison, or the evaluation of one system, as one HTML page.

    Parameters
    ----------
    comparison : Comparison
        From `bovw.compare` or `bovw.evaluation.compare_runs`, which takes where pictures lie
        (`root`, `paths`).
    sources : mapping of str to source, optional
        Pictures that are not where the comparison says, by name.
    title : str, optional
    n_pictures : int
        Largest number of pictures in the page, each of at most 9 kB. Queries with the largest
        differences come first, then queries and their first wrong answers.

    Returns
    -------
    str
        HTML, which needs no other file and no network. A picture that cannot be read is shown as a
        frame with the reason.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    return _Page(comparison, sources, title, n_pictures).text()


@checked_arguments
def save_comparison_page(
    comparison: Comparison,
    path: Path_,
    *,
    sources: Mapping[str, Source] | None = None,
    title: str | None = None,
    n_pictures: int = 1500,
) -> list[tuple[str, str]]:
    """Write the page to a file, without holding all of it in memory.

    Parameters
    ----------
    path : path
    comparison, sources, title, n_pictures
        See `comparison_page`.

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
    return _Page(comparison, sources, title, n_pictures).save(path)


class _Page(Page):
    def __init__(
        self,
        comparison: Comparison,
        sources: Mapping[str, Source] | None,
        title: str | None,
        n_pictures: int,
    ) -> None:
        self.comparison = comparison
        super().__init__(self._usual_title() if title is None else title, sources)
        if n_pictures < 0:
            raise SettingsError(f"n_pictures={n_pictures}: expected 0 or more")
        self.content = comparison.to_dict(n_answers=_ANSWERS)
        self.n_pictures = n_pictures
        self.pictures: dict[str, dict[str, Any]] = {}

    def _usual_title(self) -> str:
        names = [run.name for run in self.comparison.runs]
        what = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"{self.comparison.truth.name}: {what}"

    def pieces(self) -> Iterator[str]:
        yield from frame(
            "comparison.html.jinja",
            self.title,
            _STYLES,
            _SCRIPTS,
            text="\n".join(map(printable, comparison_text(self.comparison).split("\n"))),
            pictures=self._pictures(),
            data=self._data,
        )

    def _data(self) -> str:
        """Everything but the pictures. It is called when they were written, and are known."""
        queries = [
            {k: v for k, v in query.items() if k != "positive"} for query in self.content["queries"]
        ]
        left = len(self._wanted()) - self.n_pictures
        return json_of(
            {
                **self.content,
                "queries": queries,
                "pictures": self.pictures,
                "n_groups": len(set(self.comparison.truth.groups)),
                "n_not_in_page": max(0, left),
                "n_extremes": _EXTREMES,
            }
        )

    def _pictures(self) -> Iterator[dict[str, str]]:
        for name in list(self._wanted())[: self.n_pictures]:
            preview = self.preview(name, self.comparison.path_of(name), _SIDE * 2)
            if preview is None:
                reason = self.unshown[name]
                self.pictures[name] = {"picture": None, "size": None, "unshown": reason}
                continue
            number = f"picture-{len(self.pictures)}"
            self.pictures[name] = {"picture": number, "size": preview.size, "unshown": None}
            yield {"id": number, "uri": data_uri(preview.picture, _SIDE, _BYTES)[0]}

    def _wanted(self) -> dict[str, None]:
        """Names of pictures, the most wanted first."""
        queries = self.content["queries"]
        extreme = self._extremes()
        names = dict.fromkeys(
            name for query in queries if query["query"] in extreme for name in _shown(query)
        )
        names |= dict.fromkeys(
            name
            for query in queries
            for name in (
                query["image"],
                *(s["first_wrong"]["name"] for s in query["systems"].values() if s["first_wrong"]),
            )
        )
        return names | dict.fromkeys(name for query in queries for name in _shown(query))

    def _extremes(self) -> set[str]:
        """Queries in which systems differ most; of a single one, those that it answers worst."""
        runs, first = self.comparison.runs, self.comparison.metrics[0]
        if len(runs) == 1:
            scores = self.comparison.scores[runs[0].name]
            values = scores.of(first)
            worst = [i for i in np.argsort(values, kind="stable") if not np.isnan(values[i])]
            return {scores.queries[i] for i in worst[:_EXTREMES]}
        found: set[str] = set()
        for one, other in combinations(runs, 2):
            ranked = self.comparison.query_differences(one.name, other.name)
            found |= {d.query for d in (*ranked[:_EXTREMES], *ranked[-_EXTREMES:])}
        return found


def _shown(query: dict[str, Any]) -> list[str]:
    """Names of the pictures of a query: its own, and those of all answers that are shown."""
    names = [query["image"]]
    for system in query["systems"].values():
        names += [answer["name"] for answer in system["answers"]]
    return names
