"""Joins the rankings of one query in several guises: as it is, mirrored, and negative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..features import Guise
from ..settings import GeometrySettings
from .decision import Found, weigh
from .query import Query
from .ranking import Ranking


def join_guises(
    plain: Ranking,
    others: Mapping[Guise, Ranking],
    query: Query,
    settings: GeometrySettings,
) -> Ranking:
    """Join rankings of one query in several guises.

    Each answer is taken from the guise that gives it the most evidence; when that is equal, from
    the query as it is. Another guise counts only when its evidence is at least `min_evidence`. The
    points and transforms of such an answer are converted to the pixels of the query as it is, so
    the transform of a mirrored one holds a reflection. Then all answers are weighed together again.

    Parameters
    ----------
    plain : Ranking
        Ranking of the query as it is.
    others : mapping of guise to Ranking
    query : Query
    settings : GeometrySettings
    """
    found = dict(plain.found)
    evidence = dict(zip(plain.positions.tolist(), plain.evidence.tolist(), strict=True))
    similarity = dict(zip(plain.positions.tolist(), plain.similarities.tolist(), strict=True))
    widths = [picture.size[0] for picture in query.pictures]
    for guise, ranking in others.items():
        for position, mine, likeness in zip(
            ranking.positions.tolist(),
            ranking.evidence.tolist(),
            ranking.similarities.tolist(),
            strict=True,
        ):
            if mine >= settings.min_evidence and mine > evidence.get(position, 0.0):
                one = ranking.found[position]
                evidence[position], similarity[position] = mine, likeness
                found[position] = _as_it_is(one, guise, widths[one.picture])
    positions = np.array(sorted(similarity), np.int32)
    similarities = np.array([similarity[p] for p in positions.tolist()], np.float32)
    weighed = weigh(
        [found.get(p) for p in positions.tolist()],
        similarities,
        [picture.size for picture in query.pictures],
        sum(map(len, query.pictures)),
        settings,
    )
    scores = weighed.scores(similarities, settings)
    order = np.lexsort((positions, -scores))
    return Ranking(
        positions[order],
        scores[order],
        similarities[order],
        weighed.evidence[order],
        weighed.contrast[order],
        found,
    )


def _as_it_is(found: Found, guise: Guise, width: int) -> Found:
    """Convert a verification of the query in another guise to pixels of the query as it is."""
    if guise != "mirror":
        return replace(found, guise=guise)
    mirror: NDArray[np.float64] = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    points = found.verification.query_points.copy()
    points[:, 0] = width - 1 - points[:, 0]
    verification = replace(
        found.verification,
        query_points=points,
        transforms=tuple(transform @ mirror for transform in found.verification.transforms),
    )
    return replace(found, verification=verification, guise=guise)
