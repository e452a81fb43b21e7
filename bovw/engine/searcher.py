"""Searching an index of pictures."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import BovwError, SettingsError
from ..features import (
    Features,
    Queries,
    checked_guises,
    extract_queries,
    extract_query,
    listed_queries,
    or_raise,
)
from ..index import Filter, allowed_places, explanation_of, search_index, search_index_stored
from ..parallel import limited_threads, thread_count
from ..pictures import Box, Source, describe
from ..search import Combine, Explanation, SearchResult, Stopwatch, checked_k
from ..settings import checked_arguments
from .reader import Reader

Self = TypeVar("Self", bound="Searcher")
Also: TypeAlias = str | Sequence[str] | None


class Searcher(Reader):
    """Searches an index. Its subclass `bovw.Engine` also makes and changes one.

    See `Reader` for the parameters.
    """

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
            features = self._features_of(query, region, channels)
        engine = self.for_search(verify, expand, also)
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
        for each, found in or_raise(self._extracted(queries, progress=False)):
            features.append(found)
            names.append(each)
        if not features:
            raise SettingsError("queries=[]: expected at least one picture")
        return self.for_search(verify, expand, also).search_features(
            features, k, allow=allow, deny=deny, names=names, combine=combine, explain=explain
        )

    @checked_arguments
    def explain(
        self,
        query: Source | Features,
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
        query : path, bytes, array, picture of PIL, or Features
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
        engine = self.for_search(verify, expand, also)
        index, collection = engine.index, engine.collection
        position = collection.position(identifier)
        if isinstance(query, Features):
            features = query
        else:
            with limited_threads(thread_count(self.n_jobs)):
                features = self._features_of(query, region, channels)
        allowed = engine._allowed(allow, deny)
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

    def _features_of(self, query: Source, region: Box | None, channels: str) -> Features:
        self._check_extractor()
        found = extract_query(
            (query, region), self.settings, extractor=self.extractor, channels=channels
        )
        if not isinstance(found, Features):
            raise found
        return found

    def _extracted(
        self,
        queries: Queries,
        progress: bool,
        cache: str | os.PathLike[str] | None = None,
    ) -> Generator[tuple[str, Features | BovwError], None, None]:
        self._check_extractor()
        return extract_queries(
            listed_queries(queries),
            self.settings,
            extractor=self.extractor,
            cache=cache,
            n_jobs=self.n_jobs,
            progress=progress,
        )

    def for_search(
        self: Self, verify: int | None = None, expand: str | None = None, also: Also = None
    ) -> Self:
        """Return an engine over the index as it is now, with options of a search as its settings.

        The index of the copy stays, also when this engine loads another one. See `search` for the
        parameters.
        """
        changes: dict[str, dict[str, Any]] = {}
        if verify is not None:
            changes["geometry"] = {"verify": verify}
        if expand is not None:
            changes["expansion"] = {"method": expand}
        if also is not None:
            guises = checked_guises(also if isinstance(also, str) else tuple(also))
            changes.setdefault("expansion", {})["also"] = ",".join(guises)
        return self.changed(**changes) if changes else self._with(self.index)

    @checked_arguments
    def search_features(
        self,
        features: Features | Sequence[Features],
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        name: str = "<features>",
        names: Sequence[str] | None = None,
        stopwatch: Stopwatch | None = None,
        combine: Combine = "joined",
        explain: bool = False,
    ) -> SearchResult:
        """Search with features that were already extracted; see `search`, `search_together`.

        `names` has a name for each picture; without it each has the `name` of the query.
        """
        pictures = [features] if isinstance(features, Features) else list(features)
        if not pictures:
            raise SettingsError("features=[]: expected those of at least one picture")
        engine = self._with(self.index)  # another thread may replace ours during the search
        return search_index(
            engine.index,
            pictures,
            checked_k(k),
            engine._allowed(allow, deny),
            names=[name] * len(pictures) if names is None else names,
            name=name if names is None else None,
            stopwatch=stopwatch,
            combine=combine,
            explain=explain,
        )

    @checked_arguments
    def search_stored(
        self,
        identifier: str,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        verify: int | None = None,
        expand: str | None = None,
        also: Also = (),
    ) -> SearchResult:
        """Search with the stored features of a picture of the index; its file is not read.

        The picture itself is left out of the answers, and it counts as the whole query. The answers
        are those of a search with its file, with two differences: keypoints are packed (see
        `IndexedFeatures`), and each feature has only its nearest word, also where a search looks
        into several (``kernel.n_nearest``).

        Parameters
        ----------
        identifier : str
        k, allow, deny, verify, expand
            See `search`.
        also : str or sequence of str, optional
            Other guises, as for `search`; default: none. They are made of descriptors that are
            estimated from words and signatures, so they find copies, but fewer other pictures than
            a search with the file. Each takes about as long as the search itself.

        Raises
        ------
        UnknownPictureError
            When the index has no such picture.
        """
        engine = self.for_search(verify, expand, also)
        allowed = engine._allowed(allow, deny)
        return search_index_stored(engine.index, identifier, checked_k(k), allowed)

    def _allowed(self, allow: Filter | None, deny: Filter | None) -> NDArray[np.bool_] | None:
        """Which pictures may be answers; None when all may."""
        collection = self.collection
        return allowed_places(collection.records, collection.positions, allow, deny)
