"""Database-side augmentation: each picture of an index gets features of pictures it matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..collection import PictureWords, make_segment, picture_words
from ..parallel import progress_bar
from ..search import Query, enrich_query, picture_as_query, rank
from .index import Index


def augment_index(index: Index, n_answers: int = 5, *, progress: bool = False) -> Index:
    """Add to each picture those features of its verified neighbours that lie within the picture.

    This follows Turcot & Lowe, "Better matching with fewer features" (2009). The positions of the
    added features are transformed to the picture, as Arandjelovic & Zisserman (2012) do for words.
    It is an offline step: it runs one search for each picture, and the index becomes larger.

    Parameters
    ----------
    index : Index
    n_answers : int
        Largest number of neighbours that give features to a picture.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    Index
        A new index of the same pictures. Its document frequencies include the added features.
    """
    expansion = replace(index.settings.expansion, method="none")
    settings = replace(index.settings, expansion=expansion)
    collection, n_words = index.collection, index.vocabulary.n_words_
    least = settings.geometry.min_evidence
    pictures: list[PictureWords] = []
    positions: Iterable[int] = range(len(collection))
    if progress:
        positions = progress_bar(positions, "augmenting", len(collection), "picture")
    for position in positions:
        picture = picture_as_query(collection, position)
        query = Query(index.histograms.source.rows(np.array([position])), (picture,))
        ranking = rank(query, index.base, settings, depth=settings.candidates.n_candidates)
        near = ranking.positions[ranking.evidence >= least]
        near = near[near != position][:n_answers].tolist()
        if near:
            picture = enrich_query(
                picture,
                [picture_as_query(collection, p) for p in near],
                [ranking.found[p].verification.transforms[0] for p in near],
                1.0,
            )
        pictures.append(
            picture_words(
                picture.words[:, 0],
                picture.signatures[:, 0],
                picture.keypoints,
                picture.size,
                n_words,
            )
        )
    segment = make_segment(collection.records, pictures, n_words, index.failures)
    return index.of_segments([segment])
