"""What a search asks with: the features of a query, looked up in the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import Collection, PictureFeatures

Combine = Literal["joined", "mean", "best"]


@dataclass(frozen=True)
class QueryFeatures:
    """Features of one picture that is asked for, each in its nearest words.

    Attributes
    ----------
    words : (n, m) int32 ndarray
        The `m` nearest words of each feature; -1 for none.
    signatures : (n, m) uint64 ndarray
        In each of these words.
    keypoints : (n, 4) float32 ndarray
        ``x, y, scale, angle``.
    weights : (n,) float32 ndarray
        How much each feature counts, 1 at most for those of the query itself.
    size : (int, int)
        Width and height of the picture.
    whole : bool
        Whether all of the picture is asked for, not a region of it.
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
        """Places in ``words.ravel()`` that hold a word, in order of the words; and the words."""
        words = self.words.ravel()
        keys = words + 1
        if len(keys) and keys.max() < 1 << 16:  # numpy sorts short integers in linear time
            keys = keys.astype(np.uint16)
        order = np.argsort(keys, kind="stable")[np.count_nonzero(words < 0) :]
        return order, words[order]

    @property
    def picture(self) -> PictureFeatures:
        """The features in their nearest words alone, for verification."""
        return PictureFeatures(self.words[:, 0], self.keypoints, self.size)


@dataclass(frozen=True)
class Query:
    """What the stages of a search ask with.

    Attributes
    ----------
    histogram : (1, n_words) csr_matrix
        Of all pictures that are asked for together.
    pictures : tuple of QueryFeatures
        These pictures; one, as a rule. Features are in order of their nearest words.
    combine : {"joined", "mean", "best"}
        How several pictures score: by all their features together, or each by itself.
    """

    histogram: sparse.csr_matrix
    pictures: tuple[QueryFeatures, ...]
    combine: Combine = "joined"


@dataclass(frozen=True)
class Asked:
    """What one round asks with.

    Attributes
    ----------
    histogram : (1, n_words) csr_matrix
        For the candidates.
    pictures : sequence of QueryFeatures
        For the match kernel.
    weights : sequence of float, optional
        Of these pictures; without them all count the same.
    direction : (1, n_words) csr_matrix, optional
        Scores the histograms of the candidates anew.
    enriched : bool
        The pictures are those of the query with more features, and verify.
    """

    histogram: sparse.csr_matrix
    pictures: Sequence[QueryFeatures]
    weights: Sequence[float] | None = None
    direction: sparse.csr_matrix | None = None
    enriched: bool = False


def picture_as_query(collection: Collection, position: int) -> QueryFeatures:
    """Ask with the features of a picture of the collection, each in its one word."""
    part = collection.part(position)
    return QueryFeatures(
        collection.words[part][:, None].astype(np.int32),
        collection.signatures[part][:, None],
        collection.keypoints(position),
        np.ones(part.stop - part.start, np.float32),
        collection.size(position),
    )


def join_features(parts: Sequence[QueryFeatures]) -> QueryFeatures:
    """Join features; where places matter they lie in the same frame, that of the first part."""
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
