"""One signature for each word of a picture: the aggregated selective match kernel.

ASMK*: Tolias, Avrithis & Jegou, "To aggregate or not to aggregate: selective match kernels for
image search" (ICCV 2013). Features of one picture that share a word become one signature, so that
what repeats counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .collection import Collection
from .match_kernel import shared_features
from .query import QueryFeatures
from .settings import KernelSettings
from .signatures import BITS, hamming_distances

_AT_ONCE = 200_000


def aggregate(
    keys: NDArray[np.integer], signatures: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """Join the signatures of each run of equal keys: each bit as in most of them.

    Parameters
    ----------
    keys : (n,) integer ndarray
    signatures : (n,) uint64 ndarray

    Returns
    -------
    starts : (r,) intp ndarray
        Where the runs begin.
    joined : (r,) uint64 ndarray
        A bit that is set in half of them is set.
    """
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(new)
    joined = signatures[starts].copy()
    counts = np.diff(np.append(starts, len(keys)))
    several = np.flatnonzero(counts > 1)
    for part in np.array_split(several, max(1, len(several) // _AT_ONCE)):
        if len(part) == 0:
            continue
        inside = np.concatenate([[0], np.cumsum(counts[part])])
        members = np.repeat(starts[part] - inside[:-1], counts[part]) + np.arange(inside[-1])
        as_bytes = signatures[members].astype(">u8").view(np.uint8).reshape(-1, 8)
        bits = np.unpackbits(as_bytes, axis=1)
        total = np.add.reduceat(bits, inside[:-1], axis=0, dtype=np.int32)
        most = 2 * total >= counts[part, None]
        joined[part] = np.packbits(most, axis=1).view(">u8")[:, 0]
    return starts, joined


@dataclass(frozen=True)
class Aggregated:
    """A collection with one feature for each word of a picture.

    Attributes
    ----------
    collection : Collection
        Without keypoints.
    norms : (n_pictures,) float32 ndarray
        Square root of what each picture scores with itself.
    """

    collection: Collection
    norms: NDArray[np.float32]


def aggregate_collection(collection: Collection, idf: NDArray[np.floating]) -> Aggregated:
    """Join the features of each picture that share a word."""
    sizes = np.diff(collection.offsets)
    picture = np.repeat(np.arange(len(sizes)), sizes)
    starts, signatures = aggregate(picture << 32 | collection.words, collection.signatures)
    words = collection.words[starts]
    own = np.bincount(picture[starts], np.square(idf, dtype=np.float64)[words], len(sizes))
    joined = Collection(
        records=collection.records,
        offsets=np.searchsorted(starts, collection.offsets).astype(np.int64),
        words=words,
        signatures=signatures,
        keypoints=np.broadcast_to(np.zeros(4, np.float32), (len(starts), 4)),
    )
    return Aggregated(joined, np.sqrt(np.maximum(own, 1e-12)).astype(np.float32))


def aggregate_query(query: QueryFeatures) -> QueryFeatures:
    """Join the features of a query that share one of their words; keypoints say nothing."""
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
    """Say how much each word that a query shares with candidates adds to their scores.

    A word counts ``u ** selectivity`` times the square of its inverse document frequency, `u`
    being 1 for equal signatures and 0 when half of the bits differ, or more; the sum is divided
    by the square root of what the candidate scores with itself.

    Parameters
    ----------
    query : QueryFeatures
        Not yet aggregated.
    positions : (c,) integer ndarray
    aggregated : Aggregated
    idf : (n_words,) ndarray
    settings : KernelSettings

    Returns
    -------
    words : (m,) unsigned integer ndarray
    candidate : (m,) int32 ndarray
        Which of the candidates shares it, in increasing order.
    contributions : (m,) float32 ndarray
    """
    words, candidate, weight, _ = _weighed(query, positions, aggregated, idf, settings)
    return words, candidate, weight / aggregated.norms[positions][candidate]


def score_aggregated(
    query: QueryFeatures,
    positions: NDArray[np.integer],
    aggregated: Aggregated,
    idf: NDArray[np.floating],
    settings: KernelSettings,
) -> NDArray[np.float32]:
    """Score candidates ``(c,)`` by the sum of what their words contribute."""
    *_, weight, counts = _weighed(query, positions, aggregated, idf, settings)
    sums = np.zeros(len(positions))
    some = np.flatnonzero(counts)
    starts = (np.cumsum(counts) - counts)[some]
    if len(some):
        sums[some] = np.add.reduceat(weight, starts, dtype=np.float64)
    return np.asarray(sums / aggregated.norms[positions], np.float32)


def _weighed(
    query: QueryFeatures,
    positions: NDArray[np.integer],
    aggregated: Aggregated,
    idf: NDArray[np.floating],
    settings: KernelSettings,
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Words that are shared, their candidates, what they count, and how many each candidate has."""
    joined = aggregate_query(query)
    asked = joined.words[:, 0]
    signatures, value = np.zeros(len(idf), np.uint64), np.zeros(len(idf), np.float32)
    signatures[asked] = joined.signatures[:, 0]
    value[asked] = np.square(idf[asked], dtype=np.float32) * joined.weights
    feature, candidate, words = shared_features(value > 0, positions, aggregated.collection)
    distances = hamming_distances(signatures[words], aggregated.collection.signatures[feature])
    agreement = np.maximum(1 - np.arange(BITS + 1) / (BITS / 2), 0) ** settings.selectivity
    weight = agreement.astype(np.float32)[distances] * value[words]
    return words, candidate, weight, np.bincount(candidate, minlength=len(positions))
