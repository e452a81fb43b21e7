"""Searching an index of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

import numpy as np

from ..collection import Collection
from ..errors import BovwError, SettingsError
from ..features import Features, Queries, SiftExtractor, extract_queries, listed_queries
from ..index import Filter, Index, allowed_places
from ..parallel import limited_threads
from ..pictures import Box, Source, describe
from ..search import (
    Calibration,
    Combine,
    Explanation,
    FullRanking,
    SearchResult,
    Stopwatch,
    answer_each,
    calibrate,
    checked_k,
)
from ..settings import Settings, checked_arguments
from ..vocabulary import Vocabulary

Self = TypeVar("Self", bound="Searcher")


class Searcher:
    """Searches an index. Its subclass `bovw.Engine` also makes and changes one.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        How many queries have their features extracted in parallel; -1: one for each core.
    """

    def __init__(self, index: Index, *, n_jobs: int | None = None) -> None:
        self.index = index
        self.n_jobs = n_jobs

    @property
    def collection(self) -> Collection:
        """The pictures, their words and keypoints."""
        return self.index.collection

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of visual words."""
        return self.index.vocabulary

    @property
    def settings(self) -> Settings:
        """The settings that this searcher uses."""
        return self.index.settings

    @property
    def without_features(self) -> tuple[str, ...]:
        """Identifiers of pictures in which no feature was found: no query can find them."""
        records = self.collection.records
        return tuple(records[i].identifier for i in np.flatnonzero(self.collection.sizes == 0))

    def __len__(self) -> int:
        return len(self.collection)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({len(self)} pictures, {self.vocabulary.n_words_} words)"

    def _with(self: Self, index: Index) -> Self:
        """Return a searcher of the same kind over another index."""
        return type(self)(index, n_jobs=self.n_jobs)

    @checked_arguments
    def changed(self: Self, **changes: dict[str, Any]) -> Self:
        """Return an engine over the same index that uses other settings for its searches.

        Examples
        --------
        >>> engine.changed(geometry={"verify": 0}, expansion={"method": "none"})  # doctest: +SKIP

        Raises
        ------
        IncompatibleError
            When a setting cannot change any more, because the index was made with it.
        """
        return self._with(self.index.changed(**changes))

    @checked_arguments
    def search(
        self,
        query: Source,
        k: int | None = 10,
        *,
        region: Box | None = None,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        channels: str = "bgr",
    ) -> SearchResult:
        """Find the pictures that show the same thing as a query picture.

        Parameters
        ----------
        query : path, bytes, array, or picture of PIL
            See `read_image`. An array has its colours in OpenCV's order, BGR; see `channels`.
        k : int or None
            Largest number of answers; None: all pictures that share a visual word with the query.
        region : (float, float, float, float), optional
            ``x0, y0, x1, y1`` in pixels of the query: use only this part of the query.
        allow : collection of str, or callable, optional
            Only pictures with these identifiers can be answers, or those for whose identifier
            the callable returns true.
        deny : collection of str, or callable, optional
            Pictures that cannot be answers, also when they are in `allow`.
        verify : int, optional
            How many of the best candidates are verified by geometry; default:
            ``settings.geometry.verify``.
        expand : str, optional
            Method of query expansion; default: ``settings.expansion.method``.
        channels : {"bgr", "rgb"}
            Order of the colours of an array.

        Returns
        -------
        SearchResult

        Raises
        ------
        ImageError
            When the query cannot be read.
        """
        stopwatch = Stopwatch()
        with stopwatch("features"), limited_threads(1):
            extractor = SiftExtractor(self.settings.features)
            features = extractor.extract(query, self.settings.images, region, channels=channels)
        engine = self._for_search(verify, expand)
        return engine.search_features(
            features, k, allow=allow, deny=deny, name=describe(query), stopwatch=stopwatch
        )

    @checked_arguments
    def search_many(
        self,
        queries: Queries,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        on_error: str = "record",
        progress: bool = False,
    ) -> list[SearchResult]:
        """Search for many queries; their features are extracted in parallel (see `n_jobs`).

        Parameters
        ----------
        queries : iterable of sources, or of (source, region); or a path
            A path alone may be a folder of pictures. Arrays have their colours in the order BGR.
        on_error : {"record", "raise"}
            What to do with a query that cannot be read: put the reason into
            ``SearchResult.error``, or raise it.
        k, allow, deny, verify, expand
            See `search`.

        Returns
        -------
        list of SearchResult
            In the order of the queries.
        """
        engine = self._for_search(verify, expand)

        def answer(name: str, features: Features) -> SearchResult:
            return engine.search_features(features, k, allow=allow, deny=deny, name=name)

        return answer_each(self._extracted(queries, progress), answer, on_error)

    @checked_arguments
    def search_together(
        self,
        queries: Queries,
        k: int | None = 10,
        *,
        combine: Combine = "joined",
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
    ) -> SearchResult:
        """Search with several pictures of the same thing, as one query.

        Parameters
        ----------
        queries : iterable of sources, or of (source, region); or a path
        combine : {"joined", "mean", "best"}
            How a candidate is scored: by the features of all query pictures together
            (Arandjelovic & Zisserman, "Multiple queries for large scale specific object
            retrieval", 2012), by the mean of its scores for each query picture, or by the largest
            of them. It is verified with the query picture that fits it best.
        k, allow, deny, verify, expand
            See `search`.

        Raises
        ------
        ImageError
            When one of the queries cannot be read.
        """
        if combine not in get_args(Combine):
            raise SettingsError(f"combine={combine!r}: expected one of {get_args(Combine)}")
        features = []
        for _, found in self._extracted(queries, progress=False):
            if not isinstance(found, Features):
                raise found
            features.append(found)
        if not features:
            raise SettingsError("queries=[]: expected at least one picture")
        engine = self._for_search(verify, expand)
        name = f"{len(features)} pictures together"
        return engine.search_features(
            features, k, allow=allow, deny=deny, name=name, combine=combine
        )

    @checked_arguments
    def explain(
        self,
        query: Source,
        identifier: str,
        *,
        region: Box | None = None,
        channels: str = "bgr",
    ) -> Explanation:
        """Say why a picture is an answer to a query: shared words, inliers, next answer.

        Parameters
        ----------
        query : path, bytes, array, or picture of PIL
        identifier : str
            Identifier of a picture of the index.
        region, channels
            See `search`.

        Raises
        ------
        UnknownPictureError
            When the index has no such picture.
        """
        index = self.index
        position = index.collection.position(identifier)
        with limited_threads(1):
            extractor = SiftExtractor(self.settings.features)
            features = extractor.extract(query, self.settings.images, region, channels=channels)
        ranking = index.rank([features], len(index.collection))
        return index.explain(ranking, features, position, describe(query))

    @checked_arguments
    def rank_many(
        self,
        queries: Queries,
        *,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> list[FullRanking]:
        """Rank all pictures of the index for each of many queries, for evaluation.

        `cache` is a folder that keeps the extracted features, as for `Engine.build`. A query that
        cannot be read raises an ImageError.
        """
        rankings = []
        for name, features in self._extracted(queries, progress, cache):
            if not isinstance(features, Features):
                raise features
            stopwatch = Stopwatch()
            index = self.index
            ranking = index.rank([features], len(index.collection), None, stopwatch)
            identifiers = tuple(index.collection.records[p].identifier for p in ranking.positions)
            rankings.append(FullRanking(name, identifiers, ranking.scores, stopwatch.milliseconds))
        return rankings

    @checked_arguments
    def verify_many(
        self,
        queries: Queries,
        short_lists: Sequence[Sequence[str]],
        *,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> list[SearchResult]:
        """Verify the first answers (short lists) of another system, by geometry.

        Parameters
        ----------
        queries : iterable of sources, or of (source, region); or a path
        short_lists : sequence of sequence of str
            Identifiers of the answers to verify, a list for each query.
        cache, progress
            See `rank_many`.

        Returns
        -------
        list of SearchResult
            The pictures of each list that share a visual word with the query; `Answer.verified`
            is true for those that show the same thing. A query that cannot be read raises an
            ImageError.
        """
        pairs = listed_queries(queries)
        if len(pairs) != len(short_lists):
            raise SettingsError(
                f"{len(pairs)} queries, but {len(short_lists)} short lists of answers"
            )
        depth = max((len(names) for names in short_lists), default=0)
        engine = self.changed(geometry={"verify": depth}, expansion={"method": "none"})
        results = []
        found = self._extracted(pairs, progress, cache)
        for (name, features), names in zip(found, short_lists, strict=True):
            if not isinstance(features, Features):
                raise features
            results.append(
                engine.search_features(features, max(1, len(names)), allow=names, name=name)
            )
        return results

    def _extracted(
        self,
        queries: Queries,
        progress: bool,
        cache: str | os.PathLike[str] | None = None,
    ) -> Iterator[tuple[str, Features | BovwError]]:
        return extract_queries(
            listed_queries(queries),
            self.settings,
            cache=cache,
            n_jobs=self.n_jobs,
            progress=progress,
        )

    def _for_search(self: Self, verify: int | None, expand: str | None) -> Self:
        changes: dict[str, dict[str, Any]] = {}
        if verify is not None:
            changes["geometry"] = {"verify": verify}
        if expand is not None:
            changes["expansion"] = {"method": expand}
        return self.changed(**changes) if changes else self

    @checked_arguments
    def search_features(
        self,
        features: Features | Sequence[Features],
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        name: str = "<features>",
        stopwatch: Stopwatch | None = None,
        combine: Combine = "joined",
    ) -> SearchResult:
        """Search with features that were already extracted; see `search`, `search_together`."""
        pictures = [features] if isinstance(features, Features) else list(features)
        k = checked_k(k)
        stopwatch = stopwatch or Stopwatch()
        depth = len(self) if k is None else max(self.settings.candidates.n_candidates, k)
        index = self.index  # another thread may replace it during the search
        collection = index.collection
        allowed = allowed_places(collection.records, collection.positions, allow, deny)
        ranking = index.rank(pictures, depth, allowed, stopwatch, combine)
        answers, direct = index.answers(ranking, k), ranking.direct
        contrast = float(ranking.contrast[direct].max(initial=0))
        verified = self.settings.geometry.verify > 0
        return SearchResult(
            query=name,
            answers=answers,
            matched=any(a.decision == "match" for a in answers[:1]) if verified else None,
            evidence=float(ranking.evidence[direct].max(initial=0)),
            contrast=contrast,
            n_features=sum(map(len, pictures)),
            milliseconds=dict(stopwatch.milliseconds),
        )

    @checked_arguments
    def calibrate(
        self,
        negatives: Queries,
        *,
        false_accept_rate: float = 0.01,
        progress: bool = False,
    ) -> Calibration:
        """Choose the evidence from which an answer is a match, by queries without an answer.

        It is evidence in contrast to what many answers share; see `Answer.contrast`.

        Parameters
        ----------
        negatives : iterable of sources, or a path
            Pictures of things that no picture of the index shows; a path may be a folder. More of
            them give a better estimate. Those that cannot be read are an error.
        false_accept_rate : float
            Largest share of these pictures that may wrongly count as matched.

        Returns
        -------
        Calibration
            `Engine.keep` keeps it in the index, for all later searches.
        """
        if self.settings.geometry.verify == 0:
            raise SettingsError("geometry.verify=0: without verification there is no evidence")
        results = self.search_many(negatives, 1, on_error="raise", progress=progress)
        return calibrate(
            [result.contrast for result in results],
            false_accept_rate,
            self.settings.geometry.min_evidence,
            example=results[0].query if results else "",
            n_pictures=len(self),
        )
