"""Searching an index of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, get_args

import numpy as np

from ..collection import Collection
from ..errors import BovwError, SettingsError
from ..features import (
    Features,
    Queries,
    SiftExtractor,
    checked_guises,
    extract_queries,
    listed_queries,
)
from ..index import Filter, Index, allowed_places, answers_of, explanation_of, with_shared_words
from ..parallel import limited_threads, thread_count
from ..pictures import Box, Source, describe
from ..search import (
    Combine,
    Explanation,
    QueryPicture,
    SearchResult,
    SearchResults,
    Stopwatch,
    answer_each,
    candidate_recall,
    checked_k,
)
from ..settings import Settings, checked_arguments
from ..vocabulary import Vocabulary

Self = TypeVar("Self", bound="Searcher")
Also: TypeAlias = str | Sequence[str] | None


class Searcher:
    """Searches an index. Its subclass `bovw.Engine` also makes and changes one.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        How many queries have their features extracted in parallel; -1: one for each core. A single
        query uses as many threads; with None, one for each core. The answers do not depend on it.
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
        empty = np.flatnonzero(self.collection.sizes == 0).tolist()
        return tuple(records[i].identifier for i in empty)

    def __len__(self) -> int:
        return len(self.collection)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({len(self)} pictures, {self.vocabulary.n_words_} words)"

    @checked_arguments
    def candidate_recall(self, n_queries: int = 100, k: int = 100) -> float:
        """Share of the `k` nearest histograms that the method for candidates finds.

        Pictures of the index, spread evenly over it, are the queries. The exact methods give 1.

        Parameters
        ----------
        n_queries : int
            How many pictures are asked; at most as many as the index has.
        k : int
            How many neighbours should be found.

        Returns
        -------
        float
            NaN for an index in which no picture has features.
        """
        for name, value in (("n_queries", n_queries), ("k", k)):
            if value < 1:
                raise SettingsError(f"{name}={value}: expected at least 1")
        histograms = self.index.histograms
        histograms.wait()
        filled = np.flatnonzero(histograms.is_filled)
        if len(filled) == 0:
            return float("nan")
        chosen = np.unique(np.linspace(0, len(filled) - 1, n_queries).astype(int))
        queries = histograms.source.rows(filled[chosen])
        return candidate_recall(histograms, queries, k)

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
        also: Also = None,
        channels: str = "bgr",
        explain: bool = False,
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
        also : str or sequence of str, optional
            Ask for the picture in other guises, too: "mirror" (left and right exchanged),
            "negative" (dark and light exchanged); default: ``settings.expansion.also``. See
            `Answer.guise`.
        channels : {"bgr", "rgb"}
            Order of the colours of an array.
        explain : bool
            Whether each answer says which words it shares with the query, and how much each of
            them counts: `Answer.shared_words`. It takes a little longer.

        Returns
        -------
        SearchResult

        Raises
        ------
        ImageError
            When the query cannot be read.
        """
        stopwatch = Stopwatch()
        with stopwatch("features"), limited_threads(thread_count(self.n_jobs)):
            extractor = SiftExtractor(self.settings.features)
            features = extractor.extract(query, self.settings.images, region, channels=channels)
        engine = self._for_search(verify, expand, also)
        return engine.search_features(
            features,
            k,
            allow=allow,
            deny=deny,
            name=describe(query),
            stopwatch=stopwatch,
            explain=explain,
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
        also: Also = None,
        on_error: str = "record",
        explain: bool = False,
        progress: bool = False,
    ) -> SearchResults:
        """Search for many queries; their features are extracted in parallel (see `n_jobs`).

        Parameters
        ----------
        queries : iterable of sources, or of (source, region); or a path
            A path alone may be a folder of pictures. Arrays have their colours in the order BGR.
        on_error : {"record", "raise"}
            What to do with a query that cannot be read: put the reason into
            ``SearchResult.error``, or raise it.
        k, allow, deny, verify, expand, also, explain
            See `search`.

        Returns
        -------
        SearchResults
            A list of `SearchResult`, in the order of the queries.
        """
        engine = self._for_search(verify, expand, also)

        def answer(name: str, features: Features) -> SearchResult:
            return engine.search_features(
                features, k, allow=allow, deny=deny, name=name, explain=explain
            )

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
        also: Also = None,
        explain: bool = False,
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
        k, allow, deny, verify, expand, also, explain
            See `search`.

        Raises
        ------
        ImageError
            When one of the queries cannot be read.
        """
        if combine not in get_args(Combine):
            raise SettingsError(f"combine={combine!r}: expected one of {get_args(Combine)}")
        features, names = [], []
        for each, found in self._extracted(queries, progress=False):
            if not isinstance(found, Features):
                raise found
            features.append(found)
            names.append(each)
        if not features:
            raise SettingsError("queries=[]: expected at least one picture")
        engine = self._for_search(verify, expand, also)
        name = f"{len(features)} pictures together"
        result = engine.search_features(
            features, k, allow=allow, deny=deny, name=name, combine=combine, explain=explain
        )
        return replace(result, pictures=_asked(names, features))

    @checked_arguments
    def explain(
        self,
        query: Source,
        identifier: str,
        *,
        region: Box | None = None,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        also: Also = None,
        channels: str = "bgr",
    ) -> Explanation:
        """Say why a picture is an answer to a query, or is not: shared words, inliers, next one.

        A picture that a search would not verify, since others are more similar, is verified too.

        Parameters
        ----------
        query : path, bytes, array, or picture of PIL
        identifier : str
            Identifier of a picture of the index. If `allow` or `deny` leave it out, its reason says
            so, and its rank is the one that it would have.
        region, allow, deny, verify, expand, also, channels
            See `search`.

        Raises
        ------
        UnknownPictureError
            When the index has no such picture.
        """
        index = self._for_search(verify, expand, also).index
        collection = index.collection
        position = collection.position(identifier)
        with limited_threads(thread_count(self.n_jobs)):
            extractor = SiftExtractor(self.settings.features)
            features = extractor.extract(query, self.settings.images, region, channels=channels)
        allowed = allowed_places(collection.records, collection.positions, allow, deny)
        left_out = allowed is not None and not allowed[position]
        if allowed is not None:
            allowed[position] = True
        ranking = index.rank([features], len(collection), allowed)
        explanation = explanation_of(index, ranking, features, position, describe(query))
        if not left_out:
            return explanation
        answer = explanation.answer
        why = f"left out by allow or deny; otherwise: {answer.reason}"
        return replace(explanation, answer=replace(answer, reason=why))

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

    def _for_search(self: Self, verify: int | None, expand: str | None, also: Also) -> Self:
        changes: dict[str, dict[str, Any]] = {}
        if verify is not None:
            changes["geometry"] = {"verify": verify}
        if expand is not None:
            changes["expansion"] = {"method": expand}
        if also is not None:
            guises = checked_guises(also if isinstance(also, str) else tuple(also))
            changes.setdefault("expansion", {})["also"] = ",".join(guises)
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
        explain: bool = False,
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
        answers, direct = answers_of(index, ranking, k), ranking.direct
        if explain:
            with stopwatch("explanation"):
                answers = with_shared_words(index, answers, pictures)
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
            pictures=_asked([name] * len(pictures), pictures),
        )


def _asked(names: Sequence[str], features: Sequence[Features]) -> tuple[QueryPicture, ...]:
    """Describe the pictures of a query."""
    return tuple(
        QueryPicture(name, part.size, part.region)
        for name, part in zip(names, features, strict=True)
    )
