"""The engine: an index of pictures, and searches in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Collection as AnyCollection
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cascade import Ranking, Stopwatch, rank
from .collection import Collection, Failure, sort_by_word
from .errors import BovwError, IncompatibleError, SettingsError
from .extraction import extract_query
from .features import Features, SiftExtractor, check_same_meaning
from .geometry import PictureFeatures
from .histogram_index import HistogramIndex
from .images import Box, Source, describe
from .indexing import index_pictures
from .nearest import CacheFile
from .parallel import limited_threads, ordered_map
from .pictures import Paths
from .results import Answer, Calibration, FullRanking, SearchResult
from .settings import Settings
from .storage import load_index, save_index
from .storage.versions import versions, warn_of_other_versions
from .vocabulary import Vocabulary
from .weighting import TfidfWeighting, word_counts

Allow: TypeAlias = "AnyCollection[str] | Callable[[str], bool]"

# What is fixed when pictures are indexed; the rest can be chosen anew for every search.
_FIXED = {"features": ("upright", "region_factor", "root"), "vocabulary": None, "weighting": None}


class Engine:
    """An index of pictures that answers which of them show what a query shows.

    Make one with `Engine.build` or `Engine.open`.

    Attributes
    ----------
    collection : Collection
        The pictures, their words and keypoints.
    vocabulary : Vocabulary
    settings : Settings
    failures : tuple of Failure
        Pictures that could not be read when the index was built.

    Examples
    --------
    >>> engine = Engine.build("pictures/")            # doctest: +SKIP
    >>> engine.save("pictures.bovw")                  # doctest: +SKIP
    >>> for answer in engine.search("query.jpg"):     # doctest: +SKIP
    ...     print(answer.identifier, answer.score, answer.inliers)
    """

    def __init__(
        self,
        collection: Collection,
        vocabulary: Vocabulary,
        settings: Settings,
        failures: Sequence[Failure] = (),
        *,
        frequencies: NDArray[np.int64] | None = None,
        basis: NDArray[np.float32] | None = None,
        cache: CacheFile | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.collection = collection
        self.vocabulary = vocabulary
        self.settings = settings
        self.failures = tuple(failures)
        self.n_jobs = n_jobs
        self._frequencies = frequencies
        self._basis = basis
        self._cache = cache

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
            Without them those of the vocabulary hold, where it has any.
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
        made_with = vocabulary.made_with_ if vocabulary is not None else None
        if settings is None:
            settings = Settings()
            if made_with is not None:
                settings = settings.changed(
                    images=made_with["images"], features=made_with["features"]
                )
        if made_with is not None:
            given = SiftExtractor(settings.features).description()
            check_same_meaning(made_with["descriptor"], given, "the vocabulary")
        collection, vocabulary, failures = index_pictures(
            pictures,
            vocabulary,
            settings,
            root=root,
            patterns=patterns,
            on_error=on_error,
            cache=cache,
            n_jobs=n_jobs,
            progress=progress,
        )
        names = set(asdict(settings.vocabulary))
        chosen = {k: v for k, v in vocabulary.get_params().items() if k in names}
        settings = settings.changed(vocabulary={**chosen, "n_words": vocabulary.n_words_})
        return cls(collection, vocabulary, settings, failures, n_jobs=n_jobs)

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
        stored = load_index(path, verify=verify, n_jobs=n_jobs)
        given = SiftExtractor(stored.settings.features).description()
        check_same_meaning(stored.descriptor, given, f"the index {os.fsdecode(path)}")
        if stored.vocabulary.made_with_ is not None:
            check_same_meaning(
                stored.vocabulary.made_with_["descriptor"], given, "the vocabulary of the index"
            )
        warn_of_other_versions(stored.versions, f"the index {os.fsdecode(path)}")
        return cls(
            stored.collection,
            stored.vocabulary,
            stored.settings,
            stored.failures,
            frequencies=stored.frequencies,
            basis=stored.basis,
            cache=stored.cache,
            n_jobs=n_jobs,
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the index to a folder.

        Raises
        ------
        ExistsError
            When the folder exists and `overwrite` is false. It is replaced only when the new one
            is complete.
        """
        save_index(
            path,
            collection=self.collection,
            failures=self.failures,
            vocabulary=self.vocabulary,
            settings=self.settings,
            descriptor=SiftExtractor(self.settings.features).description(),
            histograms=self.histograms,
            overwrite=overwrite,
        )

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
        settings = self.settings.changed(**changes)
        for room, names in _FIXED.items():
            now, then = asdict(getattr(settings, room)), asdict(getattr(self.settings, room))
            for name in names or now:
                if now[name] != then[name]:
                    raise IncompatibleError(
                        f"{room}.{name}={now[name]!r}: this index was made with {then[name]!r}; "
                        "build another to change it"
                    )
        same = settings.candidates == self.settings.candidates
        engine = Engine(
            self.collection,
            self.vocabulary,
            settings,
            self.failures,
            frequencies=self._frequencies,
            basis=self._basis if same else None,
            cache=self._cache if same else None,
            n_jobs=self.n_jobs,
        )
        if same:
            # Share what is made at the first search, whoever makes it.
            engine.__dict__["weighting"] = self.weighting
            engine.__dict__["histograms"] = self.histograms
        return engine

    @cached_property
    def weighting(self) -> TfidfWeighting:
        """Weights of the words, from their document frequencies in the index."""
        frequencies = self._frequencies
        if frequencies is None:
            counts = self.collection.counts(self.vocabulary.n_words_)
            frequencies = np.bincount(counts.indices, minlength=self.vocabulary.n_words_)
        return TfidfWeighting(**asdict(self.settings.weighting)).fit_frequencies(
            frequencies, len(self)
        )

    @cached_property
    def histograms(self) -> HistogramIndex:
        """The weighted histograms of the pictures, searchable."""
        rows = self.weighting.transform(self.collection.counts(self.vocabulary.n_words_))
        return HistogramIndex(rows, self.settings.candidates, basis=self._basis, cache=self._cache)

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
            ranking, _ = self._rank(features, len(self), None, stopwatch)
            identifiers = (self.collection.records[p].identifier for p in ranking.positions)
            rankings.append(FullRanking(name, tuple(identifiers), stopwatch.milliseconds))
        return rankings

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
        features: Features,
        k: int | None = 10,
        *,
        allow: Allow | None = None,
        name: str = "<features>",
        stopwatch: Stopwatch | None = None,
    ) -> SearchResult:
        """Search with features that were extracted before; as `search`."""
        if k is not None and k < 1:
            raise SettingsError(f"k={k}: expected at least 1, or None for all")
        stopwatch = stopwatch or Stopwatch()
        depth = len(self) if k is None else max(self.settings.candidates.n_candidates, k)
        ranking, query = self._rank(features, depth, self._allowed(allow), stopwatch)
        answers = []
        for i, position in enumerate(ranking.positions[:k]):
            record = self.collection.records[position]
            answer = Answer(
                rank=i,
                identifier=record.identifier,
                path=record.path,
                score=float(ranking.scores[i]),
                similarity=float(ranking.similarities[i]),
            )
            found = ranking.verifications.get(int(position))
            if found is not None:
                start = self.collection.offsets[position]
                answer = replace(
                    answer,
                    inliers=found.inliers,
                    evidence=float(ranking.evidence[i]),
                    verified=bool(ranking.evidence[i] >= self.settings.geometry.min_evidence),
                    transform=found.transform,
                    region=found.region,
                    query_points=query.keypoints[found.pairs[:, 0], :2],
                    points=self.collection.keypoints[start + found.pairs[:, 1], :2],
                )
            answers.append(answer)
        evidence = float(ranking.evidence.max(initial=0))
        verified = self.settings.geometry.verify > 0
        return SearchResult(
            query=name,
            answers=tuple(answers),
            matched=evidence >= self.settings.geometry.match_evidence if verified else None,
            evidence=evidence,
            n_features=len(features),
            milliseconds=dict(stopwatch.milliseconds),
        )

    def _rank(
        self,
        features: Features,
        depth: int,
        allowed: NDArray[np.bool_] | None,
        stopwatch: Stopwatch,
    ) -> tuple[Ranking, PictureFeatures]:
        n_words = self.vocabulary.n_words_
        with stopwatch("words"):
            words, keypoints = sort_by_word(
                self.vocabulary.predict(features.descriptors), features.keypoints, n_words
            )
            counts = word_counts(words, np.array([0, len(words)]), n_words)
            histogram = self.weighting.transform(counts)
        query = PictureFeatures(words, keypoints, features.size)
        ranking = rank(
            query,
            histogram,
            self.histograms,
            self.collection,
            self.settings,
            depth=depth,
            allowed=allowed,
            stopwatch=stopwatch,
        )
        return ranking, query

    def _allowed(self, allow: Allow | None) -> NDArray[np.bool_] | None:
        if allow is None:
            return None
        if callable(allow):
            return np.array([bool(allow(r.identifier)) for r in self.collection.records], bool)
        if isinstance(allow, str):
            raise SettingsError(f"allow={allow!r}: expected several identifiers, or a predicate")
        allowed = np.zeros(len(self), bool)
        for identifier in allow:
            allowed[self.collection.position(identifier)] = True
        return allowed

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
        if not results or not 0 <= false_accept_rate < 1:
            raise SettingsError(
                f"{len(results)} negatives, false_accept_rate={false_accept_rate}: "
                "expected at least one, and a rate from 0 to below 1"
            )
        evidence = np.sort([result.evidence for result in results])
        least = int(np.ceil(self.settings.geometry.min_evidence))
        threshold = next(
            t
            for t in range(least, max(int(evidence[-1]), least) + 2)
            if np.mean(evidence >= t) <= false_accept_rate
        )
        return Calibration(
            match_evidence=float(threshold),
            false_accept_rate=float(np.mean(evidence >= threshold)),
            n_queries=len(results),
            evidence=tuple(float(value) for value in evidence),
        )

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
            "versions": versions(),
        }
