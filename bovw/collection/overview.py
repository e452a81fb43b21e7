"""An overview of a collection: features of each picture, use of each word, examples of words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..vocabulary import WordStatistics
from .catalogue import keys_of, positions_of_keys
from .forward_store import Collection

_AT_ONCE = 2000  # pictures whose words are counted together
_SEVERAL = 4  # pictures that a rare word should have, so that they can be compared
_TRIED = 64  # pictures of a segment among which those of a word are chosen


@dataclass(frozen=True)
class Occurrence:
    """A feature of a picture, as an example of its word.

    Attributes
    ----------
    identifier, path : str
        Of the picture.
    size : (int, int)
        Width and height of the picture.
    x, y, scale, angle : float
        The keypoint; see `Features.keypoints`.
    """

    identifier: str
    path: str
    size: tuple[int, int]
    x: float
    y: float
    scale: float
    angle: float


@dataclass(frozen=True)
class WordUse:
    """How often a word occurs, and where.

    Attributes
    ----------
    word : int
    n_features, n_pictures : int
        How often it occurs, and in how many pictures.
    examples : tuple of Occurrence
        Each in another picture.
    """

    word: int
    n_features: int
    n_pictures: int
    examples: tuple[Occurrence, ...]


@dataclass(frozen=True, eq=False)
class Overview:
    """What a collection holds, for people to look at.

    Attributes
    ----------
    sizes : (n_pictures,) int64 ndarray
        Number of features of each picture, in order of identifier.
    n_features, n_pictures : (n_words,) int64 ndarray
        How often each word occurs, and in how many pictures.
    imbalance : float
        See `WordStatistics.imbalance`, of the words of this collection.
    frequent : tuple of WordUse
        The most frequent words.
    rare : tuple of WordUse
        The least frequent of the words that at least four pictures have, if there are such.
    """

    sizes: NDArray[np.int64]
    n_features: NDArray[np.int64]
    n_pictures: NDArray[np.int64]
    imbalance: float
    frequent: tuple[WordUse, ...]
    rare: tuple[WordUse, ...]


def overview_of(collection: Collection, n_words: int = 12, n_examples: int = 8) -> Overview:
    """Make an overview of a collection.

    Parameters
    ----------
    collection : Collection
    n_words : int
        How many frequent words, and how many rare ones, have examples.
    n_examples : int
        Largest number of examples of a word.
    """
    n_features = np.zeros(collection.segments[0].n_words, np.int64)
    n_pictures = n_features.copy()
    for start in range(0, len(collection), _AT_ONCE):
        counts = collection.counts(np.arange(start, min(start + _AT_ONCE, len(collection))))
        n_features += np.asarray(counts.sum(axis=0), np.int64).ravel()
        n_pictures += np.bincount(counts.indices, minlength=len(n_pictures))
    order = np.lexsort((np.arange(len(n_features)), -n_features))
    used = order[n_features[order] > 0]
    several = used[n_pictures[used] >= _SEVERAL]
    frequent = used[:n_words]
    rare = (several if len(several) else used)[::-1]
    rare = rare[~np.isin(rare, frequent)][:n_words]
    chosen = np.concatenate([frequent, rare])
    examples = _examples(collection, chosen, n_examples)
    uses = [
        WordUse(word, int(n_features[word]), int(n_pictures[word]), found)
        for word, found in zip(chosen.tolist(), examples, strict=True)
    ]
    return Overview(
        sizes=collection.sizes,
        n_features=n_features,
        n_pictures=n_pictures,
        imbalance=WordStatistics.of_counts(n_features).imbalance,
        frequent=tuple(uses[: len(frequent)]),
        rare=tuple(uses[len(frequent) :]),
    )


def _examples(
    collection: Collection, words: NDArray[np.integer], most: int
) -> list[tuple[Occurrence, ...]]:
    """For each word its first feature in some of the pictures that have it, spread evenly."""
    found = []
    for word in words.tolist():
        keys = []
        for segment in collection.segments:
            views = segment.views
            part = slice(views.posting_offsets[word], views.posting_offsets[word + 1])
            places = views.postings[part, 0].astype(np.int64)
            keys.append(keys_of(segment.number, _spread(places, max(most, _TRIED))))
        positions = positions_of_keys(collection.keys, np.concatenate(keys))
        positions = _spread(np.sort(positions[positions >= 0]), most)
        found.append(tuple(_occurrence(collection, p, word) for p in positions.tolist()))
    return found


def _spread(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of some values, spread evenly over them."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.int64)]


def _occurrence(collection: Collection, position: int, word: int) -> Occurrence:
    words = collection.words[collection.part(position)]
    x, y, scale, angle = collection.keypoints(position)[int(np.searchsorted(words, word))].tolist()
    record = collection.records[position]
    size = record.width, record.height
    return Occurrence(record.identifier, record.path, size, x, y, scale, angle)
