"""Searches an index, and describes the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..features import Features
from ..search import Combine, FullRanking, QueryPicture, Ranking, SearchResult, Stopwatch
from .answering import answers_of, with_shared_words
from .index import Index
from .stored import rank_stored


def search_index(
    index: Index,
    pictures: Sequence[Features],
    k: int | None,
    allowed: NDArray[np.bool_] | None = None,
    *,
    names: Sequence[str],
    name: str | None = None,
    stopwatch: Stopwatch | None = None,
    combine: Combine = "joined",
    explain: bool = False,
) -> SearchResult:
    """Search with the features of one picture, or of several together; see `Engine.search`.

    Parameters
    ----------
    index : Index
    pictures : sequence of Features
    k : int or None
    allowed : (n_pictures,) bool ndarray, optional
        Which pictures may be answers; default: all.
    names : sequence of str
        Name of each query picture.
    name : str, optional
        Name of the query; default: that of the picture, or how many pictures there are.
    stopwatch, combine, explain
        See `Engine.search_together`.
    """
    stopwatch = stopwatch or Stopwatch()
    ranking = index.rank(pictures, _depth(index, k), allowed, stopwatch, combine)
    if name is None:
        name = names[0] if len(names) == 1 else f"{len(names)} pictures together"
    asked = tuple(
        QueryPicture(each, part.size, part.region)
        for each, part in zip(names, pictures, strict=True)
    )
    n_features = sum(map(len, pictures))
    result = _result(index, ranking, k, name, asked, n_features, stopwatch)
    if not explain:
        return result
    with stopwatch("explanation"):
        answers = with_shared_words(index, result.answers, pictures)
    return replace(result, answers=answers, milliseconds=dict(stopwatch.milliseconds))


def search_index_stored(
    index: Index, identifier: str, k: int | None, allowed: NDArray[np.bool_] | None = None
) -> SearchResult:
    """Search with the stored features of a picture; see `Engine.search_stored`."""
    collection, stopwatch = index.collection, Stopwatch()
    position = collection.position(identifier)
    ranking = rank_stored(index, position, _depth(index, k), allowed, stopwatch)
    asked = (QueryPicture(identifier, collection.size(position), None),)
    n_features = int(collection.sizes[position])
    return _result(index, ranking, k, identifier, asked, n_features, stopwatch)


def rank_index(index: Index, features: Features, name: str, stopwatch: Stopwatch) -> FullRanking:
    """Rank all pictures of an index; see `Engine.rank_many`."""
    ranking = index.rank([features], len(index.collection), None, stopwatch)
    records = index.collection.records
    identifiers = tuple(records[p].identifier for p in ranking.positions)
    return FullRanking(name, identifiers, ranking.scores, stopwatch.milliseconds)


def _depth(index: Index, k: int | None) -> int:
    """How many candidates are looked at for `k` answers."""
    return len(index.collection) if k is None else max(index.settings.candidates.n_candidates, k)


def _result(
    index: Index,
    ranking: Ranking,
    k: int | None,
    name: str,
    asked: tuple[QueryPicture, ...],
    n_features: int,
    stopwatch: Stopwatch,
) -> SearchResult:
    answers = answers_of(index, ranking, k)
    direct, verified = ranking.direct, index.settings.geometry.verify > 0
    return SearchResult(
        query=name,
        answers=answers,
        matched=any(a.decision == "match" for a in answers[:1]) if verified else None,
        evidence=float(ranking.evidence[direct].max(initial=0)),
        contrast=float(ranking.contrast[direct].max(initial=0)),
        n_features=n_features,
        milliseconds=dict(stopwatch.milliseconds),
        pictures=asked,
    )
