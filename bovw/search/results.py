"""What a search gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BovwError, SettingsError
from ..features import Features
from ..pictures import Box


@dataclass(frozen=True, eq=False)
class Answer:
    """A picture of the index that answers a query.

    Attributes
    ----------
    rank : int
        0 for the best.
    identifier, path : str
    score : float
        What the ranking is sorted by; larger is better. Scores of one query can be compared.
    similarity : float
        Of the query (expanded, if it was) and the picture: by the match kernel as a share of the
        best, or else the cosine of their histograms.
    inliers : int or None
        Correspondences that agree on a transform; None when the answer was not verified.
    evidence : float or None
        Inliers above what chance gives; see `GeometrySettings`.
    verified : bool
        Whether the evidence reaches ``settings.geometry.min_evidence``.
    direct : bool
        False when only features that joined the query from other answers gave the evidence.
    transform : (3, 3) float64 ndarray or None
        From query pixels ``(x, y, 1)`` to pixels of the picture.
    region : tuple of float or None
        ``x0, y0, x1, y1`` in the picture: the box around the inliers.
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
    verified: bool = False
    direct: bool = True
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
            "verified": self.verified,
            "direct": self.direct,
            "transform": None if self.transform is None else self.transform.tolist(),
            "region": None if self.region is None else list(self.region),
        }


@dataclass(frozen=True)
class SearchResult:
    """The answers to one query, best first. It behaves like a sequence of them.

    Attributes
    ----------
    query : str
        The path of the query, or what it was.
    answers : tuple of Answer
    matched : bool or None
        Whether the evidence is enough to say that the index holds what the query shows; None
        when nothing was verified, so that there is no evidence.
    evidence : float
        The most of any answer.
    n_features : int
        Features of the query.
    milliseconds : dict
        Time of each stage.
    error : str or None
        Why there are no answers, when the query could not be read.
    """

    query: str
    answers: tuple[Answer, ...]
    matched: bool | None = None
    evidence: float = 0.0
    n_features: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    error: str | None = None

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __getitem__(self, rank: int) -> Answer:
        return self.answers[rank]

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
            "n_features": self.n_features,
            "milliseconds": self.milliseconds,
            "error": self.error,
            "answers": [answer.to_dict() for answer in self.answers],
        }


@dataclass(frozen=True, eq=False)
class FullRanking:
    """A whole index, ranked for one query: what an evaluation needs.

    Attributes
    ----------
    query : str
    identifiers : tuple of str
        All pictures that share a word with the query, best first.
    scores : (n,) float32 ndarray
        In decreasing order.
    milliseconds : dict
        Time of each stage; of "features" only when they were extracted one query at a time.
    """

    query: str
    identifiers: tuple[str, ...]
    scores: NDArray[np.float32]
    milliseconds: dict[str, float]


def answer_each(
    queries: Iterable[tuple[str, Features | BovwError]],
    answer: Callable[[str, Features], SearchResult],
    on_error: str,
) -> list[SearchResult]:
    """Answer queries; of one that cannot be read "record" the reason in its result, or "raise" it.

    Raises
    ------
    SettingsError
        When `on_error` is neither.
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
