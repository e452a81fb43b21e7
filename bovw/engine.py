"""The engine: an index of pictures, and searches in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, get_args

import numpy as np

from .augmentation import augment_index
from .calibration import Calibration, calibrate
from .cascade import Stopwatch
from .collection import Collection, Failure
from .errors import BovwError, SettingsError
from .explanation import Explanation
from .extraction import extract_query
from .features import Features, SiftExtractor
from .images import Box, Source, describe
from .index import Allow, Index
from .indexing import index_pictures
from .parallel import limited_threads, ordered_map
from .pictures import Paths
from .query import Combine
from .results import FullRanking, SearchResult
from .settings import Settings
from .storage import load_index, save_index
from .vocabulary import Vocabulary


class Engine:
    """An index of pictures that answers which of them show what a query shows.

    Make one with `Engine.build` or `Engine.open`.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        Queries whose features are extracted at once; -1: as many as there are cores.

    Examples
    --------
    >>> engine = Engine.build("pictures/")            # doctest: +SKIP
    >>> engine.save("pictures.bovw")                  # doctest: +SKIP
    >>> for answer in engine.search("query.jpg"):     # doctest: +SKIP
    ...     print(answer.identifier, answer.score, answer.inliers)
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

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Pictures that could not be read when the index was built."""
        return self.index.failures

    def __len__(self) -> int:
        return len(self.collection)

    def __repr__(self) -> str:
        return f"Engine({len(self)} pictures, {self.vocabulary.n_words_} words)"

    # Making, saving and opening

    @classmethod
    def build(
        cls,
        pictures: Paths,
        *,
        vocabulary: Vocabulary | None = None,
        settings: Settings | None = None,
        preset: str = "strong",
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> Engine:
        """Index pictures.

        Parameters
        ----------
        pictures, root, patterns
            See `find_pictures`.
        vocabulary : Vocabulary, optional
            Without it one is trained on the pictures themselves, sized to them.
        settings : Settings, optional
            Without them pictures are described as for the vocabulary, where it says how, and the
            rest is as in `preset`.
        preset : str
            Name of the settings that hold when none are given ("strong", "classic", "fast"), or
            a file of them; see `load_settings`.
        on_error : {"record", "raise"}
            Leave pictures that cannot be read out and list them in `failures`, or raise.
        cache : path, optional
            A folder in which features are kept by content, so that interrupted or repeated work
            goes on from there.
        n_jobs : int, optional
            Pictures that are read at once; -1: as many as there are cores.
        progress : bool
            Show progress on stderr when that is a terminal.

        Raises
        ------
        IncompatibleError
            When vocabulary and settings do not fit.
        """
        index = index_pictures(
            pictures,
            vocabulary,
            settings,
            preset=preset,
            root=root,
            patterns=patterns,
            on_error=on_error,
            cache=cache,
            n_jobs=n_jobs,
            progress=progress,
        )
        return cls(index, n_jobs=n_jobs)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, verify: str = "quick", n_jobs: int | None = None
    ) -> Engine:
        """Open an index that `save` wrote.

        Parameters
        ----------
        path : path
        verify : {"quick", "full"}
            Check manifest, sizes, headers and shapes; or every byte as well.
        n_jobs : int, optional

        Raises
        ------
        FormatError
            When it is not an index, or is damaged.
        IncompatibleError
            When this OpenCV describes pictures differently from the one it was made with.
        """
        index = load_index(path, verify=verify, n_jobs=n_jobs)
        index.check(f"the index {os.fsdecode(path)}")
        return cls(index, n_jobs=n_jobs)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the index to a folder.

        Raises
        ------
        ExistsError
            When the folder exists and `overwrite` is false. It is replaced only when the new one
            is complete.
        """
        save_index(path, self.index, overwrite=overwrite)

    def augmented(self, n_answers: int = 5, *, progress: bool = False) -> Engine:
        """Return an engine whose pictures also have the features of those that they match.

        An offline step that searches once for each picture; see `augment_index`.
        """
        with limited_threads(1):
            index = augment_index(self.index, n_answers, progress=progress)
        return Engine(index, n_jobs=self.n_jobs)

    def changed(self, **changes: dict[str, Any]) -> Engine:
        """Return an engine over the same index that searches with other settings.

        Examples
        --------
        >>> engine.changed(geometry={"verify": 0}, expansion={"method": "none"})  # doctest: +SKIP

        Raises
        ------
        IncompatibleError
            When a setting is fixed by the index.
        """
        return Engine(self.index.changed(**changes), n_jobs=self.n_jobs)

    # Searching

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
        results = []
        for name, features in self._extracted(queries, progress):
            if isinstance(features, Features):
                results.append(engine.search_features(features, k, allow=allow, name=name))
            elif on_error == "raise":
                raise features
            else:
                results.append(SearchResult(name, (), error=str(features)))
        return results

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
        position = self.collection.position(identifier)
        with limited_threads(1):
            extractor = SiftExtractor(self.settings.features)
            features = extractor.extract(query, self.settings.images, region)
        ranking = self.index.rank([features], len(self))
        return self.index.explain(ranking, features, position, describe(query))

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
            ranking = self.index.rank([features], len(self), None, stopwatch)
            identifiers = tuple(self.collection.records[p].identifier for p in ranking.positions)
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
        """Extract the features of queries in parallel; yield names and features, or errors."""
        pairs = [q if isinstance(q, tuple) else (q, None) for q in queries]
        folder = None if cache is None else os.fsdecode(cache)
        found = ordered_map(
            partial(extract_query, settings=self.settings, cache=folder),
            pairs,
            total=len(pairs),
            n_jobs=self.n_jobs,
            description="searching" if progress else None,
            unit="query",
        )
        for (source, _), features in zip(pairs, found, strict=True):
            yield describe(source), features

    def _for_search(self, verify: int | None, expand: str | None) -> Engine:
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
        allowed = self.index.allowed(allow)
        ranking = self.index.rank(pictures, depth, allowed, stopwatch, combine)
        evidence = ranking.direct_evidence(self.settings.geometry.chance_share)
        verified = self.settings.geometry.verify > 0
        return SearchResult(
            query=name,
            answers=self.index.answers(ranking, k),
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

    def info(self) -> dict[str, Any]:
        """Return facts about the index, for JSON."""
        return {
            "n_pictures": len(self),
            "n_failed": len(self.failures),
            "n_without_features": int(np.count_nonzero(np.diff(self.collection.offsets) == 0)),
            "n_features": len(self.collection.words),
            "n_words": self.vocabulary.n_words_,
            "vocabulary": self.vocabulary.facts(),
            "settings": self.settings.to_dict(),
            "versions": self.index.versions,
        }
