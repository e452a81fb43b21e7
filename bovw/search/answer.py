"""One answer to a query: a picture of the index, and why it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pictures import Box
from .decision import Decision

RESULT_VERSION = 1
"""Version of the JSON of results and explanations; docs/results.md says what it holds."""


@dataclass(frozen=True)
class SharedWord:
    """A visual word that occurs both in the query and in the answer.

    Attributes
    ----------
    word : int
    contribution : float
        Share of the similarity that comes from this word. It is computed with the original query,
        before query expansion.
    idf : float
        Inverse document frequency: how rare the word is.
    """

    word: int
    contribution: float
    idf: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"word": self.word, "contribution": self.contribution, "idf": self.idf}


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
    size : (int, int) or None
        Width and height of the picture.
    initial_rank : int or None
        Rank by similarity alone, before verification: 1 for the best.
    query_picture : int
        Which picture of the query was verified: 0 for the first or only one. See
        `SearchResult.pictures`.
    query_quadrilateral, quadrilateral : (4, 2) float64 ndarray or None
        What matched: corners ``x, y`` of the box around the inliers in the query (top left, top
        right, bottom right, bottom left), and the same corners moved to the picture by the
        transform. See `bovw.search.geometry.regions`.
    words : (inliers,) int32 ndarray
        Visual word of each inlier.
    scales : (inliers,) float32 ndarray
        Scale of each inlier in the query; a descriptor describes a square of 12 times the scale
        times ``settings.features.region_factor``.
    shared_words : tuple of SharedWord or None
        The words that the query and the picture share, the largest contribution first; None
        unless the search was asked to explain.
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
    size: tuple[int, int] | None = None
    initial_rank: int | None = None
    query_picture: int = 0
    query_quadrilateral: NDArray[np.float64] | None = field(default=None, repr=False)
    quadrilateral: NDArray[np.float64] | None = field(default=None, repr=False)
    words: NDArray[np.int32] | None = field(default=None, repr=False)
    scales: NDArray[np.float32] | None = field(default=None, repr=False)
    shared_words: tuple[SharedWord, ...] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        evidence = "not verified" if self.inliers is None else f"{self.inliers} inliers"
        return f"Answer({self.rank}, {self.identifier!r}, score {self.score:.4f}, {evidence})"

    def to_dict(self, *, points: bool = False) -> dict[str, Any]:
        """Return plain values, for JSON; docs/results.md describes them.

        Parameters
        ----------
        points : bool
            Whether to add the pairs of inliers, and the shared words if they are known.
        """
        values = {
            "rank": self.rank,
            "initial_rank": self.initial_rank,
            "identifier": self.identifier,
            "path": self.path,
            "size": None if self.size is None else list(self.size),
            "decision": self.decision,
            "reason": self.reason,
            "score": self.score,
            "similarity": self.similarity,
            "inliers": self.inliers,
            "evidence": self.evidence,
            "contrast": self.contrast,
            "probability": self.probability,
            "false_alarms": self.false_alarms,
            "verified": self.verified,
            "direct": self.direct,
            "guise": self.guise,
            "query_picture": self.query_picture,
            "transform": None if self.transform is None else self.transform.tolist(),
            "region": None if self.region is None else list(self.region),
            "query_quadrilateral": _rounded(self.query_quadrilateral),
            "quadrilateral": _rounded(self.quadrilateral),
        }
        if not points:
            return values
        known = self.shared_words
        return {
            **values,
            "pairs": self._pairs(),
            "words": None if known is None else [word.to_dict() for word in known],
        }

    def _pairs(self) -> list[list[float]]:
        if self.query_points is None or self.points is None or self.words is None:
            return []
        positions = np.column_stack([self.query_points, self.points])
        return [
            [*place, word]
            for place, word in zip(_rounded(positions) or [], self.words.tolist(), strict=True)
        ]


def _rounded(positions: NDArray[np.floating] | None) -> list[list[float]] | None:
    """Positions to a hundredth of a pixel, which is finer than they are known."""
    return None if positions is None else np.round(positions.astype(np.float64), 2).tolist()
