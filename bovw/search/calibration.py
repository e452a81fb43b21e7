"""Choose the evidence from which a query counts as matched, by queries without an answer.

The evidence of an answer is its number of inliers minus what chance explains; see
`GeometrySettings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import SettingsError


@dataclass(frozen=True)
class Calibration:
    """A threshold on the evidence, and how often queries without an answer pass it.

    Attributes
    ----------
    match_evidence : float
        The threshold: the smallest whole number whose false-accept rate is small enough.
    false_accept_rate : float
        Measured share of the queries that pass the threshold.
    n_queries : int
    evidence : tuple of float
        Evidence of each query, in increasing order.
    """

    match_evidence: float
    false_accept_rate: float
    n_queries: int
    evidence: tuple[float, ...] = field(repr=False)


def calibrate(evidence: Sequence[float], false_accept_rate: float, least: int) -> Calibration:
    """Choose the smallest whole-number threshold that few enough queries pass.

    Parameters
    ----------
    evidence : sequence of float
        For each query that has no right answer in the index: the largest evidence of its answers.
    false_accept_rate : float
        Largest share of these queries that may pass, from 0 to below 1.
    least : int
        Smallest threshold that is considered.
    """
    if not len(evidence) or not 0 <= false_accept_rate < 1:
        raise SettingsError(
            f"{len(evidence)} queries, false_accept_rate={false_accept_rate}: "
            "expected at least one, and a rate from 0 to below 1"
        )
    values = np.sort(np.asarray(evidence, float))
    threshold = next(
        t
        for t in range(least, max(int(values[-1]), least) + 2)
        if np.mean(values >= t) <= false_accept_rate
    )
    return Calibration(
        match_evidence=float(threshold),
        false_accept_rate=float(np.mean(values >= threshold)),
        n_queries=len(values),
        evidence=tuple(values.tolist()),
    )
