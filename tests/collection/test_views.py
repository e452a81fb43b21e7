"""The views of a segment say what its words and signatures say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from bovw.collection import Collection, PictureWords, Segment, add_scores, make_segment
from bovw.errors import FormatError
from bovw.pictures import Record
from bovw.search import CollectionRows, count_weights
from bovw.vocabulary import TfidfWeighting, word_counts
from bovw.vocabulary.weighting import normalise

N_WORDS = 40


@pytest.fixture
def segment(rng: np.random.Generator) -> Segment:
    """Thirty pictures with 0 to 60 features; the words 38 and 39 occur in none."""
    sizes = [0, 1, *rng.integers(0, 60, 28).tolist()]
    pictures = [
        PictureWords(
            np.sort(rng.integers(0, 38, n)).astype(np.uint8),
            rng.integers(0, 1 << 63, n).astype(np.uint64),
            np.zeros((n, 3), np.uint16),
        )
        for n in sizes
    ]
    records = [Record(f"{i:02d}", "", 9, 9, "") for i in range(len(pictures))]
    return make_segment(records, pictures, N_WORDS)


def counts_of(segment: Segment) -> sparse.csr_matrix:
    return word_counts(segment.words, segment.offsets, N_WORDS)


def test_postings_are_the_transposed_counts(segment: Segment) -> None:
    views, counts = segment.views, counts_of(segment).toarray()
    assert views.frequencies.tolist() == (counts > 0).sum(axis=0).tolist()
    found = np.zeros_like(counts)
    for word in range(N_WORDS):
        for picture, count in views.postings[slice(*views.posting_offsets[word : word + 2])]:
            found[picture, word] = count
    assert (found == counts).all()


def test_words_that_a_picture_has_more_than_once_have_a_joined_signature(segment: Segment) -> None:
    views, counts = segment.views, counts_of(segment).toarray()
    assert np.diff(views.joined_offsets).tolist() == (counts > 1).sum(axis=1).tolist()


@pytest.mark.parametrize("tf", ["sqrt", "log", "binary", "raw"])
@pytest.mark.parametrize("norm", ["l2", "l1", "none"])
def test_histograms_and_scores_are_those_of_a_matrix(
    segment: Segment, rng: np.random.Generator, tf: str, norm: str
) -> None:
    expected = TfidfWeighting(tf=tf, norm=norm).fit_transform(counts_of(segment))
    collection = Collection.of([segment])
    weighting = TfidfWeighting(tf=tf, norm=norm)
    weights = count_weights(collection, weighting)
    rows = CollectionRows(collection, weighting, weights)
    every = np.arange(len(segment))
    assert np.allclose(rows.rows(every).toarray(), expected.toarray(), atol=1e-6)
    words = np.sort(rng.integers(0, N_WORDS, 25))
    query = normalise(word_counts(words, np.array([0, 25]), N_WORDS))
    assert np.allclose(rows.scores(query), (expected @ query.T).toarray().ravel(), atol=1e-5)
    assert rows.is_filled.tolist() == (np.diff(expected.indptr) > 0).tolist()


def test_removed_pictures_count_in_no_frequency(segment: Segment) -> None:
    gone = [3, 7, 8]
    collection = Collection.of([segment], {1: gone})
    left = np.delete(counts_of(segment).toarray(), gone, axis=0)
    assert collection.document_frequencies().tolist() == (left > 0).sum(axis=0).tolist()


def test_postings_of_pictures_that_are_not_there_are_damage(segment: Segment) -> None:
    views = segment.views
    scores = np.zeros(3)
    with pytest.raises(FormatError, match="does not have"):
        add_scores(
            scores, views, np.arange(N_WORDS), np.ones(N_WORDS), TfidfWeighting().term_weights
        )


def test_damage_of_views_is_found_by_reading_everything(segment: Segment) -> None:
    segment.check()
    postings = segment.views.postings.copy()
    postings[5, 1] += 1
    wrong = replace(segment, stored_views=replace(segment.views, postings=postings))
    with pytest.raises(FormatError, match="postings is not what its words say"):
        wrong.check()
