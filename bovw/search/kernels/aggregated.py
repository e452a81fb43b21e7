"""The aggregated selective match kernel (ASMK*): one signature for each word of a picture.

Tolias, Avrithis & Jegou, "To aggregate or not to aggregate: selective match kernels for image
search" (ICCV 2013). All features of one picture that share a visual word are joined into one
signature of 64 bits, so that a repeated pattern counts only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...collection import Collection, joined
from ...settings import KernelSettings
from ...vocabulary import BITS, aggregate, hamming_distances
from ..query import QueryFeatures
from .hamming import shared_features, slices

# Candidates that are scored together. Their arrays fit into the processor's cache, which is twice
# as fast as all candidates at once.
_AT_ONCE = 64


@dataclass(frozen=True)
class Aggregated:
    """A collection in which each word of a picture has one joined feature.

    Attributes
    ----------
    starts, sizes, words, signatures
        See `WordStore`.
    norms : (n_pictures,) float32 ndarray
        Square root of the score of each picture with itself.
    """

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    words: Any
    signatures: Any
    norms: NDArray[np.float32]


def aggregate_collection(collection: Collection, idf: NDArray[np.floating]) -> Aggregated:
    """Join the features of each picture that share a word."""
    parts = [segment.aggregated for segment in collection.segments]
    starts, sizes, own = [], [], []
    before = 0
    for part in parts:
        starts.append(part.offsets[:-1] + before)
        sizes.append(np.diff(part.offsets))
        picture = np.repeat(np.arange(len(sizes[-1])), sizes[-1])
        weights = np.square(idf, dtype=np.float64)[part.words]
        own.append(np.bincount(picture, weights, len(sizes[-1])))
        before += len(part.words)
    rows = collection.rows
    return Aggregated(
        np.concatenate(starts)[rows],
        np.concatenate(sizes)[rows],
        joined([part.words for part in parts]),
        joined([part.signatures for part in parts]),
        np.sqrt(np.maximum(np.concatenate(own)[rows], 1e-12)).astype(np.float32),
    )


def aggregate_query(query: QueryFeatures) -> QueryFeatures:
    """Join the features of a query that share a word; the keypoints of the result are zeros."""
    order, words = query.by_word
    starts, signatures = aggregate(words, query.signatures.ravel()[order])
    weights = np.repeat(query.weights, query.words.shape[1])[order]
    counts = np.diff(np.append(starts, len(order)))
    mean = np.add.reduceat(weights, starts) / counts if len(starts) else weights
    return QueryFeatures(
        words[starts][:, None],
        signatures[:, None],
        np.zeros((len(starts), 4), np.float32),
        mean.astype(np.float32),
        query.size,
        query.whole,
    )


def aggregated_contributions(
    query: QueryFeatures,
    positions: NDArray[np.integer],
    aggregated: Aggregated,
    idf: NDArray[np.floating],
    settings: KernelSettings,
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.int32], NDArray[np.float32]]:
    """Compute how much each word that a query shares with candidates adds to their scores.

    A shared word counts ``u ** selectivity`` times the square of its inverse document frequency,
    times the mean weight of the query's features in this word. `u` is 1 for equal signatures and
    falls to 0 when half of the bits or more differ. The sum over the words is divided by the
    square root of the score of the candidate with itself.

    Parameters
    ----------
    query : QueryFeatures
        The query, not aggregated.
    positions : (c,) integer ndarray
        Candidates, as positions in the collection.
    aggregated : Aggregated
    idf : (n_words,) ndarray
    settings : KernelSettings

    Returns
    -------
    words : (m,) unsigned integer ndarray
        The shared words of each candidate.
    candidate : (m,) int32 ndarray
        Number of the candidate (index into `positions`), in increasing order.
    contributions : (m,) float32 ndarray
        What each shared word adds to the score of its candidate.
    """
    signatures, value = _asked(query, idf)
    feature, candidate, words = shared_features(value > 0, positions, aggregated)
    weight = _weights(words, aggregated.signatures[feature], signatures, value, settings)
    return words, candidate, weight / aggregated.norms[positions][candidate]


def score_aggregated(
    query: QueryFeatures,
    positions: NDArray[np.integer],
    aggregated: Aggregated,
    idf: NDArray[np.floating],
    settings: KernelSettings,
) -> NDArray[np.float32]:
    """Score candidates ``(c,)``: the sum of the contributions of their shared words."""
    signatures, value = _asked(query, idf)
    sums = np.zeros(len(positions))
    for first in range(0, len(positions), _AT_ONCE):
        some = positions[first : first + _AT_ONCE]
        sizes = aggregated.sizes[some]
        # All words of the candidates are read, asked or not: this is faster than choosing first.
        words = slices(aggregated.words, aggregated.starts[some], sizes)
        theirs = slices(aggregated.signatures, aggregated.starts[some], sizes)
        weight = _weights(words, theirs, signatures, value, settings)
        filled = np.flatnonzero(sizes)
        if len(filled):
            starts = (np.cumsum(sizes) - sizes)[filled]
            sums[first + filled] = np.add.reduceat(weight, starts, dtype=np.float64)
    return np.asarray(sums / aggregated.norms[positions], np.float32)


def _asked(
    query: QueryFeatures, idf: NDArray[np.floating]
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """For each word of the vocabulary, the query's joined signature and the weight of a match."""
    alone = aggregate_query(query)
    asked = alone.words[:, 0]
    signatures, value = np.zeros(len(idf), np.uint64), np.zeros(len(idf), np.float32)
    signatures[asked] = alone.signatures[:, 0]
    value[asked] = np.square(idf[asked], dtype=np.float32) * alone.weights
    return signatures, value


def _weights(
    words: NDArray[np.unsignedinteger],
    theirs: NDArray[np.uint64],
    signatures: NDArray[np.uint64],
    value: NDArray[np.float32],
    settings: KernelSettings,
) -> NDArray[np.float32]:
    """Weight of each word of candidates, whose signatures are `theirs`; see `_asked`."""
    at = words.astype(np.intp)
    distances = hamming_distances(signatures[at], theirs)
    agreement = np.maximum(1 - np.arange(BITS + 1) / (BITS / 2), 0) ** settings.selectivity
    weight = agreement.astype(np.float32)[distances]
    weight *= value[at]
    return weight
