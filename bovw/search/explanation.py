"""Explain why a picture is an answer to a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..display import drawn, html_or_none
from ..settings import KernelSettings
from .answer import RESULT_VERSION, Answer, SharedWord
from .kernels.aggregated import aggregated_contributions
from .kernels.hamming import contributions, find_matches
from .query import Query
from .ranking import Base

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a picture is an answer to a query, and why it has its rank.

    Attributes
    ----------
    query : str
    answer : Answer
        The answer, with its inliers (``query_points`` and ``points``), transform and region.
    words : tuple of SharedWord
        The largest contribution first; contributions sum to 1.
    following : Answer or None
        The next answer in the ranking; None for the last.
    reason : str
        Why the answer ranks above the next one.
    """

    query: str
    answer: Answer
    words: tuple[SharedWord, ...]
    following: Answer | None
    reason: str

    def __str__(self) -> str:
        answer, words = self.answer, self.words
        lines = [f"{answer.identifier}: rank {answer.rank}, score {answer.score:.4f}"]
        lines.append("  " + _geometry(answer))
        half = int(np.searchsorted(np.cumsum([w.contribution for w in words]), 0.5)) + 1
        share = f"half of the similarity from {half} of them" if words else "none"
        lines.append(f"  shared words: {len(words)}, {share}")
        lines.append("  " + self.reason)
        return "\n".join(lines)

    def show(self, **options: Any) -> Axes:
        """Draw the query beside the picture; see `bovw.report.draw_matches`."""
        axes: Axes = drawn("draw_matches", self, **options)
        return axes

    def _repr_html_(self) -> str | None:
        return html_or_none(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; docs/results.md describes them."""
        return {
            "format": "bovw-explanation",
            "version": RESULT_VERSION,
            "query": self.query,
            "answer": self.answer.to_dict(points=True),
            "words": [word.to_dict() for word in self.words],
            "following": None if self.following is None else self.following.to_dict(),
            "reason": self.reason,
        }


def _geometry(answer: Answer) -> str:
    if answer.inliers is None:
        return "not verified: it was not among the first candidates"
    if answer.region is None:
        return "no transform fits"
    x0, y0, x1, y1 = answer.region
    how = "" if answer.direct else ", by features added from other answers"
    return (
        f"{answer.inliers} inliers in ({x0:.0f}, {y0:.0f}) to ({x1:.0f}, {y1:.0f}), "
        f"evidence {answer.evidence or 0:.1f}{how}"
    )


def reason(answer: Answer, following: Answer | None) -> str:
    """Say why an answer ranks above the next one."""
    if following is None:
        return "it is the last answer"
    name = following.identifier
    if answer.verified != following.verified:
        return f"above {name}, which is not verified ({_geometry(following)})"
    if answer.verified and answer.direct != following.direct:
        return f"above {name}, which only features of other answers verify ({_geometry(following)})"
    if not answer.verified:
        likeness = f"similarity {answer.similarity:.3f} against {following.similarity:.3f}"
        return f"above {name} by {likeness}; neither is verified"
    if answer.decision != following.decision:
        return f"above {name}, which is no match but {following.decision}: {following.reason}"
    return (
        f"above {name} by its evidence, where it differs from other answers "
        f"({_geometry(answer)} against {_geometry(following)})"
    )


def shared_words(
    query: Query, position: int, base: Base, settings: KernelSettings
) -> tuple[SharedWord, ...]:
    """Find the words that a query shares with a picture, and how much each contributes.

    Parameters
    ----------
    query : Query
        The original query, not the expanded one.
    position : int
        Position of the picture in the collection.
    base : Base
    settings : KernelSettings
    """
    n_words = len(base.idf)
    total: NDArray[np.floating] = np.zeros(n_words)
    if settings.method == "none":
        row = base.histograms.source.rows(np.array([position]))
        product = query.histogram.multiply(row).tocsr()
        total[product.indices] = product.data
    else:
        at = np.array([position])
        for picture in query.pictures:
            if settings.method in ("asmk", "both"):
                words, _, weight = aggregated_contributions(
                    picture, at, base.aggregated, base.idf, settings
                )
                total += _shares(words, weight, n_words)
            if settings.method in ("hamming", "both"):
                found = find_matches(picture, at, base.collection, base.idf, settings)
                weight = contributions(found, picture, base.collection.sizes[at], settings)
                own = base.collection.words[base.collection.part(position)]
                total += _shares(own[found.feature], weight, n_words)
    order = np.argsort(-total, kind="stable")[: np.count_nonzero(total > 0)]
    share = total / (total.sum() or 1)
    return tuple(SharedWord(int(w), float(share[w]), float(base.idf[w])) for w in order)


def _shares(
    words: NDArray[np.integer], weight: NDArray[np.floating], n_words: int
) -> NDArray[np.floating]:
    """Sum weights by word, scaled so that all sums together are 1."""
    total = np.bincount(words, weight, minlength=n_words)
    return total / (total.sum() or 1)
