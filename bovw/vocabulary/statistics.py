"""How evenly descriptors are spread over visual words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class WordStatistics:
    """How evenly a sample of descriptors is distributed over the words of a vocabulary.

    Attributes
    ----------
    n_words, n_descriptors : int
    used, empty : int
        Number of words with a descriptor, and without one.
    imbalance : float
        ``n_words * sum(p ** 2)`` over the shares `p` of the words. It is 1 when all words are
        equally frequent, and `n_words` when only one is used (Jegou, Douze & Schmid, IJCV 2010).
    """

    n_words: int
    n_descriptors: int
    used: int
    empty: int
    imbalance: float

    @classmethod
    def of(cls, words: NDArray[np.integer], n_words: int) -> WordStatistics:
        """Count the words of a sample."""
        return cls.of_counts(np.bincount(words.ravel(), minlength=n_words))

    @classmethod
    def of_counts(cls, counts: NDArray[np.integer]) -> WordStatistics:
        """Make the statistics of words that were counted ``(n_words,)``."""
        n_words, total = len(counts), int(counts.sum())
        return cls(
            n_words=n_words,
            n_descriptors=total,
            used=int(np.count_nonzero(counts)),
            empty=int(n_words - np.count_nonzero(counts)),
            imbalance=float(n_words * np.square(counts / max(total, 1)).sum()),
        )
