"""Visual vocabularies: cluster descriptors into visual words, and find words of descriptors."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import asdict
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ..display import html_or_none
from ..errors import SettingsError, TrainingError, shown
from ..features import Descriptors
from ..nearest import CacheFile, NearestNeighbours
from ..parallel import worker_count
from .checkpoints import Checkpoints
from .clustering import minibatch_kmeans, nearest_exactly, two_levels
from .descriptors import checked_descriptors
from .estimators import UnfittedError, validated
from .refinement import Cells, assigned, refined
from .scale import DescriptorScale
from .signatures import HammingEmbedding
from .statistics import WordStatistics

# Up to this many words a matrix product is as fast as nmslib's graph, and exact.
_EXACT_UP_TO = 1024
# From this many words on, training uses two levels. Measured with 20,000 words: it is 17 times
# faster, and rankings are better than with one level from random initial centres, which fills the
# words less evenly.
_TWO_LEVEL_FROM = 4096
# From this many words on, training goes on after the two levels, with all words at once, until the
# quantisation error is within 3 % of that of k-means (docs/scaling.md).
_REFINED_FROM = 50_000
_REFINEMENTS = 3
# Breadth of the search in the graph. With 50,000 words, 96 % of the descriptors find their nearest
# word, and the others one almost as near. With 64 it is 98 %, at half the speed.
_BREADTH = 32
# The thresholds of the signatures are learned from this many descriptors per word, but from at
# least `_ENOUGH_FOR_SIGNATURES` in all.
_SAMPLES_FOR_SIGNATURES = 50
_ENOUGH_FOR_SIGNATURES = 100_000
# Number of descriptors for which the approximate assignment is compared with the exact one.
_COMPARED = 5000


class Vocabulary(BaseEstimator):  # type: ignore[misc]
    """A visual vocabulary: k-means over descriptors, with fast assignment.

    Descriptors are rows of uint8, such as RootSIFT, or of floating-point numbers, of any dimension
    up to 4,096. Floating-point descriptors are quantised to uint8 by a scale that `fit` learns (one
    offset and one step for all dimensions); `scale_` and `quantization_error_` say how. A
    vocabulary takes the kind of descriptors that it was fitted to, and refuses the other.

    Parameters
    ----------
    n_words : int
        Up to 1,000,000.
    two_level : bool, optional
        First cluster into about ``sqrt(n_words)`` clusters, then cluster each of them by itself.
        The vocabulary is the flat list of all resulting words: assignment searches all of them,
        not a tree. Default: two levels from 4,096 words on.
    samples_per_word : int
        Used by `train_vocabulary` to draw the training sample; `fit` uses all descriptors that it
        gets.
    random_state : int
    n_jobs : int, optional
        Number of clusters of the second level that are trained in parallel, and of threads that
        assign words.
    progress : bool
        Show progress on stderr while training.

    Attributes
    ----------
    centers_ : (n_words_, d) uint8 ndarray
        Centres, quantised like the descriptors. All squared distances are then whole
        numbers that float32 holds exactly, so an assignment does not depend on the machine.
    n_words_ : int
        Number of distinct centres. It is smaller than `n_words` when the descriptors have too few
        distinct values.
    scale_ : DescriptorScale or None
        How floating-point descriptors are quantised; None for descriptors that are uint8.
    quantization_error_ : float
        Root mean square of what the quantisation changes in the numbers of the training
        descriptors, as a share of their standard deviation; 0 for uint8.
    agreement_ : float
        Share of a sample of the training descriptors for which the approximate assignment gives
        the nearest centre; 1 when the assignment is exact.
    statistics_ : WordStatistics
        How evenly a larger sample of the training descriptors is distributed over the words.
    embedding_ : HammingEmbedding
        Computes signatures of descriptors. Its thresholds are learned on the same larger sample.
    made_with_ : dict or None
        Settings, extractor and pictures from which the descriptors came, when they are known. The
        vocabulary in the box has a ``name`` there.
    """

    def __init__(
        self,
        n_words: int = 20_000,
        *,
        two_level: bool | None = None,
        samples_per_word: int = 50,
        random_state: int = 0,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.n_words = n_words
        self.two_level = two_level
        self.samples_per_word = samples_per_word
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(
        self, X: ArrayLike, y: object = None, *, checkpoints: Checkpoints | None = None
    ) -> Vocabulary:
        """Cluster descriptors into words.

        Parameters
        ----------
        X : (n, d) array of uint8 or floating-point numbers
            At least `n_words` rows; about fifty per word are better. It may be memory-mapped: of
            uint8 only a small part is read into memory at a time.
        y : ignored
        checkpoints : Checkpoints, optional
            What an interrupted `fit` of the same descriptors has computed.

        Raises
        ------
        TrainingError
            When there are fewer descriptors than words.
        """
        given = checked_descriptors(self._validated(X, reset=True))
        if not 1 <= self.n_words <= 1_000_000:
            raise SettingsError(f"n_words={self.n_words}: expected 1 to 1,000,000")
        if len(given) < self.n_words:
            raise TrainingError(
                f"{len(given)} descriptors for {self.n_words} words: "
                f"give more pictures, or ask for fewer words (n_samples={len(given)})"
            )
        descriptors = self._learn_scale(given)
        two_level = self.n_words >= _TWO_LEVEL_FROM if self.two_level is None else self.two_level
        refinements = _REFINEMENTS if two_level and self.n_words >= _REFINED_FROM else 0
        centers = self._clustered(descriptors, two_level, refinements, checkpoints)
        self._take(np.unique(np.clip(np.rint(centers), 0, 255).astype(np.uint8), axis=0))
        if self.n_words_ < self.n_words:
            warnings.warn(
                f"{self.n_words_} distinct words instead of {self.n_words}: the descriptors have "
                "too few distinct values; give more pictures or ask for fewer words",
                stacklevel=2,
            )
        rng = np.random.default_rng(self.random_state)
        size = max(_SAMPLES_FOR_SIGNATURES * self.n_words_, _ENOUGH_FOR_SIGNATURES)
        order = rng.permutation(len(descriptors))[:size]
        compared = descriptors[order[:_COMPARED]]
        self.agreement_ = 1.0
        if not self.is_exact:
            found, right = self._nearest(compared, 1)[0], self._exact(compared, 1)[0]
            self.agreement_ = float(np.mean(found == right))
        # A copy of all might not fit into memory.
        sample = descriptors if len(order) == len(descriptors) else descriptors[np.sort(order)]
        words = self._words_of(sample) if refinements else self._nearest(sample, 1)[0][:, 0]
        self.statistics_ = WordStatistics.of(words, self.n_words_)
        self.embedding_ = HammingEmbedding.fit(sample, words, self.centers_, self.random_state)
        return self

    def _clustered(
        self,
        descriptors: NDArray[np.uint8],
        two_level: bool,
        refinements: int,
        checkpoints: Checkpoints | None,
    ) -> NDArray[np.float32]:
        n_words, seed = self.n_words, self.random_state
        if not two_level:
            return minibatch_kmeans(descriptors, n_words, seed, progress=self.progress)
        how: dict[str, Any] = {"n_jobs": self.n_jobs, "progress": self.progress}
        kept = checkpoints or Checkpoints()
        centers = two_levels(descriptors, n_words, seed, checkpoints=kept, **how)
        for i in range(refinements):
            moved = kept.load(f"refined-{i}")
            if moved is None:
                moved = refined(descriptors, centers, seed + i, **how)
                kept.save(f"refined-{i}", moved)
            centers = moved
        return centers

    def _words_of(self, sample: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Find the words of a large training sample, which is faster than by the graph."""
        cells = Cells(self.centers_.astype(np.float32), self.random_state)
        how = "finding words" if self.progress else None
        return np.concatenate([w for _, w in assigned(cells, sample, self.n_jobs, how)])

    def _learn_scale(self, descriptors: Descriptors) -> NDArray[np.uint8]:
        self.scale_: DescriptorScale | None = None
        self.quantization_error_ = 0.0
        if descriptors.dtype == np.uint8:
            return descriptors
        self.scale_ = DescriptorScale.fit(descriptors, self.random_state)
        self.quantization_error_ = self.scale_.error(descriptors[:_COMPARED])
        return self.scale_.transform(descriptors)

    @classmethod
    def from_centers(
        cls,
        centers: NDArray[np.uint8],
        *,
        embedding: HammingEmbedding | None = None,
        graph: CacheFile | None = None,
        scale: DescriptorScale | None = None,
        **parameters: Any,
    ) -> Vocabulary:
        """Make a vocabulary of known centres ``(n_words, d)`` uint8, all of them distinct.

        For centres of other tools see `own_words`. Without an `embedding` the thresholds of the
        signatures are the projected centres. `graph` may name files that `save_graph` wrote for
        exactly these centres.
        """
        vocabulary = cls(**parameters)
        if np.asarray(centers).dtype != np.uint8:
            raise SettingsError("centres of another type than uint8: see bovw.own_words")
        vocabulary._take(checked_descriptors(centers), graph)
        vocabulary.scale_ = scale
        if embedding is None:
            none = np.zeros(0, np.int64)
            embedding = HammingEmbedding.fit(centers[:0], none, centers, vocabulary.random_state)
        vocabulary.embedding_ = embedding
        return vocabulary

    def _take(self, centers: NDArray[np.uint8], graph: CacheFile | None = None) -> None:
        self.centers_ = centers
        self.n_words_ = len(centers)
        self.n_features_in_ = centers.shape[1]
        self.made_with_: dict[str, Any] | None = None
        self._graph_file = graph
        self._neighbours: NearestNeighbours | None = None

    # Assignment

    @property
    def is_exact(self) -> bool:
        """Whether words are found by comparing descriptors with every centre."""
        return self.n_words_ <= _EXACT_UP_TO

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Find the word of each descriptor.

        Parameters
        ----------
        X : (n, d) array
            Of the kind that the vocabulary was fitted to: uint8, or floating-point numbers.

        Returns
        -------
        (n,) int32 ndarray
        """
        return self.nearest(X, 1)[0][:, 0]

    def nearest(
        self, X: ArrayLike, k: int, *, n_threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the `k` nearest words of each descriptor.

        Parameters
        ----------
        X : (n, d) array-like
        k : int
        n_threads : int, optional
            Default: as `n_jobs` says. The words do not depend on it.

        Returns
        -------
        words : (n, k) int32 ndarray
            Nearest first. There are fewer columns when the vocabulary has fewer than `k` words,
            and -1 where the approximate search found fewer words.
        distances : (n, k) float32 ndarray
            Squared Euclidean distances, after quantisation, in the units of the descriptors.
        """
        descriptors = self.quantized(X)
        if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
            raise SettingsError(f"k={shown(k)}: expected a whole number from 1")
        return self._in_units(*self._nearest(descriptors, int(k), n_threads))

    def quantized(self, X: ArrayLike) -> NDArray[np.uint8]:
        """Return descriptors ``(n, d)`` as uint8, in which all work with them is done.

        Raises
        ------
        SettingsError
            When they are not of the kind that the vocabulary was fitted to.
        """
        self._check_fitted()
        descriptors = checked_descriptors(
            self._validated(X, reset=False), self.centers_.shape[1], self.scale_ is None
        )
        if self.scale_ is None:
            return descriptors
        return self.scale_.transform(descriptors)

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Check data as scikit-learn does, unless it is an array of descriptors."""
        is_plain = isinstance(X, np.ndarray) and X.dtype in (np.uint8, np.float32)
        if is_plain and X.ndim == 2 and X.shape[1] > 0:
            if reset and hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            return X
        if not reset and getattr(X, "shape", (1,))[0] == 0:
            return X
        kind = np.uint8 if getattr(X, "dtype", None) == np.uint8 else np.float32
        return validated(self, X, reset=reset, dtype=kind)

    def _in_units(
        self, words: NDArray[np.int32], squared: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        if self.scale_ is not None:
            squared = np.asarray(squared * self.scale_.step**2, np.float32)
        return words, squared

    def signatures(self, X: ArrayLike, words: NDArray[np.integer]) -> NDArray[np.uint64]:
        """Compute the signatures of descriptors; see `HammingEmbedding.transform`."""
        return self.embedding_.transform(self.quantized(X), words)

    def exact(self, X: ArrayLike, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Find the `k` nearest words by comparing with all; returns what `nearest` returns."""
        return self._in_units(*self._exact(self.quantized(X), k))

    def _nearest(
        self, descriptors: NDArray[np.uint8], k: int, n_threads: int | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        if self.is_exact:
            return self._exact(descriptors, k)
        threads = n_threads or worker_count(self.n_jobs)
        return self._graph().search(descriptors, k, n_threads=threads)

    def _exact(
        self, descriptors: NDArray[np.uint8], k: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return nearest_exactly(descriptors, self.centers_.astype(np.float32), k)

    def _graph(self) -> NearestNeighbours:
        if self._neighbours is None:
            self._neighbours = NearestNeighbours(
                self.centers_, ef_search=_BREADTH, cache=self._graph_file
            )
        return self._neighbours

    def save_graph(self, path: Path) -> None:
        """Write the search graph to `path`, as a cache for `from_centers`."""
        self._check_fitted()
        self._graph().save(path)

    def _check_fitted(self) -> None:
        if not hasattr(self, "centers_"):
            raise UnfittedError("this Vocabulary has no words yet: call fit first, or load one")

    def _repr_html_(self) -> str | None:
        return html_or_none(self) if hasattr(self, "centers_") else None

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Show a notebook what was trained, where scikit-learn would show parameters only."""
        html = self._repr_html_()
        return {"text/plain": repr(self)} | ({} if html is None else {"text/html": html})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that gives descriptors their words and signatures, in hexadecimal.

        Words and signatures can be compared when, and only when, their vocabularies have the same
        fingerprint.
        """
        self._check_fitted()
        content = hashlib.sha256()
        for array in (self.centers_, self.embedding_.projection, self.embedding_.thresholds):
            content.update(f"{array.dtype.str}{array.shape}".encode("ascii"))
            content.update(np.ascontiguousarray(array).tobytes())
        if self.scale_ is not None:
            content.update(np.array([self.scale_.low, self.scale_.step], "<f8").tobytes())
        return content.hexdigest()

    def facts(self) -> dict[str, Any]:
        """Return measurements from the training, for JSON; empty when they are not known."""
        if not hasattr(self, "statistics_"):
            return {}
        facts = {"agreement": self.agreement_, "statistics": asdict(self.statistics_)}
        if self.scale_ is not None:
            facts["quantization_error"] = self.quantization_error_
        return facts
