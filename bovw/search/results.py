"""Results of a search: answers, and full rankings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BovwError, SettingsError, shown
from ..features import Features
from ..pictures import Box
from .decision import Decision


@dataclass(frozen=True, eq=False)
class Answer:
    """One answer: a picture of the index, and why it was found.

    Attributes
    ----------
    rank : int
        1 for the best.
    identifier, path : str
    score : float
        The ranking is sorted by it; larger is better. Only scores of the same query can be
        compared.
    similarity : float
        Similarity of the query (or the expanded query) and the picture. With a match kernel it is
        the kernel's score as a share of the best one, else the cosine of the histograms.
    inliers : int or None
        Correspondences that agree on a transform; None when geometric verification was not tried.
    evidence : float or None
        Number of inliers minus what chance explains; see `GeometrySettings`.
    contrast : float or None
        Evidence in contrast to what many answers of this query share; see `bovw.search.decision`.
    decision : {"match", "possible", "no"} or None
        Whether the picture shows what the query shows; None when nothing was verified.
    reason : str
        Why, in words.
    probability : float or None
        Probability that the answer is right; see `bovw.search.decision`.
    false_alarms : float or None
        Logarithm (base 10) of the number of false alarms, an a-contrario measure; less is better.
    verified : bool
        Whether the evidence reaches ``settings.geometry.min_evidence``, or it is a match.
    direct : bool
        False when the evidence needed features that query expansion added from other answers.
    guise : {"plain", "mirror", "negative"}
        In which guise the query matches the picture.
    transform : (3, 3) float64 ndarray or None
        Maps query pixels ``(x, y, 1)`` to pixels of the picture; a reflection if it is mirrored.
    region : tuple of float or None
        Box ``x0, y0, x1, y1`` around the inliers in the picture.
    query_points, points : (inliers, 2) float32 ndarray
        Positions of the inliers in the query and in the picture.
    """

    rank: int
    identifier: str
    path: str
    score: float
    similarity: float
    inliers: int | None = None
    evidence: float | None = None
    contrast: float | None = None
    decision: Decision | None = None
    reason: str = ""
    probability: float | None = None
    false_alarms: float | None = None
    verified: bool = False
    direct: bool = True
    guise: str = "plain"
    transform: NDArray[np.float64] | None = field(default=None, repr=False)
    region: Box | None = None
    query_points: NDArray[np.float32] | None = field(default=None, repr=False)
    points: NDArray[np.float32] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        evidence = "not verified" if self.inliers is None else f"{self.inliers} inliers"
        return f"Answer({self.rank}, {self.identifier!r}, score {self.score:.4f}, {evidence})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "rank": self.rank,
            "identifier": self.identifier,
            "path": self.path,
            "score": self.score,
            "similarity": self.similarity,
            "inliers": self.inliers,
            "evidence": self.evidence,
            "contrast": self.contrast,
            "decision": self.decision,
            "reason": self.reason,
            "probability": self.probability,
            "false_alarms": self.false_alarms,
            "verified": self.verified,
            "direct": self.direct,
            "guise": self.guise,
            "transform": None if self.transform is None else self.transform.tolist(),
            "region": None if self.region is None else list(self.region),
        }


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
    """

    query: str
    answers: tuple[Answer, ...]
    matched: bool | None = None
    evidence: float = 0.0
    contrast: float = 0.0
    n_features: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    error: str | None = None

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

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "query": self.query,
            "matched": self.matched,
            "evidence": self.evidence,
            "contrast": self.contrast,
            "n_features": self.n_features,
            "milliseconds": self.milliseconds,
            "error": self.error,
            "answers": [answer.to_dict() for answer in self.answers],
        }


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


def answer_each(
    queries: Iterable[tuple[str, Features | BovwError]],
    answer: Callable[[str, Features], SearchResult],
    on_error: str,
) -> list[SearchResult]:
    """Answer queries. For a query that cannot be read `on_error` says what to do.

    With "record" its result has no answers and says why; with "raise" the error is raised.

    Raises
    ------
    SettingsError
        When `on_error` is neither "record" nor "raise".
    """
    if on_error not in ("record", "raise"):
        raise SettingsError(f"on_error={on_error!r}: expected 'record' or 'raise'")
    results = []
    for name, features in queries:
        if not isinstance(features, BovwError):
            results.append(answer(name, features))
        elif on_error == "raise":
            raise features
        else:
            results.append(SearchResult(name, (), error=str(features)))
    return results
