"""The match kernel: exact scores of candidates from their words and signatures.

Features match that share a word and whose signatures are near. Jegou, Douze & Schmid, "Hamming
embedding and weak geometric consistency" (ECCV 2008) and "On the burstiness of visual elements"
(CVPR 2009); multiple assignment on the side of the query as in "Improving bag-of-features for
large scale image search" (IJCV 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...collection import Collection, WordStore
from ...settings import KernelSettings
from ...vocabulary import BITS, hamming_distances
from ..geometry.correspondences import Correspondences
from ..query import QueryFeatures


@dataclass(frozen=True)
class KernelMatches:
    """Pairs of features that share a word and have near signatures.

    Attributes
    ----------
    query : (m,) int32 ndarray
        Feature of the query.
    feature : (m,) int64 ndarray
        Feature of the collection.
    candidate : (m,) int32 ndarray
        Which of the candidates it belongs to.
    distance : (m,) uint8 ndarray
        Bits that differ.
    rarity : (m,) float32 ndarray
        Square of the inverse document frequency of the word: once for each side.
    """

    query: NDArray[np.int32]
    feature: NDArray[np.int64]
    candidate: NDArray[np.int32]
    distance: NDArray[np.uint8]
    rarity: NDArray[np.float32]


def shared_features(
    asked: NDArray[np.bool_], positions: NDArray[np.integer], store: WordStore
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.unsignedinteger]]:
    """Find the features of candidates whose words are asked for.

    Parameters
    ----------
    asked : (n_words,) bool ndarray
    positions : (c,) integer ndarray
    store : WordStore

    Returns
    -------
    feature : (m,) int64 ndarray
        In the store.
    candidate : (m,) int32 ndarray
        Which of the candidates each belongs to, in increasing order.
    words : (m,) unsigned integer ndarray
    """
    positions = np.asarray(positions, np.int64)
    starts, sizes, stored = store.starts[positions], store.sizes[positions], store.words
    ends = starts + sizes
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    words = np.concatenate([stored[a:b] for a, b in spans] or [stored[0:0]])
    found = np.flatnonzero(asked[words])
    filled = np.cumsum(sizes)
    per_candidate = np.diff(np.searchsorted(found, filled), prepend=0)
    candidate = np.repeat(np.arange(len(positions), dtype=np.int32), per_candidate)
    return found + np.repeat(ends - filled, per_candidate), candidate, words[found]


def find_matches(
    query: QueryFeatures,
    positions: NDArray[np.integer],
    collection: Collection,
    idf: NDArray[np.floating],
    settings: KernelSettings,
) -> KernelMatches:
    """Match a query with candidates.

    Of the features that ask in one word ``settings.max_repeats`` are taken, evenly from all.

    Parameters
    ----------
    query : QueryFeatures
    positions : (c,) integer ndarray
        Candidates, as positions in the collection.
    collection : Collection
    idf : (n_words,) ndarray
    settings : KernelSettings
    """
    # The query's features in order of their words: word `w` has count[w] of them from first[w] on.
    order, asked_words = query.by_word
    kept = _thinned(asked_words, settings.max_repeats) & (idf > 0)[asked_words]
    order, asked_words = order[kept], asked_words[kept]
    count = np.bincount(asked_words, minlength=len(idf)).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    asked_signatures = query.signatures.ravel()[order]

    feature, candidate, words = shared_features(count > 0, positions, collection)
    ours, place = collection.signatures[feature], first[words]
    end = place + count[words]
    # One pass for the first feature of each word, one for the second, ...: most have one or two.
    left = np.arange(len(feature))
    found, asked, distances = [], [], []
    while len(left):
        distance = hamming_distances(asked_signatures[place], ours)
        near = np.flatnonzero(distance <= settings.max_distance)
        found.append(left[near])
        asked.append(place[near])
        distances.append(distance[near])
        place = place + 1
        more = np.flatnonzero(place < end)
        left, place, end, ours = left[more], place[more], end[more], ours[more]
    where = np.concatenate([*found, np.zeros(0, np.int64)])
    asked_at = np.concatenate([*asked, np.zeros(0, np.int32)])
    return KernelMatches(
        query=(order // query.words.shape[1]).astype(np.int32)[asked_at],
        feature=feature[where],
        candidate=candidate[where],
        distance=np.concatenate([*distances, np.zeros(0, np.uint8)]),
        rarity=np.square(idf[asked_words], dtype=np.float32)[asked_at],
    )


def _thinned(words: NDArray[np.integer], most: int) -> NDArray[np.bool_]:
    """Choose at most so many of each run of equal words, evenly from its start to its end."""
    first = np.flatnonzero(np.diff(words, prepend=-1))
    counts = np.diff(np.append(first, len(words)))
    if counts.max(initial=0) <= most:
        return np.ones(len(words), bool)
    place = np.arange(len(words)) - np.repeat(first, counts)
    step = np.repeat(np.maximum(counts / most, 1), counts)
    return np.asarray(np.floor(place / step) != np.floor((place - 1) / step))


def of_candidates(
    matches: KernelMatches, positions: NDArray[np.integer], chosen: NDArray[np.integer]
) -> KernelMatches:
    """Leave the matches with some of the candidates.

    Parameters
    ----------
    matches : KernelMatches
        With the candidates at `positions`.
    positions : (c,) integer ndarray
        In increasing order.
    chosen : (d,) integer ndarray
        Some of these positions, in any order; candidate `i` of the result is ``chosen[i]``.
    """
    number = np.full(len(positions), -1, np.int32)
    number[np.searchsorted(positions, chosen)] = np.arange(len(chosen))
    candidate = number[matches.candidate]
    kept = np.flatnonzero(candidate >= 0)
    return KernelMatches(
        matches.query[kept],
        matches.feature[kept],
        candidate[kept],
        matches.distance[kept],
        matches.rarity[kept],
    )


def contributions(
    matches: KernelMatches,
    query: QueryFeatures,
    positions: NDArray[np.integer],
    collection: Collection,
    settings: KernelSettings,
) -> NDArray[np.floating]:
    """How much each match adds to the score of its candidate.

    A match counts ``exp(-(distance / sigma) ** 2)`` times the rarity of its word. Matches of one
    feature with many features of a picture, and then with many pictures, are divided by the
    square root of their sum (burstiness). Only matches that agree on a change of angle count,
    those in the best three neighbours among the bins of a circle (weak geometric consistency), so
    that a picture may be turned by any angle. The sum is divided by the size of the picture, to
    the power of ``settings.size_exponent``.

    Returns
    -------
    (m,) floating ndarray
    """
    n, n_query = len(positions), len(query)
    weight: NDArray[np.floating] = _weights(matches, settings)
    if settings.burstiness:
        cell = matches.candidate.astype(np.int64) * n_query + matches.query
        in_picture, inside = _sums(cell, weight)
        weight = weight * np.sqrt(matches.rarity / in_picture[inside])
        over_all = np.bincount(matches.query, weight, minlength=n_query)
        weight = weight / np.sqrt(over_all[matches.query])
    weight = weight * query.weights[matches.query]
    if settings.angle_bins > 1:
        bins = settings.angle_bins
        turn = collection.angles(matches.feature) - query.keypoints[matches.query, 3]
        bin_ = np.floor(turn % 360 * np.float32(bins / 360)).astype(np.int64) % bins
        totals = np.bincount(matches.candidate * bins + bin_, weight, minlength=n * bins).reshape(
            n, bins
        )
        best = (totals + np.roll(totals, 1, axis=1) + np.roll(totals, -1, axis=1)).argmax(axis=1)
        off = (bin_ - best[matches.candidate] + 1) % bins
        weight = np.where(off <= 2, weight, 0)
    # A whole number to the power of a whole number could overflow.
    sizes = np.maximum(collection.sizes[positions], 1.0) ** settings.size_exponent
    return np.asarray(weight / sizes[matches.candidate])


def score_candidates(
    matches: KernelMatches,
    query: QueryFeatures,
    positions: NDArray[np.integer],
    collection: Collection,
    settings: KernelSettings,
) -> NDArray[np.float32]:
    """Score candidates ``(c,)`` by the sum of what their matches contribute."""
    weight = contributions(matches, query, positions, collection, settings)
    return np.bincount(matches.candidate, weight, minlength=len(positions)).astype(np.float32)


def correspondences(
    matches: KernelMatches,
    positions: NDArray[np.integer],
    collection: Collection,
    settings: KernelSettings,
) -> Correspondences:
    """Choose tentative matches for verification: best first, each feature once in each pair.

    Parameters
    ----------
    matches : KernelMatches
        Of the query with the candidates at `positions`.
    positions, collection, settings
        As for `score_candidates`.
    """
    weight = _weights(matches, settings)
    order = np.lexsort((matches.feature, matches.query, -weight, matches.candidate))
    query, feature = matches.query[order], matches.feature[order]
    candidate = matches.candidate[order]
    for which in ("query", "feature"):
        key = candidate * np.int64(1 << 32) + query if which == "query" else feature
        kept = np.sort(np.unique(key, return_index=True)[1])
        query, feature, candidate = query[kept], feature[kept], candidate[kept]
    inside = feature - collection.starts[positions][candidate]
    return Correspondences(query, inside.astype(np.int32), candidate, np.ones(len(query), np.int32))


def _weights(matches: KernelMatches, settings: KernelSettings) -> NDArray[np.float32]:
    """Weight of each match: the rarer its word and the nearer the signatures, the more."""
    far = np.arange(BITS + 1, dtype=np.float32) / np.float32(settings.sigma)
    # Never 0: contributions are divided by sums of these.
    by_distance = np.maximum(np.exp(-far * far), np.float32(1e-30))
    return np.asarray(matches.rarity * by_distance[matches.distance], np.float32)


def _sums(
    keys: NDArray[np.int64], values: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Sum values by key; return the sums, and which of them each value went into."""
    order = np.argsort(keys, kind="stable")
    new = np.ones(len(keys), bool)
    new[1:] = np.diff(keys[order]) != 0
    run = np.cumsum(new) - 1
    which = np.empty(len(keys), np.intp)
    which[order] = run
    return np.asarray(np.bincount(which, values), np.float64), which
