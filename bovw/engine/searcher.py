"""Searches in an index of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, get_args

import numpy as np

from ..collection import Collection
from ..errors import BovwError, SettingsError
from ..features import Features, SiftExtractor, extract_queries
from ..index import Allow, Index
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
)
from ..settings import Settings
from ..vocabulary import Vocabulary

Self = TypeVar("Self", bound="Searcher")


class Searcher:
    """Searches an index; `bovw.Engine` also makes and changes it.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        Queries whose features are extracted at once; -1: as many as there are cores.
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
        """The visual words."""
        return self.index.vocabulary

    @property
    def settings(self) -> Settings:
        """What decides an answer."""
        return self.index.settings

    def __len__(self) -> int:
        return len(self.collection)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({len(self)} pictures, {self.vocabulary.n_words_} words)"

    def _with(self: Self, index: Index) -> Self:
        """The same over another index."""
        return type(self)(index, n_jobs=self.n_jobs)

    def changed(self: Self, **changes: dict[str, Any]) -> Self:
        """Return an engine over the same index that searches with other settings.

        Examples
        --------
        >>> engine.changed(geometry={"verify": 0}, expansion={"method": "none"})  # doctest: +SKIP

        Raises
        ------
        IncompatibleError
            When a setting is fixed by the index.
        """
        return self._with(self.index.changed(**changes))

    def search(
        self,
        query: Source,
        k: int | None = 10,
        *,
        region: Box | None = None,
        allow: Allow | None = None,
        verify: int | None = None,
        expand: str | None = None,
    ) -> SearchResult:
        """Find the pictures that show what a query shows.

        Parameters
        ----------
        query : path, bytes or ndarray
            See `read_image`.
        k : int or None
            How many answers at most; None: all that share a word with the query, each scored.
        region : (float, float, float, float), optional
            ``x0, y0, x1, y1`` in pixels of the query: search for what this part shows.
        allow : collection of str, or callable, optional
            Only these identifiers may answer, or those for which this returns true.
        verify : int, optional
            How many answers are verified, instead of ``settings.geometry.verify``.
        expand : str, optional
            Instead of ``settings.expansion.method``.

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
            features = extractor.extract(query, self.settings.images, region)
        engine = self._for_search(verify, expand)
        return engine.search_features(
            features, k, allow=allow, name=describe(query), stopwatch=stopwatch
        )

    def search_many(
        self,
        queries: Iterable[Source | tuple[Source, Box | None]],
        k: int | None = 10,
        *,
        allow: Allow | None = None,
        verify: int | None = None,
        expand: str | None = None,
        on_error: str = "record",
        progress: bool = False,
    ) -> list[SearchResult]:
        """Search for many queries; features are extracted in parallel (`n_jobs` of the engine).

        Parameters
        ----------
        queries : iterable of sources, or of (source, region)
        on_error : {"record", "raise"}
            A query that cannot be read has its reason in ``SearchResult.error``, or is raised.
        k, allow, verify, expand
            See `search`.

        Returns
        -------
        list of SearchResult
            In the order of the queries.
        """
        engine = self._for_search(verify, expand)

        def answer(name: str, features: Features) -> SearchResult:
            return engine.search_features(features, k, allow=allow, name=name)

        return answer_each(self._extracted(queries, progress), answer, on_error)

    def search_together(
        self,
        queries: Iterable[Source | tuple[Source, Box | None]],
        k: int | None = 10,
        *,
        combine: Combine = "joined",
        allow: Allow | None = None,
        verify: int | None = None,
        expand: str | None = None,
    ) -> SearchResult:
        """Search with several pictures of one thing as one query.

        Parameters
        ----------
        queries : iterable of sources, or of (source, region)
        combine : {"joined", "mean", "best"}
            Score by the features of all pictures together (Arandjelovic & Zisserman, "Multiple
            queries for large scale specific object retrieval", 2012), by the mean of what each
            picture scores, or by the best. An answer is verified with the picture that fits best.
        k, allow, verify, expand
            See `search`.

        Raises
        ------
        ImageError
            When one of them cannot be read.
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
        return engine.search_features(features, k, allow=allow, name=name, combine=combine)

    def explain(self, query: Source, identifier: str, *, region: Box | None = None) -> Explanation:
        """Say why a picture answers a query: shared words, inliers, and what stands below it.

        Parameters
        ----------
        query : path, bytes or ndarray
        identifier : str
            Of a picture of the index.
        region : (float, float, float, float), optional
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
            features = extractor.extract(query, self.settings.images, region)
        ranking = index.rank([features], len(index.collection))
        return index.explain(ranking, features, position, describe(query))

    def rank_many(
        self,
        queries: Iterable[Source | tuple[Source, Box | None]],
        *,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> list[FullRanking]:
        """Rank the whole index for many queries, for evaluation; every picture is scored.

        `cache` names a folder in which features are kept, as for `build`. A query that cannot
        be read raises its ImageError.
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

    def verify_many(
        self,
        queries: Iterable[Source | tuple[Source, Box | None]],
        short_lists: Sequence[Sequence[str]],
        *,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> list[SearchResult]:
        """Verify short lists that another system made, by geometry.

        Parameters
        ----------
        queries : iterable of sources, or of (source, region)
        short_lists : sequence of sequence of str
            Identifiers, for each query.
        cache, progress
            See `rank_many`.

        Returns
        -------
        list of SearchResult
            Pictures of the list that share a word with the query; `Answer.verified` tells those
            that show the same. A query that cannot be read raises its ImageError.
        """
        depth = max((len(names) for names in short_lists), default=0)
        engine = self.changed(geometry={"verify": depth}, expansion={"method": "none"})
        results = []
        found = self._extracted(queries, progress, cache)
        for (name, features), names in zip(found, short_lists, strict=True):
            if not isinstance(features, Features):
                raise features
            results.append(
                engine.search_features(features, max(1, len(names)), allow=names, name=name)
            )
        return results

    def _extracted(
        self,
        queries: Iterable[Source | tuple[Source, Box | None]],
        progress: bool,
        cache: str | os.PathLike[str] | None = None,
    ) -> Iterator[tuple[str, Features | BovwError]]:
        return extract_queries(
            queries, self.settings, cache=cache, n_jobs=self.n_jobs, progress=progress
        )

    def _for_search(self: Self, verify: int | None, expand: str | None) -> Self:
        changes: dict[str, dict[str, Any]] = {}
        if verify is not None:
            changes["geometry"] = {"verify": verify}
        if expand is not None:
            changes["expansion"] = {"method": expand}
        return self.changed(**changes) if changes else self

    def search_features(
        self,
        features: Features | Sequence[Features],
        k: int | None = 10,
        *,
        allow: Allow | None = None,
        name: str = "<features>",
        stopwatch: Stopwatch | None = None,
        combine: Combine = "joined",
    ) -> SearchResult:
        """Search with features that were extracted before; as `search` or `search_together`."""
        pictures = [features] if isinstance(features, Features) else list(features)
        if k is not None and k < 1:
            raise SettingsError(f"k={k}: expected at least 1, or None for all")
        stopwatch = stopwatch or Stopwatch()
        depth = len(self) if k is None else max(self.settings.candidates.n_candidates, k)
        index = self.index  # another thread may change it meanwhile
        allowed = index.allowed(allow)
        ranking = index.rank(pictures, depth, allowed, stopwatch, combine)
        evidence = ranking.direct_evidence(self.settings.geometry.chance_share)
        verified = self.settings.geometry.verify > 0
        return SearchResult(
            query=name,
            answers=index.answers(ranking, k),
            matched=evidence >= self.settings.geometry.match_evidence if verified else None,
            evidence=evidence,
            n_features=sum(map(len, pictures)),
            milliseconds=dict(stopwatch.milliseconds),
        )

    def calibrate(
        self,
        negatives: Iterable[Source],
        *,
        false_accept_rate: float = 0.01,
        progress: bool = False,
    ) -> Calibration:
        """Choose the evidence that makes a match, on queries that have no answer in the index.

        Parameters
        ----------
        negatives : iterable of sources
            Pictures of things that no picture of the index shows, the more the better.
        false_accept_rate : float
            Largest share of them that may pass.

        Returns
        -------
        Calibration
            Use it by ``engine.changed(geometry={"match_evidence": calibration.match_evidence})``.
        """
        results = self.search_many(negatives, 1, on_error="raise", progress=progress)
        least = int(np.ceil(self.settings.geometry.min_evidence))
        return calibrate([r.evidence for r in results], false_accept_rate, least)
