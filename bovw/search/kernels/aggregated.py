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

from ...collection import Collection, announce, joined, slices
from ...errors import FormatError
from ...settings import KernelSettings
from ...vocabulary import BITS, aggregate, first_of_words, hamming_distances
from ..query import QueryFeatures

# Candidates that are scored together. Their arrays fit into the processor's cache, which is twice
# as fast as all candidates at once.
_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Aggregated:
    """A collection whose features of one picture that share a word count as one, joined feature.

    Attributes
    ----------
    collection : Collection
    starts, sizes : (n_pictures,) int64 ndarray
        The joined signatures of picture `i` are ``joined[starts[i]:starts[i] + sizes[i]]``.
    joined : (n_joined,) uint64 ndarray
        See `bovw.collection.Views`.
    norms : (n_pictures,) float32 ndarray
        Square root of the score of each picture with itself.
    """

    collection: Collection
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    joined: Any
    norms: NDArray[np.float32]

    @classmethod
    def of(cls, collection: Collection, norms: NDArray[np.float32]) -> Aggregated:
        """Join the features of each picture of a collection that share a word."""
        views = [segment.views for segment in collection.segments]
        spans = collection.spans([view.joined_offsets for view in views])
        return cls(collection, *spans, joined([view.joined for view in views]), norms)

    def features(
        self, positions: NDArray[np.integer]
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.uint64], NDArray[np.bool_]]:
        """Words and signatures of some pictures, and which features stand for their word.

        The first feature of each word stands for it, with the joined signature.
        """
        collection = self.collection
        starts, sizes = collection.starts[positions], collection.sizes[positions]
        of_joined = self.starts[positions], self.sizes[positions]
        announce(collection.words, starts, sizes)
        announce(collection.signatures, starts, sizes)
        announce(self.joined, *of_joined)
        words = slices(collection.words, starts, sizes)
        signatures = slices(collection.signatures, starts, sizes)
        first = first_of_words(words, np.concatenate([[0], np.cumsum(sizes)]))
        several = np.flatnonzero(first & ~np.append(first, True)[1:])
        own = slices(self.joined, *of_joined)
        if len(several) != len(own):
            raise FormatError(
                "the joined signatures of a segment do not fit its words: look with 'bovw doctor'"
            )
        signatures[several] = own
        return words, signatures, first


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
    words, theirs, first = aggregated.features(positions)
    candidate = np.repeat(
        np.arange(len(positions), dtype=np.int32), aggregated.collection.sizes[positions]
    )
    shared = np.flatnonzero(first & (value[words] > 0))
    weight = _weights(words[shared], theirs[shared], signatures, value, settings)
    candidate = candidate[shared]
    return words[shared], candidate, weight / aggregated.norms[positions][candidate]


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
        sizes = aggregated.collection.sizes[some]
        # All words of the candidates are weighed, asked or not: this is faster than choosing first.
        words, theirs, first_of_word = aggregated.features(some)
        weight = _weights(words, theirs, signatures, value, settings)
        weight *= first_of_word
        filled = np.flatnonzero(sizes)
        if len(filled):
            starts = (np.cumsum(sizes) - sizes)[filled]
            # Converted first: reduceat would convert a few numbers at a time, which is slower.
            sums[first + filled] = np.add.reduceat(weight.astype(np.float64), starts)
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
    distances = hamming_distances(signatures.take(at), theirs)
    agreement = np.maximum(1 - np.arange(BITS + 1) / (BITS / 2), 0) ** settings.selectivity
    # `take` is faster than indexing for so many numbers.
    weight = agreement.astype(np.float32).take(distances)
    weight *= value.take(at)
    return np.asarray(weight)
