"""From evidence to an order and a decision: match, possible, or no.

What many answers of a query have in common (a typeface, a bar code, the layout of a brand's labels,
a table) counts less as evidence. The query is divided into small squares ("places"). For each
place, the answers are counted that have an inlier there; those with little evidence are left out.

* For the order of verified answers, an inlier in a place that `n` answers share counts
  ``1 / sqrt(n)``, as Jegou, Douze & Schmid (CVPR 2009) weigh bursts over images. So between labels
  that share a layout, the differences decide.
* For the decision, an inlier counts fully if at most eight answers share its place, and
  ``(8 / n) ** 2`` otherwise. Then the background is subtracted: the evidence of the twelfth best
  direct answer, but at most half of an answer's own. So ten right copies of one picture are all
  matches. Evidence above a fifth of the query's number of features always counts, because the
  background never gives so much. The fewer features a query has, the less of its evidence is
  chance. So the result is multiplied by ``(1500 / features) ** 0.1``, but never made smaller.

`scripts/benchmarks/decisions.py` measured these numbers; docs/quality.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..settings import GeometrySettings
from .geometry.verification import Verification, frame

Decision = Literal["match", "possible", "no"]
"""What is decided of an answer."""

_PLACE = 0.03  # side of a place, as a fraction of the side of the query (see `frame`)
_SHARING = 3.0  # answers with less evidence do not count as sharing a place
_FREE = 8  # so many answers share a place before its inliers count less
_BACKGROUND = 12  # rank of the answer whose evidence is the background
_WHOLE = 0.2  # evidence above this part of the features of the query always counts
_MANY, _FEWER = 1500, 0.1  # queries with fewer features count more, by this exponent
# Slope of the logistic regression of `probability`.
_STEEPNESS = 2.9
# Exponent of the similarity in the strength; docs/quality.md.
_LIKENESS = 0.5


@dataclass(frozen=True)
class Found:
    """A verification, and which features gave it.

    Attributes
    ----------
    verification : Verification
    picture : int
        Number of the query picture that was verified against the candidate.
    direct : bool
        Whether that picture's own features were used, without features added from other answers.
    guise : str
        In which guise the query was verified: "plain", or as in `bovw.features.in_guise`.
    """

    verification: Verification
    picture: int
    direct: bool
    guise: str = "plain"


@dataclass(frozen=True)
class Weighed:
    """Evidence of answers, weighed against each other.

    Attributes
    ----------
    evidence : (n,) float32 ndarray
        Inliers minus what chance explains.
    contrast : (n,) float32 ndarray
        Evidence in contrast to what many answers share; it decides if an answer is a match.
    strength : (n,) float32 ndarray
        What verified answers are sorted by, at least 0.
    direct : (n,) bool ndarray
        Whether the evidence comes from the query's own features.
    """

    evidence: NDArray[np.float32]
    contrast: NDArray[np.float32]
    strength: NDArray[np.float32]
    direct: NDArray[np.bool_]

    def scores(
        self, similarities: NDArray[np.float32], settings: GeometrySettings
    ) -> NDArray[np.float32]:
        """Scores of answers: matches, then other verified answers, then the rest by similarity.

        A match has 3, an answer that the query's own features verify has 2, and one that only an
        expanded query verifies has 1; ``strength / (strength + 20)`` is added to each.
        """
        matched = self.direct & (self.contrast >= settings.match_evidence)
        verified = matched | (self.evidence >= settings.min_evidence)
        more = 1 + self.direct + matched + self.strength / (self.strength + np.float32(20))
        return np.where(verified, more, similarities).astype(np.float32)


def weigh(
    found: Sequence[Found | None],
    similarities: NDArray[np.float32],
    sizes: Sequence[tuple[int, int]],
    n_features: int,
    settings: GeometrySettings,
) -> Weighed:
    """Weigh the evidence of the answers of one query against each other.

    Parameters
    ----------
    found : sequence of Found or None
        For each answer its verification; None when it was not verified.
    similarities : (n,) float32 ndarray
    sizes : sequence of (int, int)
        Width and height of each query picture.
    n_features : int
        Number of features of the query.
    settings : GeometrySettings
    """
    n = len(found)
    evidence = np.zeros(n, np.float32)
    weight, chance = np.zeros(n, np.float32), np.zeros(n, np.float32)
    direct = np.ones(n, bool)
    for i, one in enumerate(found):
        if one is not None:
            evidence[i] = one.verification.evidence(settings.chance_share)
            weight[i] = one.verification.weight
            chance[i] = settings.chance_share * one.verification.matches
            direct[i] = one.direct
    strength, contrast = evidence.copy(), evidence.copy()
    for i, sharing in _sharing(found, evidence, sizes).items():
        strength[i] = (1 / np.sqrt(sharing)).sum() - chance[i]
        contrast[i] = np.minimum(1.0, (_FREE / sharing) ** 2).sum() - chance[i]
    likeness = np.maximum(similarities, 0) ** np.float32(_LIKENESS)
    strength = np.maximum(strength, 0) * weight * likeness
    alone = np.sort(np.where(direct, evidence, 0))[::-1]
    background = alone[_BACKGROUND - 1] if n >= _BACKGROUND else np.float32(0)
    contrast = contrast - np.minimum(background, evidence / 2)
    contrast = np.maximum(contrast, evidence - _WHOLE * n_features)
    contrast *= max(1.0, (_MANY / max(n_features, 1)) ** _FEWER)
    return Weighed(
        evidence,
        np.maximum(contrast, 0).astype(np.float32),
        strength.astype(np.float32),
        direct,
    )


def _sharing(
    found: Sequence[Found | None],
    evidence: NDArray[np.float32],
    sizes: Sequence[tuple[int, int]],
) -> Mapping[int, NDArray[np.int64]]:
    """For each answer with some evidence: how many such answers share the place of each inlier."""
    counted = np.flatnonzero(evidence >= _SHARING).tolist()
    if not counted:
        return {}
    places = []
    for i in counted:
        one = found[i]
        assert one is not None  # it has evidence
        cells = np.floor(one.verification.query_points / (_PLACE * frame(sizes[one.picture])))
        # Features added from other answers may lie a little outside of the query.
        x, y = cells.clip(-1000, 1000).astype(np.int64).T + 1000
        places.append((one.picture * 4096 + x) * 4096 + y)
    lengths = [len(mine) for mine in places]
    answer = np.repeat(np.arange(len(counted)), lengths)
    _, place = np.unique(np.concatenate(places), return_inverse=True)
    once = np.unique(np.stack([place, answer]), axis=1)[0]  # an answer counts once in a place
    sharing = np.bincount(once)[place]
    return dict(zip(counted, np.split(sharing, np.cumsum(lengths)[:-1]), strict=True))


def decide(
    found: Found | None, evidence: float, contrast: float, settings: GeometrySettings
) -> tuple[Decision, str]:
    """Decide whether an answer shows what the query shows, and say why.

    Returns
    -------
    decision : {"match", "possible", "no"}
    reason : str
    """
    if found is None:
        return "no", "geometry was not tried: other pictures were more similar"
    inliers = found.verification.inliers
    matched = found.direct and contrast >= settings.match_evidence
    if evidence < settings.min_evidence and not matched:
        if not inliers:
            return "no", "no transform fits"
        return "no", (
            f"{inliers} inliers, of which chance explains some: evidence {evidence:.1f}, less "
            f"than {settings.min_evidence:g}"
        )
    if not found.direct:
        return "possible", f"{inliers} inliers, but only with features of other answers"
    if not matched:
        shared = ", and many answers share them" if contrast < evidence else ""
        return "possible", (
            f"{inliers} inliers{shared}: {contrast:.1f} in contrast to other answers, less than "
            f"{settings.match_evidence:g}"
        )
    return "match", (
        f"{inliers} inliers: {contrast:.1f} in contrast to other answers, at least "
        f"{settings.match_evidence:g}"
    )


def probability(contrast: float, settings: GeometrySettings) -> float:
    """Probability that an answer is right, if half of all queries have a right answer.

    A logistic regression on the logarithm of the contrast, fitted to 667 queries with an answer and
    600 without (`scripts/benchmarks/decisions.py`). At the threshold of a match it is one half.
    """
    return float(1 / (1 + ((1 + settings.match_evidence) / (1 + contrast)) ** _STEEPNESS))


def false_alarms(verification: Verification, size: tuple[int, int], tolerance: float) -> float:
    """Logarithm (base 10) of the number of false alarms of a verification: less is better.

    A-contrario theory (Moisan & Stival, "A probabilistic criterion to detect rigid point matches",
    IJCV 2004): if the positions in the candidate were random, how often would so many of the
    matches be expected to agree on one similarity transform? A value below 0 means less than once.
    The measure treats matches on one spot as independent, so it is less strict than evidence.

    Parameters
    ----------
    verification : Verification
    size : (int, int)
        Width and height of the candidate.
    tolerance : float
        See `GeometrySettings`.
    """
    from scipy.special import gammaln

    def choices(n: int, k: int) -> float:
        return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))

    n, k = verification.matches, verification.inliers
    if k <= 2:  # two matches always agree on a similarity
        return float(np.log10(max(n, 1)))
    share = min(1.0, np.pi * (tolerance * frame(size)) ** 2 / (size[0] * size[1]))
    log = np.log(n - 2) + choices(n, k) + choices(k, 2) + (k - 2) * np.log(share)
    return float(log / np.log(10))
