"""Tentative matches: pairs of features of two pictures that may show the same point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Correspondences:
    """Tentative matches of a query with many candidates, grouped by candidate.

    Attributes
    ----------
    query, candidate : (m,) int32 ndarray
        Numbers of the two features within their pictures.
    group : (m,) int32 ndarray
        Number of the candidate picture, in increasing order.
    ambiguity : (m,) int32 ndarray
        How many correspondences the same word gives between the two pictures; 1 is best.
    """

    query: NDArray[np.int32]
    candidate: NDArray[np.int32]
    group: NDArray[np.int32]
    ambiguity: NDArray[np.int32]

    def of_groups(self, chosen: NDArray[np.integer], n_groups: int) -> Correspondences:
        """Keep only some of the candidates, `chosen` of ``n_groups`` in increasing order.

        Candidate `i` of the result is ``chosen[i]``.
        """
        kept, group = numbered_anew(self.group, chosen, n_groups)
        return Correspondences(self.query[kept], self.candidate[kept], group, self.ambiguity[kept])


def numbered_anew(
    groups: NDArray[np.integer], chosen: NDArray[np.integer], n_groups: int
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Find the members of some groups, and number these groups anew.

    Parameters
    ----------
    groups : (m,) integer ndarray
        Number of the group of each member.
    chosen : (d,) integer ndarray
        Numbers of groups, each once; group ``chosen[i]`` gets the number `i`.
    n_groups : int

    Returns
    -------
    kept : (k,) intp ndarray
        Which members belong to these groups, in increasing order.
    numbers : (k,) int32 ndarray
        The new number of the group of each of them.
    """
    number = np.full(n_groups, -1, np.int32)
    number[chosen] = np.arange(len(chosen))
    new = number[groups]
    kept = np.flatnonzero(new >= 0)
    return kept, new[kept]


def tentative_matches(
    query_words: NDArray[np.integer],
    candidate_words: list[NDArray[np.integer]],
    max_pairs_per_word: int,
) -> Correspondences:
    """Match features that share a word.

    Parameters
    ----------
    query_words : (n,) integer ndarray
        Words of the query's features, in increasing order.
    candidate_words : list of (n_i,) integer ndarray
        Words of the features of each candidate, in increasing order.
    max_pairs_per_word : int
        A word that gives more pairs than this between two pictures is ignored.

    Returns
    -------
    Correspondences
        Sorted by candidate, then by ambiguity, then by feature.
    """
    sizes = np.array([len(words) for words in candidate_words], np.int64)
    total = int(sizes.sum())
    if total == 0 or len(query_words) == 0:
        none = np.zeros(0, np.int32)
        return Correspondences(none, none, none, none)
    words = np.concatenate(candidate_words)
    group = np.repeat(np.arange(len(sizes)), sizes)
    feature = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # A run is the features of one candidate that have the same word.
    unique, first, n_query = np.unique(query_words, return_index=True, return_counts=True)
    slot = np.searchsorted(unique, words)
    slot[slot == len(unique)] = 0
    shared = np.flatnonzero(unique[slot] == words)
    slot, group, feature = slot[shared], group[shared], feature[shared]
    new_run = np.ones(len(slot), bool)
    new_run[1:] = (slot[1:] != slot[:-1]) | (group[1:] != group[:-1])
    run = np.cumsum(new_run) - 1
    pairs = n_query[slot] * np.bincount(run)[run] if len(run) else np.zeros(0, np.int64)
    keep = pairs <= max_pairs_per_word
    slot, group, feature, pairs = slot[keep], group[keep], feature[keep], pairs[keep]
    repeats = n_query[slot]
    member = np.arange(int(repeats.sum())) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    query = np.repeat(first[slot], repeats) + member
    group, feature, pairs = (np.repeat(a, repeats) for a in (group, feature, pairs))
    order = np.lexsort((feature, query, pairs, group))
    return Correspondences(*(a[order].astype(np.int32) for a in (query, feature, group, pairs)))
