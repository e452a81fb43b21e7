"""A picture of an index as a query, by what the index holds of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..search import Query, picture_as_query
from ..vocabulary import center_weights
from .index import Index


def stored_query(index: Index, position: int) -> Query:
    """Make a query of the stored words, signatures and keypoints of a picture."""
    picture = picture_as_query(index.collection, position)
    kernel = index.settings.kernel
    sigma = 0.0 if kernel.method == "none" else kernel.center_sigma
    weights = center_weights(picture.keypoints[:, :2], picture.size, sigma)
    histogram = index.histograms.source.rows(np.array([position]))
    return Query(histogram, (replace(picture, weights=weights),))
