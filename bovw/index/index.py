"""An index in memory: pictures, vocabulary, settings, and the data derived from them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..collection import Collection, PictureWords, Segment, make_segment, split_keys, to_bytes
from ..errors import IncompatibleError
from ..features import (
    Extractor,
    Features,
    SiftExtractor,
    check_same_meaning,
    description_of,
    is_ours,
)
from ..pictures import Failure
from ..search import (
    Base,
    Calibration,
    CollectionRows,
    Combine,
    Graph,
    HistogramIndex,
    Query,
    Ranking,
    Stopwatch,
    StoredGraph,
    Weights,
    count_weights,
    kept_weights,
    looked_up,
    rank,
)
from ..settings import Settings, warn_of_other_versions
from ..vocabulary import TfidfWeighting, Vocabulary, word_counts
from .guises import rank_in_guises

# From this number of pictures on, document frequencies are counted anew only when some have
# changed; see `kept_weights`.
_MANY = 10_000
# Settings that cannot change after pictures were indexed; all others can, for every search.
_FIXED = {"features": ("upright", "region_factor", "root"), "vocabulary": None, "weighting": None}


Kind = TypeVar("Kind", bound="Index")


@dataclass(frozen=True)
class Index:
    """Everything that is needed to rank pictures for a query.

    Attributes
    ----------
    segments : tuple of Segment
        The pictures, their words and keypoints; at least one.
    vocabulary : Vocabulary
    settings : Settings
    descriptor : dict
        `Extractor.description` at the time when the index was made.
    versions : dict
        Versions of Python and packages that the index was made with.
    dead : mapping of int to tuple of int
        The tombstones: for the number of a segment, the positions in it of its removed entries
        (pictures or failures).
    graphs : tuple of Graph or StoredGraph
        Graphs of nmslib. They may have been built for an earlier set of pictures.
    calibration : Calibration or None
        How the threshold of a match was measured on this index; None: it is the default.
    stored_keys : (n_pictures,) int64 ndarray, optional
        `Collection.keys`, if they were stored or are known otherwise.
    stored_weights : Weights, optional
        The weights that were stored with the index; None: they are computed when needed.
    digest : str
        Digest of the manifest on disk, which tells whether the files are still the same; "" for
        an index that is only in memory.
    """

    segments: tuple[Segment, ...]
    vocabulary: Vocabulary
    settings: Settings
    descriptor: dict[str, Any]
    versions: dict[str, str]
    dead: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    graphs: tuple[Graph | StoredGraph, ...] = ()
    calibration: Calibration | None = None
    stored_keys: NDArray[np.int64] | None = None
    stored_weights: Weights | None = None
    digest: str = ""

    def __getstate__(self) -> dict[str, Any]:
        """What a copy, or another process, needs: the tables can be computed again."""
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **state,
            "graphs": self._graphs,
        }  # it may be of other pictures, and is as exact there

    @cached_property
    def collection(self) -> Collection:
        """All pictures that are not removed, in order of identifier."""
        if self.stored_keys is not None:
            return Collection(self.segments, self.stored_keys)
        return Collection.of(self.segments, self.dead)

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """Failures that no later version of the picture has resolved, in order of identifier."""
        return self.failures_in({segment.number for segment in self.segments})

    def failures_in(self, numbers: Container[int]) -> tuple[Failure, ...]:
        """Those of the failures that are noted in some segments."""
        return tuple(failure for number, failure in self._failures if number in numbers)

    @cached_property
    def _failures(self) -> tuple[tuple[int, Failure], ...]:
        """Failures, each with the number of the segment that notes it."""
        found: dict[str, tuple[int, Failure]] = {}
        for segment in self.segments:
            for name in [n for n in found if segment.records.find(to_bytes(n)) is not None]:
                del found[name]
            gone = set(self.dead.get(segment.number, ()))
            for place, failure in enumerate(segment.failures, len(segment)):
                if place not in gone:
                    found[failure.identifier] = segment.number, failure
        return tuple(found[identifier] for identifier in sorted(found))

    @cached_property
    def weights(self) -> Weights:
        """What depends on all pictures together: document frequencies and lengths."""
        if self.stored_weights is not None:
            return self.stored_weights
        return count_weights(self.collection, TfidfWeighting(**asdict(self.settings.weighting)))

    @cached_property
    def weighting(self) -> TfidfWeighting:
        """TF-IDF weights of the words, from their document frequencies in this index."""
        weighting = TfidfWeighting(**asdict(self.settings.weighting))
        weighting.idf_ = self.weights.idf
        return weighting

    @cached_property
    def histograms(self) -> HistogramIndex:
        """The TF-IDF histograms of the pictures, ready to be searched."""
        stored = [graph for graph in self.graphs if isinstance(graph, StoredGraph)]
        return HistogramIndex(
            CollectionRows(self.collection, self.weighting, self.weights),
            self.settings.candidates,
            keys=self.collection.keys,
            graphs=[graph for graph in self.graphs if isinstance(graph, Graph)],
            loading=stored,
        )

    @cached_property
    def base(self) -> Base:
        """The data that a search uses: pictures, histograms and word weights."""
        return Base(self.collection, self.histograms, self.weights)

    def grown(self, segment: Segment) -> Index:
        """Return an index with one more segment; it replaces pictures of the same identifiers."""
        positions = self.collection.positions
        again = [positions[r.identifier] for r in segment.records if r.identifier in positions]
        dead = self._with_dead(again)
        collection = self.collection.without(again).grown(segment)
        return self._changed_to(collection, dead, len(again) + len(segment))

    def without(self, identifiers: Iterable[str]) -> Index:
        """Return an index without the pictures, or failures, of some identifiers.

        Raises
        ------
        UnknownPictureError
            When an identifier is neither that of a picture nor that of a failure.
        """
        names = dict.fromkeys(identifiers)
        failed = {failure.identifier for failure in self.failures}
        positions = self.collection.positions
        gone = [self.collection.position(n) for n in names if n in positions or n not in failed]
        failures = (
            (segment.number, place)
            for segment in self.segments
            for place, failure in enumerate(segment.failures, len(segment))
            if failure.identifier in names
        )
        dead = self._with_dead(gone, failures)
        return self._changed_to(self.collection.without(gone), dead, len(gone))

    def _changed_to(
        self, collection: Collection, dead: dict[int, tuple[int, ...]], n_changed: int
    ) -> Index:
        """Return the index of another collection; the weights are kept if they differ little."""
        weights = None
        if len(collection) >= _MANY:
            weights = kept_weights(
                self.weights, self.weighting, self.collection, collection, n_changed
            )
        return replace(
            self,
            segments=collection.segments,
            dead=dead,
            graphs=self._graphs,
            stored_keys=collection.keys,
            stored_weights=weights,
        )

    def calibrated(self, calibration: Calibration) -> Index:
        """Return the index with the threshold of a calibration."""
        changed = self.changed(geometry={"match_evidence": calibration.match_evidence})
        return replace(changed, calibration=calibration)

    def compacted(self) -> Index:
        """Return an index of one segment, without removed pictures; needs memory for both."""
        collection = self.collection
        pictures = [PictureWords(**collection.stored(i)) for i in range(len(collection))]
        segment = make_segment(
            collection.records, pictures, self.vocabulary.n_words_, self.failures, self.next_number
        )
        return self.of_segments([segment])

    def of_segments(self, segments: Sequence[Segment]) -> Index:
        """Return an index of other segments, none of whose pictures is removed."""
        return replace(
            self,
            segments=tuple(segments),
            dead={},
            graphs=(),
            stored_keys=None,
            stored_weights=None,
        )

    @property
    def segment_sizes(self) -> dict[int, tuple[int, int]]:
        """For each segment: how many pictures it has, and how many of these are removed."""
        return {
            s.number: (len(s), sum(place < len(s) for place in self.dead.get(s.number, ())))
            for s in self.segments
            if s.number
        }

    @property
    def next_number(self) -> int:
        """Number for the next new segment."""
        return max(segment.number for segment in self.segments) + 1

    @property
    def _graphs(self) -> tuple[Graph | StoredGraph, ...]:
        made: HistogramIndex | None = self.__dict__.get("histograms")
        return self.graphs if made is None or not made.graphs else made.graphs

    def _with_dead(
        self, positions: Iterable[int], failures: Iterable[tuple[int, int]] = ()
    ) -> dict[int, tuple[int, ...]]:
        dead = {number: set(places) for number, places in self.dead.items()}
        keys = self.collection.keys
        numbers, places = split_keys(keys[list(positions)])
        pictures = zip(numbers.tolist(), places.tolist(), strict=True)
        for number, place in chain(pictures, failures):
            dead.setdefault(number, set()).add(place)
        return {number: tuple(sorted(places)) for number, places in dead.items()}

    @property
    def bytes_per_picture(self) -> float:
        """Mean number of bytes of the words, signatures and keypoints of a picture."""
        return self.collection.nbytes / max(1, len(self.collection))

    def check(self, name: str, extractor: Extractor | None = None) -> None:
        """Compare the extractor, OpenCV and settings that made the index with those of now.

        Parameters
        ----------
        name : str
            Name of the index in messages.
        extractor : Extractor, optional
            Default: our SIFT. Without it, an index of other features is not checked: it can be
            searched with such features.

        Raises
        ------
        IncompatibleError
            When pictures would be described differently now. If only the version of OpenCV
            differs, there is a warning instead.
        """
        if extractor is None and not self.is_ours:
            return
        if extractor is None:
            given = SiftExtractor(self.settings.features).description()
        else:
            given = description_of(extractor)
        check_same_meaning(self.descriptor, given, name)
        if self.vocabulary.made_with_ is not None:
            made_with = self.vocabulary.made_with_["descriptor"]
            check_same_meaning(made_with, given, f"the vocabulary of {name}")
        if self.is_ours:
            warn_of_other_versions(self.versions, name)

    @property
    def is_ours(self) -> bool:
        """Whether the features are those of our SIFT, not of another extractor."""
        return is_ours(self.descriptor)

    def check_words(self) -> None:
        """Read the words of all segments; raise a FormatError when they are damaged."""
        for segment in self.segments:
            segment.check_words()

    def changed(self, **changes: dict[str, Any]) -> Index:
        """Return the same index with other settings.

        Raises
        ------
        IncompatibleError
            When a setting cannot change any more, because the index was made with it.
        """
        settings = self.settings.changed(**changes)
        for room, names in _FIXED.items():
            now, then = asdict(getattr(settings, room)), asdict(getattr(self.settings, room))
            for name in names or now:
                if now[name] != then[name]:
                    raise IncompatibleError(
                        f"{room}.{name}={now[name]!r}: this index was made with {then[name]!r}; "
                        "build a new index to change it"
                    )
        if settings.candidates != self.settings.candidates:
            return replace(self, settings=settings, graphs=())
        index = replace(self, settings=settings)
        # Share the data that are computed at the first search, of either index.
        index.__dict__["collection"] = self.collection
        index.__dict__["weights"] = self.weights
        index.__dict__["weighting"] = self.weighting
        index.__dict__["histograms"] = self.histograms
        index.__dict__["base"] = self.base
        return index

    def as_kind(self, kind: type[Kind], **more: Any) -> Kind:
        """Return the same index as another class, with more or other fields."""
        made = kind(**{**{each.name: getattr(self, each.name) for each in fields(Index)}, **more})
        for name in ("collection", "weights", "weighting"):  # what was computed is the same
            if name in self.__dict__:
                made.__dict__[name] = self.__dict__[name]
        return made

    def rank(
        self,
        features: Sequence[Features],
        depth: int,
        allowed: NDArray[np.bool_] | None = None,
        stopwatch: Stopwatch | None = None,
        combine: Combine = "joined",
    ) -> Ranking:
        """Rank the pictures for a query, given the features of one or several query pictures.

        See `cascade.rank`.
        """
        watch = stopwatch or Stopwatch()
        query = self.query(features, watch, combine)
        return rank_in_guises(self, query, lambda: features, depth, allowed, watch)

    def ranked(
        self, query: Query, depth: int, allowed: NDArray[np.bool_] | None, stopwatch: Stopwatch
    ) -> Ranking:
        """Rank the pictures for a query whose words are known; see `cascade.rank`."""
        try:
            return rank(
                query, self.base, self.settings, depth=depth, allowed=allowed, stopwatch=stopwatch
            )
        except IndexError as error:  # words are not read, and so not checked, at opening
            self.check_words()
            raise error

    def query(
        self, features: Sequence[Features], stopwatch: Stopwatch, combine: Combine = "joined"
    ) -> Query:
        """Compute the words, histogram and signatures of a query."""
        with stopwatch("words"):
            pictures = tuple(
                looked_up(part, self.vocabulary, self.settings.kernel) for part in features
            )
            words = np.concatenate([picture.words[:, 0] for picture in pictures])
            counts = word_counts(words, np.array([0, len(words)]), self.vocabulary.n_words_)
            return Query(self.weighting.transform(counts), pictures, combine)
