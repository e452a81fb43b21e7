"""Hamming embedding: signatures of 64 bits that say where in its word a descriptor lies.

Jegou, Douze & Schmid, "Hamming embedding and weak geometric consistency", ECCV 2008.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 64
"""Bits of a signature."""

# The projection consists of small whole numbers. Sums of their products with bytes are then exact
# in float32, so a signature never depends on the machine.
_PROJECTION_SCALE = 64
# With fewer descriptors in a word their median says little, and the projected centre is used
# instead.
_ENOUGH = 5
# SIFT descriptors have a length of 512. Up to this length the thresholds fit into two bytes.
_SHORT = 520
# How far a RootSIFT descriptor (of length 512) usually lies from the threshold of its word in a
# projected direction. Of 5, 10, 15, 20 and 25, 20 and 25 find most words of mirrored descriptors.
_TYPICAL = 20.0
_AT_ONCE = 100_000
_JOINED_AT_ONCE = 200_000


def projection(dimensions: int, seed: int = 0) -> NDArray[np.int8]:
    """Make a random orthogonal projection, rounded to small whole numbers.

    Returns
    -------
    (64, dimensions) int8 ndarray
    """
    directions = np.random.default_rng(seed).standard_normal((max(dimensions, BITS), dimensions))
    if dimensions >= BITS:
        directions, _ = np.linalg.qr(directions)
    else:  # 64 directions cannot be orthogonal in fewer dimensions
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(np.rint(_PROJECTION_SCALE * directions[:BITS]), np.int8)


class HammingEmbedding:
    """Computes signatures of descriptors whose words are known.

    Parameters
    ----------
    projection : (64, d) int8 ndarray
    thresholds : (n_words, 64) int16 or int32 ndarray
        Thresholds of each word: a bit is set when the projected descriptor is above its threshold.
    """

    def __init__(self, projection: NDArray[np.int8], thresholds: NDArray[np.signedinteger]) -> None:
        self.projection = projection
        self.thresholds = thresholds
        self._matrix = np.ascontiguousarray(projection.T, np.float32)

    @classmethod
    def fit(
        cls,
        descriptors: NDArray[np.uint8],
        words: NDArray[np.integer],
        centers: NDArray[np.uint8],
        seed: int = 0,
    ) -> HammingEmbedding:
        """Learn the thresholds of each word: medians, so that 0 and 1 are equally likely.

        Parameters
        ----------
        descriptors : (n, d) uint8 ndarray
        words : (n,) integer ndarray
        centers : (n_words, d) uint8 ndarray
            Centres of the words. They give the thresholds of words with too few descriptors.
        seed : int
            Seed of the random projection.
        """
        length = np.sqrt(np.square(centers.astype(np.float32)).sum(axis=1).max(initial=0))
        is_long = length > _SHORT or centers.shape[1] < BITS
        kind: type[np.signedinteger] = np.int32 if is_long else np.int16
        embedding = cls(
            projection(descriptors.shape[1], seed), np.zeros((len(centers), BITS), kind)
        )
        limits = np.iinfo(kind)
        embedding.thresholds[:] = embedding._projected(centers).clip(limits.min, limits.max)
        order = np.argsort(words, kind="stable")
        bounds = np.searchsorted(words[order], np.arange(len(centers) + 1))
        for word in np.flatnonzero(np.diff(bounds) >= _ENOUGH):
            members = order[bounds[word] : bounds[word + 1]]
            median = np.median(embedding._projected(descriptors[members]), axis=0)
            embedding.thresholds[word] = np.floor(median).clip(limits.min, limits.max)
        return embedding

    def transform(
        self, descriptors: NDArray[np.uint8], words: NDArray[np.integer]
    ) -> NDArray[np.uint64]:
        """Compute the signature of each descriptor in its word.

        Parameters
        ----------
        descriptors : (n, d) uint8 ndarray
        words : (n,) or (n, k) integer ndarray
            One word for each descriptor, or several.

        Returns
        -------
        (n,) or (n, k) uint64 ndarray
            The first bit is the most significant one.
        """
        if words.ndim == 2:
            return np.stack([self.transform(descriptors, column) for column in words.T], axis=1)
        signatures = np.empty(len(words), np.uint64)
        for start in range(0, len(words), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            bits = self._projected(descriptors[part]) > self.thresholds[words[part]]
            signatures[part] = np.packbits(bits, axis=1).view(">u8")[:, 0]
        return signatures

    def estimated(
        self, words: NDArray[np.integer], signatures: NDArray[np.uint64], centers: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Estimate descriptors of which only the words and signatures are known.

        A descriptor is taken to lie at the centre of its word; but in the 64 projected directions
        it lies on that side of the thresholds which its signature tells, at a fixed distance.
        Mirrored, half of these estimates still fall into one of three words of which one is that of
        the mirrored descriptor (measured with 20,000 words of RootSIFT); of bare centres a quarter.

        Parameters
        ----------
        words : (n,) integer ndarray
        signatures : (n,) uint64 ndarray
        centers : (n_words, d) uint8 ndarray

        Returns
        -------
        (n, d) uint8 ndarray
        """
        as_bytes = np.ascontiguousarray(signatures.astype(">u8")).view(np.uint8).reshape(-1, 8)
        sides = np.unpackbits(as_bytes, axis=1).astype(np.float32) * 2 - 1
        middle = centers[words].astype(np.float32)
        wanted = self.thresholds[words] + np.float32(_TYPICAL * _PROJECTION_SCALE) * sides
        moved = (wanted - self._projected(middle)) @ self.projection.astype(np.float32)
        moved /= np.float32(_PROJECTION_SCALE**2)  # both projections are scaled
        return np.asarray((middle + moved).round().clip(0, 255), np.uint8)

    def _projected(self, descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(descriptors, np.float32) @ self._matrix


def hamming_distances(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Count the bits that differ."""
    return np.asarray(np.bitwise_count(a ^ b), np.uint8)


def aggregate(
    keys: NDArray[np.integer], signatures: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """Join the signatures of each run of equal keys into one, bit by bit, by majority.

    Parameters
    ----------
    keys : (n,) integer ndarray
        Equal keys must be next to each other.
    signatures : (n,) uint64 ndarray

    Returns
    -------
    starts : (r,) intp ndarray
        Index of the first entry of each run.
    joined : (r,) uint64 ndarray
        One signature for each run. A bit is set when it is set in at least half of the run.
    """
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(new)
    joined = signatures[starts].copy()
    counts = np.diff(np.append(starts, len(keys)))
    several = np.flatnonzero(counts > 1)
    for part in np.array_split(several, max(1, len(several) // _JOINED_AT_ONCE)):
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
