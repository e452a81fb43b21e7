"""Ranks the pictures of an index for a query in several guises: as it is, mirrored, negative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import IncompatibleError
from ..features import Features, Guise, checked_guises, in_guise
from ..search import Query, Ranking, Stopwatch, join_guises

if TYPE_CHECKING:
    from .index import Index


def rank_in_guises(
    index: Index,
    query: Query,
    features: Callable[[], Sequence[Features]],
    depth: int,
    allowed: NDArray[np.bool_] | None,
    watch: Stopwatch,
) -> Ranking:
    """Rank the pictures for a query, and for its other guises (``expansion.also``).

    Parameters
    ----------
    index : Index
    query : Query
        The query as it is.
    features : callable
        Gives the features of the query's pictures; called only when there are other guises.
    depth, allowed, watch
        See `cascade.rank`.

    Raises
    ------
    IncompatibleError
        When other guises are asked for, and the features are not those of our SIFT.
    """
    guises = checked_guises(index.settings.expansion.also)
    if guises and not index.is_ours:
        raise IncompatibleError(
            f"also={','.join(guises)!r}: only of SIFT it is known how the descriptors of a "
            "mirrored or negative picture look, and this index has other ones; leave it out"
        )
    plain, upright = index.ranked(query, depth, allowed, watch), index.settings.features.upright
    if not guises:
        return plain
    parts = features()
    others: dict[Guise, Ranking] = {}
    for guise in guises:
        turned = [in_guise(part, guise, upright=upright) for part in parts]
        other = index.query(turned, watch, query.combine)
        others[guise] = index.ranked(other, depth, allowed, watch)
    return join_guises(plain, others, query, index.settings.geometry)
