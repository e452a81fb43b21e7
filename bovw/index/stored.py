"""A picture of an index as a query, by what the index holds of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..features import Features
from ..search import Query, Ranking, Stopwatch, picture_as_query
from ..vocabulary import center_weights
from .guises import rank_in_guises
from .index import Index


def stored_query(index: Index, position: int) -> Query:
    """Make a query of the stored words, signatures and keypoints of a picture."""
    picture = picture_as_query(index.collection, position)
    kernel = index.settings.kernel
    sigma = 0.0 if kernel.method == "none" else kernel.center_sigma
    weights = center_weights(picture.keypoints[:, :2], picture.size, sigma)
    histogram = index.histograms.source.rows(np.array([position]))
    return Query(histogram, (replace(picture, weights=weights),))


def stored_features(index: Index, position: int) -> Features:
    """Features of a picture, with descriptors estimated from their words and signatures."""
    collection = index.collection
    part = collection.part(position)
    return Features(
        keypoints=collection.keypoints(position),
        descriptors=index.vocabulary.embedding_.estimated(
            np.asarray(collection.words[part], np.int64),
            collection.signatures[part],
            index.vocabulary.centers_,
        ),
        size=collection.size(position),
        sha256=collection.records[position].sha256,
    )


def rank_stored(
    index: Index,
    position: int,
    depth: int,
    allowed: NDArray[np.bool_] | None = None,
    stopwatch: Stopwatch | None = None,
) -> Ranking:
    """Rank all other pictures for a picture of the index, in the guises of the settings.

    Parameters
    ----------
    index : Index
    position : int
    depth, stopwatch
        See `cascade.rank`.
    allowed : (n,) bool ndarray, optional
        Which pictures may be answers; the picture itself never is.
    """
    watch = stopwatch or Stopwatch()
    others = np.ones(len(index.collection), bool) if allowed is None else allowed.copy()
    others[position] = False
    with watch("words"):
        query = stored_query(index, position)
    return rank_in_guises(
        index, query, lambda: [stored_features(index, position)], depth, others, watch
    )
