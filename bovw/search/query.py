"""A query: the features of its pictures, with the visual words that they were assigned to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import Collection, PictureFeatures
from ..features import Features
from ..parallel import thread_count
from ..settings import KernelSettings
from ..vocabulary import Vocabulary, center_weights

Combine = Literal["joined", "mean", "best"]


@dataclass(frozen=True)
class QueryFeatures:
    """Features of one query picture, each assigned to its nearest words.

    Attributes
    ----------
    words : (n, m) int32 ndarray
        The `m` nearest words of each feature; -1 where there are fewer.
    signatures : (n, m) uint64 ndarray
        Signature of each feature in each of these words. A signature is 64 bits that say where in
        its word a descriptor lies.
    keypoints : (n, 4) float32 ndarray
        ``x, y, scale, angle``.
    weights : (n,) float32 ndarray
        How much each feature counts. It is at most 1 for the query's own features.
    size : (int, int)
        Width and height of the picture.
    whole : bool
        Whether the query is the whole picture, not a region of it.
    """

    words: NDArray[np.int32]
    signatures: NDArray[np.uint64]
    keypoints: NDArray[np.float32]
    weights: NDArray[np.float32]
    size: tuple[int, int]
    whole: bool = True

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def by_word(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Indices into ``words.ravel()``, sorted by word, without the -1; and the sorted words."""
        words = self.words.ravel()
        keys = words + 1
        if len(keys) and keys.max() < 1 << 16:  # numpy sorts short integers in linear time
            keys = keys.astype(np.uint16)
        order = np.argsort(keys, kind="stable")[np.count_nonzero(words < 0) :]
        return order, words[order]

    @property
    def picture(self) -> PictureFeatures:
        """The features with only their nearest word each, for verification."""
        return PictureFeatures(self.words[:, 0], self.keypoints, self.size)


@dataclass(frozen=True)
class Query:
    """A query as the stages of a search use it: usually one picture, or several.

    Attributes
    ----------
    histogram : (1, n_words) csr_matrix
        One histogram of all query pictures together.
    pictures : tuple of QueryFeatures
        The query pictures. Features are in order of their nearest words.
    combine : {"joined", "mean", "best"}
        How a candidate is scored when the query has several pictures: by all their features
        together, by the mean of the scores of each picture, or by the best of these scores.
    """

    histogram: sparse.csr_matrix
    pictures: tuple[QueryFeatures, ...]
    combine: Combine = "joined"


@dataclass(frozen=True)
class Asked:
    """The query of one round: the original one, or an expanded one.

    Attributes
    ----------
    histogram : (1, n_words) csr_matrix
        Finds the candidates.
    pictures : sequence of QueryFeatures
        Pictures with which the match kernel scores the candidates.
    weights : sequence of float, optional
        Weights of these pictures; default: see `Query.combine`.
    direction : (1, n_words) csr_matrix, optional
        Replaces `histogram` in the scores of the candidates that it found.
    enriched : bool
        Whether the pictures are the query's own pictures with features added from answers. Only
        then can they be used for verification.
    """

    histogram: sparse.csr_matrix
    pictures: Sequence[QueryFeatures]
    weights: Sequence[float] | None = None
    direction: sparse.csr_matrix | None = None
    enriched: bool = False


def picture_as_query(collection: Collection, position: int) -> QueryFeatures:
    """Make a query of a picture of the collection; each feature has one word."""
    part = collection.part(position)
    return QueryFeatures(
        collection.words[part][:, None].astype(np.int32),
        collection.signatures[part][:, None],
        collection.keypoints(position),
        np.ones(part.stop - part.start, np.float32),
        collection.size(position),
    )


def join_features(parts: Sequence[QueryFeatures]) -> QueryFeatures:
    """Join the features of several parts into one; the size is that of the first part.

    When keypoints are used later, all parts must have the coordinates of the first part.
    """
    n_nearest = max(part.words.shape[1] for part in parts)
    missing = [((0, 0), (0, n_nearest - part.words.shape[1])) for part in parts]
    return QueryFeatures(
        np.concatenate(
            [np.pad(p.words, m, constant_values=-1) for p, m in zip(parts, missing, strict=True)]
        ),
        np.concatenate([np.pad(p.signatures, m) for p, m in zip(parts, missing, strict=True)]),
        np.concatenate([part.keypoints for part in parts]),
        np.concatenate([part.weights for part in parts]),
        parts[0].size,
        parts[0].whole,
    )


def looked_up(features: Features, vocabulary: Vocabulary, kernel: KernelSettings) -> QueryFeatures:
    """Look the features of a query up in a vocabulary: words, signatures, weights."""
    n_nearest = 1 if kernel.method == "none" else kernel.n_nearest
    threads = thread_count(vocabulary.n_jobs)
    nearest = vocabulary.nearest(features.descriptors, n_nearest, n_threads=threads)[0]
    signatures = vocabulary.signatures(features.descriptors, nearest)
    order = np.argsort(nearest[:, 0], kind="stable")
    keypoints, whole = features.keypoints[order], features.region is None
    sigma = kernel.center_sigma if whole and kernel.method != "none" else 0.0
    return QueryFeatures(
        nearest[order],
        signatures[order],
        keypoints,
        center_weights(keypoints[:, :2], features.size, sigma),
        features.size,
        whole,
    )
