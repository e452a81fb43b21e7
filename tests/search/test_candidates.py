"""Candidates: all methods agree where they are exact, and their recall can be asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from bovw.nearest import CacheFile
from bovw.search import HistogramIndex, StoredGraph, candidate_recall
from bovw.settings import CandidateSettings
from bovw.vocabulary.weighting import normalise

METHODS = ["inverted", "sparse-hnsw", "lsa-hnsw"]


@pytest.fixture
def rows() -> sparse.csr_matrix:
    """Histograms of 400 pictures in 40 groups that share words; picture 7 is empty."""
    rng = np.random.default_rng(5)
    groups = rng.random((40, 2000)) * (rng.random((40, 2000)) < 0.04)
    dense = groups[np.arange(400) % 40] * (rng.random((400, 2000)) < 0.6)
    dense += rng.random((400, 2000)) * (rng.random((400, 2000)) < 0.02)
    dense[7] = 0
    return normalise(sparse.csr_matrix(dense.astype(np.float32)))


def index(rows: sparse.csr_matrix, method: str, **more: object) -> HistogramIndex:
    return HistogramIndex(rows, CandidateSettings(method=method, n_components=64), **more)


def by_hand(rows: sparse.csr_matrix, query: int, k: int) -> list[int]:
    scores = (rows[query] @ rows.T).toarray()[0]
    return [int(i) for i in np.lexsort((np.arange(len(scores)), -scores)) if scores[i] > 0][:k]


@pytest.mark.parametrize("method", ["exact", "inverted"])
def test_exact_methods_give_the_reference_ranking(rows: sparse.csr_matrix, method: str) -> None:
    found = index(rows, method).search(rows[:30], 20)
    for query, (positions, scores) in enumerate(found):
        assert positions.tolist() == by_hand(rows, query, 20)
        assert (np.diff(scores) <= 0).all()


def test_a_query_of_many_words_is_as_exact(rng: np.random.Generator) -> None:
    rows = normalise(sparse.random(300, 5000, 0.02, "csr", np.float32, rng))
    query = normalise(sparse.csr_matrix(rng.random((1, 5000), np.float32)))
    ((positions, scores),) = HistogramIndex(rows).search(query, 20)
    expected = (rows @ query.T).toarray().ravel()
    assert positions.tolist() == np.argsort(-expected, kind="stable")[:20].tolist()
    assert np.allclose(scores, expected[positions], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_recall_is_high_and_scores_are_exact(rows: sparse.csr_matrix, method: str) -> None:
    searched = index(rows, method)
    assert candidate_recall(searched, rows[:50], 10) > 0.9
    exact = searched.scores(rows[:5])
    for query, (positions, scores) in enumerate(searched.search(rows[:5], 10)):
        assert np.allclose(scores, exact[query][positions], atol=1e-6)


@pytest.mark.parametrize("method", ["exact", *METHODS])
def test_at_full_depth_every_method_is_exact(rows: sparse.csr_matrix, method: str) -> None:
    (positions, _), *_ = index(rows, method).search(rows[3], 400)
    assert positions.tolist() == by_hand(rows, 3, 400)


@pytest.mark.parametrize("method", ["exact", *METHODS])
def test_empty_pictures_never_answer(rows: sparse.csr_matrix, method: str) -> None:
    searched = index(rows, method)
    for k in (5, 400):
        assert all(7 not in positions for positions, _ in searched.search(rows[:20], k))
    assert len(searched.search(rows[7], 5)[0][0]) == 0


@pytest.mark.parametrize("method", ["exact", *METHODS])
def test_ties_go_to_the_first(method: str) -> None:
    rng = np.random.default_rng(0)
    one = sparse.random(1, 50, 0.3, "csr", np.float32, rng=rng)
    rows = normalise(sparse.vstack([one] * 6, "csr"))
    positions, _ = index(rows, method).search(rows[0], 3)[0]
    assert positions.tolist() == sorted(positions.tolist())
    if method == "exact":
        assert positions.tolist() == [0, 1, 2]


@pytest.mark.parametrize("method", ["exact", *METHODS])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_collections(rows: sparse.csr_matrix, method: str, n: int) -> None:
    positions, _ = index(rows[:n], method).search(rows[0], 5)[0]
    assert positions[:1].tolist() == list(range(n))[:1]


@pytest.mark.parametrize("method", ["sparse-hnsw", "lsa-hnsw"])
def test_a_stored_graph_gives_the_same_answers(
    rows: sparse.csr_matrix, method: str, tmp_path: Path
) -> None:
    def stored(name: str, built: HistogramIndex) -> HistogramIndex:
        (graph,) = built.graphs
        assert graph.neighbours.save(tmp_path / name)
        cache = CacheFile.of(tmp_path / name)
        assert cache is not None
        loaded = StoredGraph(cache, graph.keys, graph.basis).load()
        assert loaded is not None
        return HistogramIndex(rows, built.settings, graphs=[loaded])

    built = index(rows, method)
    loaded = stored("cache", built)
    again = stored("again", loaded)  # a loaded index can be saved, too
    for query in range(10):
        (a, _), (b, _), (c, _) = (x.search(rows[query], 10)[0] for x in (built, loaded, again))
        assert a.tolist() == b.tolist() == c.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_graph_serves_while_pictures_come_and_go(rows: sparse.csr_matrix, method: str) -> None:
    """Rows that are new to it are scanned, and those that have gone are not found."""
    n = rows.shape[0]
    keys = np.arange(n) + 7
    before = HistogramIndex(rows[: n - 20], index(rows, method).settings, keys=keys[: n - 20])
    now = np.flatnonzero(np.arange(n) % 10 != 3)
    after = HistogramIndex(rows[now], before.settings, keys=keys[now], graphs=before.graphs)
    assert after.graphs == before.graphs and not after.is_fresh
    assert candidate_recall(after, rows[:40], 10) > 0.99
    positions, _ = after.search(rows[n - 1], 1)[0]
    assert now[positions[0]] == n - 1


@pytest.mark.parametrize("method", METHODS)
def test_building_is_deterministic(rows: sparse.csr_matrix, method: str) -> None:
    first, second = index(rows, method), index(rows, method)
    for (a, _), (b, _) in zip(
        first.search(rows[:50], 30), second.search(rows[:50], 30), strict=True
    ):
        assert a.tolist() == b.tolist()
