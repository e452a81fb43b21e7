"""Results of a search: the answers to a query, to many queries, and full rankings."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..display import drawn, html_or_none
from ..errors import BovwError, SettingsError, shown
from ..pictures import Box
from .answer import RESULT_VERSION, Answer
from .tabular import to_frame

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class QueryPicture:
    """A picture that was asked with.

    Attributes
    ----------
    name : str
        Its path, or a description when it is not a file.
    size : (int, int)
        Width and height.
    region : tuple of float or None
        Box ``x0, y0, x1, y1``, the part of it that was asked with; None for the whole picture.
    """

    name: str
    size: tuple[int, int]
    region: Box | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        region = None if self.region is None else list(self.region)
        return {"name": self.name, "size": list(self.size), "region": region}


@dataclass(frozen=True)
class SearchResult:
    """The answers to one query, best first. It behaves like a sequence of `Answer`.

    Attributes
    ----------
    query : str
        Path of the query, or a description of it when it is not a file.
    answers : tuple of Answer
    matched : bool or None
        Whether an answer is a match, so that the index contains what the query shows; None when
        nothing was verified, so that there is no evidence.
    evidence : float
        Largest evidence that the query's own features (`Answer.direct`) gave for a picture.
    contrast : float
        Largest evidence of these in contrast to what many answers share, which decides.
    n_features : int
        Number of features of the query.
    milliseconds : dict
        Time of each stage.
    error : str or None
        Why there are no answers, when the query could not be read.
    pictures : tuple of QueryPicture
        The picture that was asked with, or several that were asked with together.
    """

    query: str
    answers: tuple[Answer, ...]
    matched: bool | None = None
    evidence: float = 0.0
    contrast: float = 0.0
    n_features: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    pictures: tuple[QueryPicture, ...] = ()

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __getitem__(self, place: int) -> Answer:
        return self.answers[place]

    def __repr__(self) -> str:
        if self.error is not None:
            return f"SearchResult({self.query!r}, error {self.error!r})"
        match = {True: "a match", False: "no match", None: "not verified"}[self.matched]
        return f"SearchResult({self.query!r}, {len(self)} answers, {match})"

    def to_dict(self, *, points: bool = False) -> dict[str, Any]:
        """Return plain values, for JSON; docs/results.md describes them.

        Parameters
        ----------
        points : bool
            Whether each answer has its pairs of inliers.
        """
        return {
            "format": "bovw-result",
            "version": RESULT_VERSION,
            "query": self.query,
            "matched": self.matched,
            "evidence": self.evidence,
            "contrast": self.contrast,
            "n_features": self.n_features,
            "milliseconds": self.milliseconds,
            "error": self.error,
            "pictures": [picture.to_dict() for picture in self.pictures],
            "answers": [answer.to_dict(points=points) for answer in self.answers],
        }

    def to_frame(self) -> pandas.DataFrame:
        """Return a table of the answers; see `SearchResults.to_frame`."""
        return to_frame([self])

    def show(self, rank: int = 1, **options: Any) -> Axes:
        """Draw the query beside one of its answers, with what matched, by matplotlib.

        Parameters
        ----------
        rank : int
            1 for the first answer.
        **options
            See `bovw.report.draw_matches`: `ax`, `lines`, `query`, `sources`.
        """
        axes: Axes = drawn("draw_matches", self, rank, **options)
        return axes

    def _repr_html_(self) -> str | None:
        return html_or_none(self)


class SearchResults(list[SearchResult]):
    """The results of many queries, in their order: a list of `SearchResult`."""

    def to_frame(self) -> pandas.DataFrame:
        """Return a table with a row for each answer, for pandas.

        The columns are those of the CSV; docs/results.md describes them. A query without answers
        has one row without a rank, and a query that could not be read one with its `error`.

        Raises
        ------
        MissingPackageError
            When pandas is not installed.
        """
        return to_frame(self)

    def _repr_html_(self) -> str | None:
        return html_or_none(self)


@dataclass(frozen=True, eq=False)
class FullRanking:
    """All pictures of an index that share a word with a query, ranked, for evaluation.

    Attributes
    ----------
    query : str
    identifiers : tuple of str
        Identifiers of these pictures, best first.
    scores : (n,) float32 ndarray
        Scores, in decreasing order.
    milliseconds : dict
        Time of each stage. "features" is included only when the features were extracted one query
        at a time.
    """

    query: str
    identifiers: tuple[str, ...]
    scores: NDArray[np.float32]
    milliseconds: dict[str, float]


def checked_k(k: object) -> int | None:
    """Return how many answers are wanted, None for all; a SettingsError when it is no number."""
    if k is None:
        return None
    if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
        raise SettingsError(f"k={shown(k)}: expected a whole number from 1, or None for all")
    return int(k)


def checked_on_error(on_error: str) -> str:
    """Return what to do with queries that cannot be answered: "record" or "raise"."""
    if on_error not in ("record", "raise"):
        raise SettingsError(f"on_error={on_error!r}: expected 'record' or 'raise'")
    return on_error


def results_of(
    found: Generator[tuple[str, SearchResult | BovwError], None, None], on_error: str
) -> Iterator[SearchResult]:
    """Yield results. For a query that could not be answered `on_error` says what to do.

    With "record" its result has no answers and says why; with "raise" the error is raised.
    """
    with closing(found):  # also when an error is raised; see `bovw.features.or_raise`
        for name, result in found:
            if not isinstance(result, BovwError):
                yield result
            elif on_error == "raise":
                raise result
            else:
                yield SearchResult(name, (), error=str(result))
