"""Database-side augmentation: pictures of an index get features of those that they match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..collection import PictureWords, make_segment, picture_words
from ..parallel import progress_bar
from ..search import Query, enrich_query, picture_as_query, rank
from .index import Index


def augment_index(index: Index, n_answers: int = 5, *, progress: bool = False) -> Index:
    """Add to each picture the features that its verified neighbours have within it.

    Turcot & Lowe, "Better matching with fewer features" (2009), with the features brought into the
    frame of the picture, as Arandjelovic & Zisserman (2012) do for words. An offline step: each
    picture is searched for once, and the index grows.

    Parameters
    ----------
    index : Index
    n_answers : int
        Neighbours of a picture at most.
    progress : bool
        Show it on a terminal.

    Returns
    -------
    Index
        Of the same pictures; document frequencies are those of the new features.
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
        query = Query(index.histograms.rows[[position]], (picture,))
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
    return replace(index, segments=(segment,), dead={}, graph=None)
