"""Transformers of scikit-learn: from pictures to descriptors, and from these to word counts."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone

from ..errors import ImageError, SettingsError, shown
from ..features import Descriptors, Extractor, Features, extract_queries
from ..pictures import Source
from ..settings import Settings
from .descriptors import checked_descriptors
from .estimators import UnfittedError
from .sampling import DescriptorSample
from .vocabulary import Vocabulary
from .weighting import word_counts


class SiftTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc, call-arg]
    """Extracts the local features of pictures, for a pipeline of scikit-learn.

    It learns nothing. `BagOfVisualWords` takes what it gives.

    Parameters
    ----------
    max_features, region_factor, contrast_threshold, edge_threshold, upright, root, enlarge
        See `FeatureSettings`.
    max_side : int
        See `ImageSettings`.
    extractor : Extractor, optional
        What extracts the features, instead of SIFT; see `ExtractorTemplate`. The settings of
        features are then not used.
    on_error : {"raise", "empty"}
        What to do with a picture that cannot be read: raise its ImageError, or go on with no
        features for it, and warn. Rows are never left out, since labels belong to them.
    cache : path, optional
        A folder that keeps the features, by the content of the pictures. A grid search then
        extracts the features of each picture only once.
    n_jobs : int, optional
        How many pictures are read in parallel, as in scikit-learn.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import LinearSVC
    >>> make_pipeline(
    ...     SiftTransformer(), BagOfVisualWords(500), TfidfWeighting(), LinearSVC()
    ... ).fit(paths, labels)  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        max_features: int = 1500,
        region_factor: float = 2.5,
        contrast_threshold: float = 0.01,
        edge_threshold: float = 10.0,
        upright: bool = False,
        root: bool = True,
        enlarge: float = 2.0,
        max_side: int = 800,
        extractor: Extractor | None = None,
        on_error: str = "raise",
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.max_features = max_features
        self.region_factor = region_factor
        self.contrast_threshold = contrast_threshold
        self.edge_threshold = edge_threshold
        self.upright = upright
        self.root = root
        self.enlarge = enlarge
        self.max_side = max_side
        self.extractor = extractor
        self.on_error = on_error
        self.cache = cache
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: object = None, y: object = None) -> SiftTransformer:
        """Check the settings; nothing is learned, and no picture is read."""
        self._settings()
        return self

    def transform(self, X: Iterable[Source]) -> list[Descriptors]:
        """Extract the features of pictures.

        Parameters
        ----------
        X : iterable of paths, bytes, arrays (BGR) or pictures of Pillow

        Returns
        -------
        list of (n_i, 128) uint8 ndarray
            The descriptors of each picture.

        Raises
        ------
        ImageError
            When a picture cannot be read, unless `on_error` is "empty".
        """
        settings = self._settings()
        if isinstance(X, (str, bytes, os.PathLike)) or not isinstance(X, Iterable):
            raise SettingsError(f"X={shown(X)}: expected several pictures, such as a list of paths")
        described: list[Descriptors] = []
        failed: list[str] = []
        found = extract_queries(
            list(X), settings, extractor=self.extractor, cache=self.cache, n_jobs=self.n_jobs
        )
        with closing(found):  # also when an error is raised; see `bovw.features.or_raise`
            for _, features in found:
                if isinstance(features, Features):
                    described.append(features.descriptors)
                elif self.on_error == "raise" or not isinstance(features, ImageError):
                    raise features
                else:
                    failed.append(str(features))
                    described.append(np.zeros((0, 0), np.uint8))
        if failed:
            warnings.warn(
                f"{len(failed)} of {len(described)} pictures could not be read and have no "
                f"features, the first: {failed[0]}",
                stacklevel=2,
            )
        return described

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return a name for what comes out, so that a pipeline can name what comes after."""
        return np.array(["descriptors"], dtype=object)

    def set_output(self, *, transform: str | None = None) -> SiftTransformer:
        """Do nothing: descriptors are no table, so there is no choice of output."""
        return self

    def _settings(self) -> Settings:
        if self.on_error not in ("raise", "empty"):
            raise SettingsError(f"on_error={shown(self.on_error)}: expected 'raise' or 'empty'")
        names = "max_features", "region_factor", "contrast_threshold", "edge_threshold", "enlarge"
        features = {name: getattr(self, name) for name in (*names, "upright", "root")}
        return Settings().changed(features=features, images={"max_side": self.max_side})


class BagOfVisualWords(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Counts the visual words of pictures, given their descriptors.

    ``fit`` clusters descriptors into words (`Vocabulary`), and ``transform`` counts them.
    `TfidfWeighting` weights the counts.

    Parameters
    ----------
    n_words : int
    samples_per_word : int
        The words are trained on at most so many descriptors a word, drawn at random.
    two_level, random_state, n_jobs
        See `Vocabulary`.
    vocabulary : Vocabulary, optional
        Words that exist already. ``fit`` then learns nothing, and a clone has the same words.
    sparse_output : bool
        Whether `transform` returns a sparse matrix. Data frames (``set_output``) need false.

    Attributes
    ----------
    vocabulary_ : Vocabulary
    n_words_ : int
        Number of words; smaller than `n_words` if the descriptors have too few distinct values.
    """

    def __init__(
        self,
        n_words: int = 1000,
        *,
        samples_per_word: int = 50,
        two_level: bool | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
        vocabulary: Vocabulary | None = None,
        sparse_output: bool = True,
    ) -> None:
        self.n_words = n_words
        self.samples_per_word = samples_per_word
        self.two_level = two_level
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.vocabulary = vocabulary
        self.sparse_output = sparse_output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_clone__(self) -> BagOfVisualWords:
        """Copy the parameters; words that were given stay, although a clone is not fitted."""
        given = self.get_params(deep=False)
        copied = {k: v if k == "vocabulary" else clone(v, safe=False) for k, v in given.items()}
        made = type(self)(**copied)
        if hasattr(self, "_sklearn_output_config"):
            made._sklearn_output_config = copy.deepcopy(self._sklearn_output_config)
        return made

    def fit(self, X: Sequence[Descriptors | Features], y: object = None) -> BagOfVisualWords:
        """Learn the words.

        Parameters
        ----------
        X : sequence of (n_i, d) arrays, or of Features
            The descriptors of each picture; uint8 or floating-point numbers.
        y : ignored

        Raises
        ------
        TrainingError
            When there are fewer descriptors than words.
        """
        pictures = _descriptors(X)
        if self.vocabulary is None:
            if self.samples_per_word < 1:
                raise SettingsError(
                    f"samples_per_word={self.samples_per_word}: expected at least 1"
                )
            sample = DescriptorSample(self.n_words * self.samples_per_word, self.random_state)
            for position, descriptors in enumerate(pictures):
                sample.add(descriptors, position)
            words = Vocabulary(
                self.n_words,
                two_level=self.two_level,
                samples_per_word=self.samples_per_word,
                random_state=self.random_state,
                n_jobs=self.n_jobs,
            )
            self.vocabulary_ = words.fit(sample.descriptors())
        else:
            if not isinstance(self.vocabulary, Vocabulary):
                raise SettingsError(f"vocabulary={shown(self.vocabulary)}: expected a Vocabulary")
            self.vocabulary.predict(np.zeros((0, 0)))  # raises when it has no words
            self.vocabulary_ = self.vocabulary
        self.n_words_ = self.vocabulary_.n_words_
        return self

    def transform(
        self, X: Sequence[Descriptors | Features]
    ) -> sparse.csr_matrix | NDArray[np.float32]:
        """Count the words of pictures.

        Returns
        -------
        (n_pictures, n_words_) csr_matrix of float32, or ndarray
            See `sparse_output`. A picture without features has a row of zeros.
        """
        self._check_fitted()
        pictures = _descriptors(X)
        offsets = np.concatenate([[0], np.cumsum([len(each) for each in pictures])]).astype(int)
        found = [each for each in pictures if len(each)]
        words = self.vocabulary_.predict(np.concatenate(found) if found else np.zeros((0, 0)))
        for start, stop in pairwise(offsets):
            words[start:stop].sort()
        counts = word_counts(words, offsets, self.n_words_)
        return counts if self.sparse_output else counts.toarray()

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return the names of the columns: word_0, word_1, ..."""
        self._check_fitted()
        return np.array([f"word_{word}" for word in range(self.n_words_)], dtype=object)

    def _check_fitted(self) -> None:
        if not hasattr(self, "vocabulary_"):
            raise UnfittedError("this BagOfVisualWords has no words yet: call fit first")


def _descriptors(X: Any) -> list[Descriptors]:
    if isinstance(X, (str, bytes, Features)) or not isinstance(X, Iterable):
        raise SettingsError(
            f"X={shown(X)}: expected the descriptors of several pictures, an array (n, d) for each"
        )
    found = []
    for place, each in enumerate(X):
        try:
            array = np.asarray(each.descriptors if isinstance(each, Features) else each)
            empty = array.ndim == 2 and len(array) == 0
            found.append(array if empty else checked_descriptors(array))
        except (TypeError, ValueError) as error:  # rows of several lengths, or our own error
            raise SettingsError(f"picture {place}: {error}") from error
    kinds = {(each.dtype, each.shape[1]) for each in found if len(each)}
    if len(kinds) > 1:
        named = ", ".join(sorted(f"{length} of {dtype}" for dtype, length in kinds))
        raise SettingsError(f"descriptors of several kinds ({named}): expected one kind")
    return found
