"""Views of a segment: what a search reads, computed once and stored with the segment.

A view can always be computed again from the words and signatures, and holds nothing that depends
on other segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..vocabulary import aggregate, first_of_words
from .arrays import announce

# From this many postings a word on, whole lists are copied; below, all postings are gathered at
# once, which is faster for many short lists.
_LONG = 64
_WORDS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Views:
    """Views of a segment.

    Attributes
    ----------
    posting_offsets : (n_words + 1,) int64 ndarray
        The postings of word `w` are ``posting_offsets[w]:posting_offsets[w + 1]``. The number of
        them is the document frequency of the word in this segment.
    postings : (n_postings, 2) uint16 or uint32 ndarray
        An inverted file (Sivic & Zisserman, "Video Google", 2003): for each word the pictures that
        have it, in increasing order, and how often they do.
    joined_offsets : (n_pictures + 1,) int64 ndarray
        The joined signatures of picture `i` are ``joined_offsets[i]:joined_offsets[i + 1]``.
    joined : (n_joined,) uint64 ndarray
        One signature for each word that a picture has more than once, in order of the words; see
        `bovw.vocabulary.aggregate`. A word that it has once needs none: it is that of the feature.
    """

    posting_offsets: NDArray[np.int64]
    postings: NDArray[Any]
    joined_offsets: NDArray[np.int64]
    joined: NDArray[np.uint64]

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """In how many pictures of the segment each word occurs ``(n_words,)``."""
        return np.diff(self.posting_offsets)


def make_views(
    offsets: NDArray[np.int64],
    words: NDArray[np.unsignedinteger],
    signatures: NDArray[np.uint64],
    n_words: int,
) -> Views:
    """Compute the views of a segment; see `Segment` for the parameters."""
    n = len(offsets) - 1
    first = first_of_words(words, offsets)
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(words))
    picture = np.repeat(np.arange(n), np.diff(offsets))[starts]
    word = words[starts]
    order = np.argsort(word, kind="stable")
    kind = posting_dtype(n, int(counts.max(initial=0)))
    postings = np.stack([picture[order], counts[order]], axis=1).astype(kind)
    frequencies = np.bincount(word, minlength=n_words)
    several = np.flatnonzero(counts > 1)
    inside = np.concatenate([[0], np.cumsum(counts[several])]).astype(np.int64)
    members = np.repeat(starts[several] - inside[:-1], counts[several]) + np.arange(inside[-1])
    runs = np.repeat(np.arange(len(several)), counts[several])
    joined = aggregate(runs, signatures[members])[1]
    joined_offsets = np.searchsorted(picture[several], np.arange(n + 1)).astype(np.int64)
    return Views(
        np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int64),
        postings,
        joined_offsets,
        joined,
    )


def posting_dtype(n_pictures: int, largest_count: int) -> np.dtype[Any]:
    """Smallest type that holds the postings of so many pictures."""
    return np.dtype(np.uint16 if max(n_pictures, largest_count) < 1 << 16 else np.uint32)


def word_blocks(offsets: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Divide the words into blocks with at most so many postings, or of one word.

    `offsets` is as in `Views.posting_offsets`.
    """
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + most, side="right")) - 1
        last = min(max(last, first + 1), len(offsets) - 1)
        yield slice(first, last)
        first = last


def add_scores(
    scores: NDArray[np.float64],
    views: Views,
    words: NDArray[np.integer],
    weights: NDArray[np.floating],
    term_weights: Callable[[NDArray[Any]], NDArray[np.float32]],
) -> None:
    """Add to the score of each picture of a segment what its words contribute.

    Parameters
    ----------
    scores : (n_pictures,) float64 ndarray
        Changed in place.
    views : Views
    words : (m,) integer ndarray
        Words of the query, each at most once.
    weights : (m,) floating ndarray
        Weight of each word.
    term_weights : callable
        Gives the weight of a word that a picture has so many times.
    """
    starts, stops = views.posting_offsets[words], views.posting_offsets[words + 1]
    announce(views.postings, starts, stops - starts)
    for first in range(0, len(words), _WORDS_AT_ONCE):
        some = slice(first, first + _WORDS_AT_ONCE)
        begins, ends = starts[some], stops[some]
        sizes = ends - begins
        total = int(sizes.sum())
        if total == 0:
            continue
        kind = views.postings.dtype
        pairs = views.postings.view(f"u{2 * kind.itemsize}")[:, 0]  # each posting as one number
        if total > _LONG * len(sizes):
            spans = zip(begins.tolist(), ends.tolist(), strict=True)
            found = np.concatenate([pairs[a:b] for a, b in spans])
        else:
            at = np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
            at += np.arange(total)
            found = pairs[at]
        found = found.view(kind).reshape(-1, 2)
        each = term_weights(found[:, 1]) * np.repeat(weights[some], sizes)
        added = np.bincount(found[:, 0], each, minlength=len(scores))
        if len(added) > len(scores):
            raise FormatError(
                "the postings of a segment name pictures that it does not have: "
                "look with 'bovw doctor'"
            )
        scores += added
