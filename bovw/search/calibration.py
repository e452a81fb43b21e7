"""Choose the threshold of a match with queries that have no right answer.

In this module, "evidence" is evidence in contrast to what many answers share, because that is
compared with the threshold; see `bovw.search.decision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import SettingsError

# Thresholds are multiples of this: a finer choice would follow the pictures at hand.
_STEP = 0.5


@dataclass(frozen=True)
class Calibration:
    """A threshold of a match, and how many queries without a right answer pass it.

    Attributes
    ----------
    match_evidence : float
        The threshold: the smallest multiple of one half whose false-accept rate is small enough.
    false_accept_rate : float
        Measured share of the queries that pass the threshold, though they have no right answer.
    wanted_rate : float
        Largest share that was allowed.
    n_queries : int
    example : str
        Name of the first of these queries.
    n_pictures : int
        How many pictures the index held.
    evidence : tuple of float
        Evidence of each query, in increasing order; empty when the calibration was read from an
        index.
    """

    match_evidence: float
    false_accept_rate: float
    wanted_rate: float
    n_queries: int
    example: str
    n_pictures: int
    evidence: tuple[float, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        passed = round(self.false_accept_rate * self.n_queries)
        return (
            f"match from {self.match_evidence:g} on: {passed} of {self.n_queries} queries without "
            f"an answer ({self.example}, ...) pass it in an index of {self.n_pictures} pictures"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, without the evidence of each query, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "evidence"}


def calibrate(
    evidence: Sequence[float],
    false_accept_rate: float,
    least: float,
    *,
    example: str = "",
    n_pictures: int = 0,
) -> Calibration:
    """Choose the smallest threshold that few enough queries pass.

    Parameters
    ----------
    evidence : sequence of float
        For each query that has no right answer in the index: the largest evidence of its answers.
    false_accept_rate : float
        Largest share of these queries that may pass, from 0 to below 1.
    least : float
        Smallest threshold that is considered.
    example, n_pictures
        See `Calibration`.

    Raises
    ------
    SettingsError
        When there is no query, or the rate is not from 0 to below 1.
    """
    if not len(evidence) or not 0 <= false_accept_rate < 1:
        raise SettingsError(
            f"{len(evidence)} queries, false_accept_rate={false_accept_rate}: "
            "expected at least one, and a rate from 0 to below 1"
        )
    values = np.sort(np.asarray(evidence, float))
    n_steps = int(np.ceil(max(values[-1] - least, 0) / _STEP)) + 2
    threshold = next(
        t for t in least + _STEP * np.arange(n_steps) if np.mean(values >= t) <= false_accept_rate
    )
    return Calibration(
        match_evidence=float(threshold),
        false_accept_rate=float(np.mean(values >= threshold)),
        wanted_rate=float(false_accept_rate),
        n_queries=len(values),
        example=example,
        n_pictures=n_pictures,
        evidence=tuple(values.tolist()),
    )
