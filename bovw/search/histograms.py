"""TF-IDF histograms of a collection, computed from its words when they are needed.

No matrix of all histograms is kept in memory. A histogram is the term weight of each word times its
inverse document frequency, divided by the length of the whole. The lengths of all pictures are kept
(`Weights`); everything else is read from the segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import (
    Collection,
    Segment,
    Views,
    add_scores,
    announce,
    positions_of_keys,
    slices,
    split_keys,
    word_blocks,
)
from ..vocabulary import TfidfWeighting

_POSTINGS_AT_ONCE = 1 << 20
_ROWS_AT_ONCE = 64  # their words fit into the processor's cache
_MANY_ROWS = 20_000
_STALE = 50  # document frequencies are counted anew when one picture in so many has changed


@dataclass(frozen=True, eq=False)
class Weights:
    """What depends on all pictures of an index together.

    Attributes
    ----------
    idf : (n_words,) float32 ndarray
        Inverse document frequency of each word.
    lengths : (n_pictures, 2) float32 ndarray
        For each picture of the collection, in its order: the length by which its histogram is
        divided, and the square root of the score of the picture with itself by the aggregated
        kernel. At least 1e-6; the first is 0 for a picture whose histogram is empty.
    changed : int
        How many pictures were added or removed since `idf` was counted.
    """

    idf: NDArray[np.float32]
    lengths: NDArray[np.float32]
    changed: int = 0


def picture_lengths(
    views: Views, n_pictures: int, weighting: TfidfWeighting
) -> NDArray[np.float32]:
    """Lengths of all pictures of a segment, removed ones too; see `Weights.lengths`."""
    sums = np.zeros((n_pictures, 2))
    idf = weighting.idf_
    bounds = views.posting_offsets
    for some in word_blocks(bounds, _POSTINGS_AT_ONCE):
        found = views.postings[bounds[some.start] : bounds[some.stop]]
        own = np.repeat(idf[some], np.diff(bounds[some.start : some.stop + 1]))
        pictures = found[:, 0].astype(np.intp)
        values = weighting.term_weights(found[:, 1]) * own
        if weighting.norm == "l2":
            np.square(values, out=values)
        for column, each in enumerate((values, np.square(own))):
            sums[:, column] += np.bincount(pictures, each, minlength=n_pictures)
    empty = sums[:, 0] == 0
    sums[:, 1] = np.sqrt(np.maximum(sums[:, 1], 1e-12))
    if weighting.norm == "l2":
        sums[:, 0] = np.sqrt(sums[:, 0])
    elif weighting.norm == "none":
        sums[:, 0] = 1
    sums[empty, 0] = 0
    return sums.astype(np.float32)


def count_weights(collection: Collection, weighting: TfidfWeighting) -> Weights:
    """Fit a weighting to the document frequencies of a collection, and compute all lengths."""
    weighting.fit_frequencies(collection.document_frequencies(), len(collection))
    parts = [picture_lengths(s.views, len(s), weighting) for s in collection.segments]
    return Weights(weighting.idf_, collection.placed(parts))


def kept_weights(
    weights: Weights,
    weighting: TfidfWeighting,
    before: Collection,
    after: Collection,
    n_changed: int,
) -> Weights | None:
    """Keep document frequencies for a collection that differs little; None if it differs more.

    When one of a million pictures comes or goes, no document frequency changes by as much as a
    search could tell, but counting them and all lengths anew takes seconds. So they are counted
    anew when one picture in fifty has come or gone since.

    Parameters
    ----------
    weights : Weights
        Of `before`.
    weighting : TfidfWeighting
        Fitted as `weights` says.
    before, after : Collection
    n_changed : int
        How many pictures were added or removed.
    """
    changed = weights.changed + n_changed
    if changed * _STALE > len(after):
        return None
    at = positions_of_keys(before.keys, after.keys)
    lengths = weights.lengths[at]
    numbers, places = split_keys(after.keys)
    for segment in after.segments:
        new = np.flatnonzero((numbers == segment.number) & (at < 0))
        if len(new):
            lengths[new] = picture_lengths(segment.views, len(segment), weighting)[places[new]]
    return Weights(weights.idf, lengths, changed)


class Rows(Protocol):
    """Histograms that a `HistogramIndex` searches."""

    def __len__(self) -> int: ...

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """Whether each row has any word ``(n,)``."""

    def rows(self, positions: NDArray[np.integer]) -> sparse.csr_matrix:
        """Histograms ``(m, n_words)`` at some positions."""

    def scores(self, query: sparse.csr_matrix) -> NDArray[np.float32]:
        """Dot products ``(n,)`` of a histogram ``(1, n_words)`` and each row."""

    def heaviest(self, query: sparse.csr_matrix, most_postings: int) -> sparse.csr_matrix:
        """Leave out of a histogram words that weigh little, so that few postings are read."""

    def scores_of(
        self, query: sparse.csr_matrix, positions: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Dot products ``(m,)`` of a histogram ``(1, n_words)`` and some rows."""


class MatrixRows:
    """Histograms in a matrix ``(n, n_words)``."""

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        self._matrix = matrix
        # An inverted file: row w lists the pictures that contain word w.
        self._postings = matrix.T.tocsr()

    def __len__(self) -> int:
        return int(self._matrix.shape[0])

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """Whether each row has any word ``(n,)``."""
        return np.asarray(np.diff(self._matrix.indptr) > 0)

    def rows(self, positions: NDArray[np.integer]) -> sparse.csr_matrix:
        """Histograms ``(m, n_words)`` at some positions."""
        return self._matrix[positions]

    def scores(self, query: sparse.csr_matrix) -> NDArray[np.float32]:
        """Dot products ``(n,)`` of a histogram ``(1, n_words)`` and each row."""
        return np.asarray(self._postings[query.indices].T @ query.data, np.float32)

    def heaviest(self, query: sparse.csr_matrix, most_postings: int) -> sparse.csr_matrix:
        """Leave out of a histogram words that weigh little, so that few postings are read."""
        frequencies = np.diff(self._postings.indptr)[query.indices]
        return _heaviest(query, query.data, frequencies, most_postings)

    def scores_of(
        self, query: sparse.csr_matrix, positions: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Dot products ``(m,)`` of a histogram ``(1, n_words)`` and some rows."""
        return np.asarray(self._matrix[positions] @ query.toarray().ravel(), np.float32)


class CollectionRows:
    """Histograms of a collection.

    Parameters
    ----------
    collection : Collection
    weighting : TfidfWeighting
        Fitted.
    weights : Weights
    """

    def __init__(self, collection: Collection, weighting: TfidfWeighting, weights: Weights) -> None:
        self._collection, self._weighting = collection, weighting
        self._lengths = weights.lengths[:, 0]

    def __len__(self) -> int:
        return len(self._collection)

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """Whether each row has any word ``(n,)``."""
        return np.asarray(self._lengths > 0)

    def rows(self, positions: NDArray[np.integer]) -> sparse.csr_matrix:
        """Histograms ``(m, n_words)`` at some positions."""
        return self._weighting.transform(self._collection.counts(positions))

    def scores(self, query: sparse.csr_matrix) -> NDArray[np.float32]:
        """Dot products ``(n,)`` of a histogram ``(1, n_words)`` and each row."""
        return self._scores(query, self._collection.segments)

    def heaviest(self, query: sparse.csr_matrix, most_postings: int) -> sparse.csr_matrix:
        """Leave out of a histogram words that weigh little, so that few postings are read."""
        words = query.indices
        frequencies = np.zeros(len(words), np.int64)
        for segment in self._collection.segments:
            bounds = segment.views.posting_offsets
            frequencies += bounds[words + 1] - bounds[words]
        return _heaviest(query, self._weights_of(query), frequencies, most_postings)

    def _weights_of(self, query: sparse.csr_matrix) -> NDArray[np.float32]:
        return np.asarray(query.data * self._weighting.idf_[query.indices], np.float32)

    def _scores(self, query: sparse.csr_matrix, segments: Sequence[Segment]) -> NDArray[np.float32]:
        """The same, but 0 for the pictures of other segments."""
        words, weights = query.indices, self._weights_of(query)
        parts = [np.zeros(len(segment)) for segment in self._collection.segments]
        for part, segment in zip(parts, self._collection.segments, strict=True):
            if segment in segments:
                term_weights = self._weighting.term_weights
                add_scores(part, segment.views, words, weights, term_weights)
        found = self._collection.placed(parts)
        found /= np.where(self._lengths > 0, self._lengths, 1)
        return np.asarray(found, np.float32)

    def scores_of(
        self, query: sparse.csr_matrix, positions: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Dot products ``(m,)`` of a histogram ``(1, n_words)`` and some rows."""
        collection, weighting = self._collection, self._weighting
        if len(positions) > _MANY_ROWS:  # then postings are read sooner than words
            numbers = np.unique(split_keys(collection.keys[positions])[0])
            segments = [s for s in collection.segments if s.number in numbers]
            return np.asarray(self._scores(query, segments)[positions])
        weights = np.zeros(len(weighting.idf_), np.float32)
        weights[query.indices] = self._weights_of(query)
        asked, sums = weights > 0, np.zeros(len(positions))
        announce(collection.words, collection.starts[positions], collection.sizes[positions])
        for first in range(0, len(positions), _ROWS_AT_ONCE):
            some = positions[first : first + _ROWS_AT_ONCE]
            sizes = collection.sizes[some]
            words = slices(collection.words, collection.starts[some], sizes)
            shared = np.flatnonzero(asked[words])
            word = words[shared]
            row = np.searchsorted(np.cumsum(sizes), shared, side="right")
            new = np.ones(len(word), bool)
            new[1:] = (word[1:] != word[:-1]) | (row[1:] != row[:-1])
            starts = np.flatnonzero(new)
            each = weighting.term_weights(np.diff(starts, append=len(word)))
            each *= weights[word[starts]]
            sums[first : first + len(some)] = np.bincount(row[starts], each, len(some))
        lengths = self._lengths[positions]
        return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32)


def _heaviest(
    query: sparse.csr_matrix,
    weights: NDArray[np.floating],
    frequencies: NDArray[np.integer],
    most: int,
) -> sparse.csr_matrix:
    """Keep the heaviest words of a query that have at most so many postings together.

    Rare words weigh most, and have the fewest postings. Words that appear in very many pictures
    hardly tell which are nearest (Broder et al., "Efficient query evaluation using a two-level
    retrieval process", CIKM 2003, skip them, too).
    """
    if frequencies.sum() <= most:
        return query
    order = np.argsort(-weights, kind="stable")
    kept = np.sort(order[np.cumsum(frequencies[order]) <= most])
    return sparse.csr_matrix(
        (query.data[kept], query.indices[kept], [0, len(kept)]), shape=query.shape
    )
