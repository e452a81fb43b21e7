"""How much evidence makes a match, from queries that have no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import SettingsError


@dataclass(frozen=True)
class Calibration:
    """How often queries without an answer pass a threshold on the evidence.

    Attributes
    ----------
    match_evidence : float
        The smallest threshold (in whole steps) whose false-accept rate is small enough.
    false_accept_rate : float
        Measured share of the queries that pass it.
    n_queries : int
    evidence : tuple of float
        Of each query, in increasing order.
    """

    match_evidence: float
    false_accept_rate: float
    n_queries: int
    evidence: tuple[float, ...] = field(repr=False)


def calibrate(evidence: Sequence[float], false_accept_rate: float, least: int) -> Calibration:
    """Choose the smallest whole threshold that few enough queries pass.

    Parameters
    ----------
    evidence : sequence of float
        Of the best answer to each query that has no answer.
    false_accept_rate : float
        Largest share of them that may pass, from 0 to below 1.
    least : int
        Thresholds below are not considered.
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
