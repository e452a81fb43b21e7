"""The match kernel of Hamming embedding: candidates are scored by their matching features.

Two features match when they share a visual word and few bits of their signatures differ. Jegou,
Douze & Schmid, "Hamming embedding and weak geometric consistency" (ECCV 2008) and "On the
burstiness of visual elements" (CVPR 2009). Only the query's features are assigned to several
words, as in "Improving bag-of-features for large scale image search" (IJCV 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ...collection import Collection, slices
from ...settings import KernelSettings
from ...vocabulary import BITS, hamming_distances
from ..geometry.correspondences import Correspondences, numbered_anew
from ..query import QueryFeatures


@dataclass(frozen=True)
class KernelMatches:
    """Matches: pairs of features that share a word and have similar signatures.

    Attributes
    ----------
    query : (m,) int32 ndarray
        Number of the feature in the query.
    feature : (m,) int32 ndarray
        Number of the feature in its picture.
    candidate : (m,) int32 ndarray
        Number of the candidate that the feature belongs to.
    distance : (m,) uint8 ndarray
        Number of bits in which the two signatures differ.
    rarity : (m,) float32 ndarray
        Square of the inverse document frequency of the word: one factor for the query's feature,
        one for the candidate's.
    angle : (m,) float32 ndarray
        Angle of the candidate's feature, in degrees; zeros when ``settings.angle_bins`` is 1 or
        less, since then nobody asks for it.
    repeat : (m,) int32 ndarray
        Which of the query's features with this word it is, from 0. Matches are in order of this
        number, then of the candidate, then of its feature.
    """

    query: NDArray[np.int32]
    feature: NDArray[np.int32]
    candidate: NDArray[np.int32]
    distance: NDArray[np.uint8]
    rarity: NDArray[np.float32]
    angle: NDArray[np.float32]
    repeat: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.query)

    def __getitem__(self, kept: NDArray[np.integer]) -> KernelMatches:
        """Some of the matches, by their indices."""
        return KernelMatches(*(getattr(self, each.name)[kept] for each in fields(self)))


def shared_features(
    asked: NDArray[np.bool_], positions: NDArray[np.integer], collection: Collection
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.unsignedinteger]]:
    """Find the features of candidates whose words occur in a query.

    Parameters
    ----------
    asked : (n_words,) bool ndarray
        Whether each word occurs in the query.
    positions : (c,) integer ndarray
        Candidates, as positions in the collection.
    collection : Collection

    Returns
    -------
    feature : (m,) int64 ndarray
        Numbers of the features in the collection.
    candidate : (m,) int32 ndarray
        Number of the candidate of each feature (index into `positions`), in increasing order.
    words : (m,) unsigned integer ndarray
        Word of each feature.
    """
    positions = np.asarray(positions, np.int64)
    starts, sizes = collection.starts[positions], collection.sizes[positions]
    words = slices(collection.words, starts, sizes)
    found = np.flatnonzero(asked[words])
    filled = np.cumsum(sizes)
    per_candidate = np.diff(np.searchsorted(found, filled), prepend=0)
    candidate = np.repeat(np.arange(len(positions), dtype=np.int32), per_candidate)
    return found + np.repeat(starts + sizes - filled, per_candidate), candidate, words[found]


def find_matches(
    query: QueryFeatures,
    positions: NDArray[np.integer],
    collection: Collection,
    idf: NDArray[np.floating],
    settings: KernelSettings,
) -> KernelMatches:
    """Match a query with candidates.

    When more than ``settings.max_repeats`` features of the query have the same word, this many of
    them are used, spread evenly over all of them.

    Parameters
    ----------
    query : QueryFeatures
    positions : (c,) integer ndarray
        Candidates, as positions in the collection.
    collection : Collection
    idf : (n_words,) ndarray
    settings : KernelSettings
    """
    # The query's features are sorted by word: those of word `w` are first[w] and the following,
    # count[w] in all.
    order, asked_words = query.by_word
    kept = _thinned(asked_words, settings.max_repeats) & (idf > 0)[asked_words]
    order, asked_words = order[kept], asked_words[kept]
    count = np.bincount(asked_words, minlength=len(idf)).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    asked_signatures = query.signatures.ravel()[order]

    collection.announce(positions)
    feature, candidate, words = shared_features(count > 0, positions, collection)
    ours, place = collection.signatures[feature], first[words]
    end = place + count[words]
    # One pass compares with the query's first feature of each word, the next pass with its second
    # feature, and so on. Most words have only one or two.
    left = np.arange(len(feature))
    found, asked, distances, repeats = [], [], [], []
    while len(left):
        distance = hamming_distances(asked_signatures[place], ours)
        near = np.flatnonzero(distance <= settings.max_distance)
        found.append(left[near])
        asked.append(place[near])
        distances.append(distance[near])
        repeats.append(len(near))
        place = place + 1
        more = np.flatnonzero(place < end)
        left, place, end, ours = left[more], place[more], end[more], ours[more]
    where = np.concatenate([*found, np.zeros(0, np.int64)])
    asked_at = np.concatenate([*asked, np.zeros(0, np.int32)])
    feature, candidate = feature[where], candidate[where]
    return KernelMatches(
        query=(order // query.words.shape[1]).astype(np.int32)[asked_at],
        feature=(feature - collection.starts[positions][candidate]).astype(np.int32),
        candidate=candidate,
        distance=np.concatenate([*distances, np.zeros(0, np.uint8)]),
        rarity=np.square(idf[asked_words], dtype=np.float32)[asked_at],
        angle=collection.angles(feature)
        if settings.angle_bins > 1
        else np.zeros(len(feature), np.float32),
        repeat=np.repeat(np.arange(len(repeats), dtype=np.int32), repeats),
    )


def join_matches(
    parts: Sequence[KernelMatches], numbers: Sequence[NDArray[np.integer]]
) -> KernelMatches:
    """Join the matches with several groups of candidates, as if they were found together.

    Parameters
    ----------
    parts : sequence of KernelMatches
        At least one.
    numbers : sequence of (c,) integer ndarray
        For each part: candidate `i` of the part is candidate ``numbers[i]`` of the result.
    """
    whole = KernelMatches(
        *(np.concatenate([getattr(p, each.name) for p in parts]) for each in fields(KernelMatches))
    )
    pairs = zip(parts, numbers, strict=True)
    candidate = np.concatenate([own[part.candidate] for part, own in pairs]).astype(np.int32)
    return replace(whole, candidate=candidate)[np.lexsort((candidate, whole.repeat))]


def _thinned(words: NDArray[np.integer], most: int) -> NDArray[np.bool_]:
    """Choose at most `most` entries of each run of equal words, spread evenly over the run."""
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
    """Keep only the matches with some of the candidates.

    Parameters
    ----------
    matches : KernelMatches
        Matches with the candidates at `positions`.
    positions : (c,) integer ndarray
        Candidates, in increasing order.
    chosen : (d,) integer ndarray
        Some of these positions, in any order; candidate `i` of the result is ``chosen[i]``.
    """
    places = np.searchsorted(positions, chosen)
    kept, candidate = numbered_anew(matches.candidate, places, len(positions))
    return replace(matches[kept], candidate=candidate)


def contributions(
    matches: KernelMatches,
    query: QueryFeatures,
    sizes: NDArray[np.integer],
    settings: KernelSettings,
) -> NDArray[np.floating]:
    """Compute how much each match adds to the score of its candidate.

    `sizes` ``(c,)`` has the number of features of each candidate.

    * A match counts ``exp(-(distance / sigma) ** 2)`` times the rarity of its word.
    * Burstiness: a query feature that matches many features of one picture counts less for each
      of them, by the square root of the sum of the weights of these matches. Then the same is
      done for a query feature that matches many pictures.
    * Weak geometric consistency: the changes of angle between the two features are counted in
      bins of a circle. Only matches in the three neighbouring bins with the largest sum count. So
      a picture may be rotated by any angle.
    * The sum is divided by the number of features of the picture to the power of
      ``settings.size_exponent``.

    Returns
    -------
    (m,) floating ndarray
    """
    n, n_query = len(sizes), len(query)
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
        turn = matches.angle - query.keypoints[matches.query, 3]
        bin_ = np.floor(turn % 360 * np.float32(bins / 360)).astype(np.int64) % bins
        totals = np.bincount(matches.candidate * bins + bin_, weight, minlength=n * bins).reshape(
            n, bins
        )
        best = (totals + np.roll(totals, 1, axis=1) + np.roll(totals, -1, axis=1)).argmax(axis=1)
        off = (bin_ - best[matches.candidate] + 1) % bins
        weight = np.where(off <= 2, weight, 0)
    # As floats: a power of integers could overflow.
    divisors = np.maximum(sizes, 1.0) ** settings.size_exponent
    return np.asarray(weight / divisors[matches.candidate])


def score_candidates(
    matches: KernelMatches,
    query: QueryFeatures,
    sizes: NDArray[np.integer],
    settings: KernelSettings,
) -> NDArray[np.float32]:
    """Score candidates ``(c,)``: the sum of the contributions of their matches."""
    weight = contributions(matches, query, sizes, settings)
    return np.bincount(matches.candidate, weight, minlength=len(sizes)).astype(np.float32)


def correspondences(matches: KernelMatches, settings: KernelSettings) -> Correspondences:
    """Choose tentative matches for verification, best first.

    For each candidate, every feature of the query and of the candidate is used at most once.
    """
    weight = _weights(matches, settings)
    order = np.lexsort((matches.feature, matches.query, -weight, matches.candidate))
    query, feature = matches.query[order], matches.feature[order]
    candidate = matches.candidate[order]
    for which in ("query", "feature"):
        key = candidate * np.int64(1 << 32) + (query if which == "query" else feature)
        kept = np.sort(np.unique(key, return_index=True)[1])
        query, feature, candidate = query[kept], feature[kept], candidate[kept]
    return Correspondences(query, feature, candidate, np.ones(len(query), np.int32))


def _weights(matches: KernelMatches, settings: KernelSettings) -> NDArray[np.float32]:
    """Weight of each match: larger for rarer words and for more similar signatures."""
    far = np.arange(BITS + 1, dtype=np.float32) / np.float32(settings.sigma)
    # Never 0, since contributions are divided by sums of these weights.
    by_distance = np.maximum(np.exp(-far * far), np.float32(1e-30))
    return np.asarray(matches.rarity * by_distance[matches.distance], np.float32)


def _sums(
    keys: NDArray[np.int64], values: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Sum values by key; return the sums, and for each value the number of its sum."""
    order = np.argsort(keys, kind="stable")
    new = np.ones(len(keys), bool)
    new[1:] = np.diff(keys[order]) != 0
    run = np.cumsum(new) - 1
    which = np.empty(len(keys), np.intp)
    which[order] = run
    return np.asarray(np.bincount(which, values), np.float64), which
