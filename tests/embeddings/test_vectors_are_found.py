"""Embeddings: projection and search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from bovw.embeddings import EmbeddingIndex, Embeddings, Projection, load_embeddings
from bovw.errors import (
    EmbeddingError,
    NotFittedError,
    SettingsError,
    TrainingError,
)

NAMES = ("b.jpg", "a/ä.jpg", "odd\udcff name.jpg")


VECTORS = np.array([[3, 4, 0], [0, 0, 0], [0.5, -1, 2]], np.float32)


@pytest.fixture
def small() -> Embeddings:
    """Three vectors that float16 holds exactly, one of them zero."""
    return Embeddings(NAMES, VECTORS)


# Embeddings


def test_numbers_of_any_type_become_float32() -> None:
    for kind in (np.float16, np.float64, np.int8):
        found = Embeddings(("x",), np.array([[1, -2]], kind))
        assert found.vectors.dtype == np.float32
        assert found.vectors.tolist() == [[1, -2]]


@pytest.mark.parametrize(
    ("names", "vectors", "message"),
    [
        (("a", "b"), np.ones((3, 2)), "2 names and 3 vectors"),
        ((), np.ones((0, 2)), "at least one"),
        (("a",), np.ones(3), r"shape \(3,\)"),
        (("a",), np.ones((1, 0)), r"shape \(1, 0\)"),
        (("a",), np.array([["1"]]), "expected numbers"),
        (("a", "b"), np.array([[1.0], [np.nan]]), "1 vectors are not finite, the first in row 1"),
        (("a",), np.array([[1e300]]), "not finite"),
        ((1,), np.ones((1, 2)), "a name is 1"),
    ],
)
def test_malformed_embeddings_are_refused(names: Any, vectors: np.ndarray, message: str) -> None:
    with pytest.raises(EmbeddingError, match=message):
        Embeddings(names, vectors)


def test_normalised_leaves_zeros(small: Embeddings) -> None:
    unit = small.normalised()
    assert unit.identifiers == NAMES
    assert unit.vectors[0] == pytest.approx([0.6, 0.8, 0])
    assert unit.vectors[1].tolist() == [0, 0, 0]
    assert np.linalg.norm(unit.vectors[2]) == pytest.approx(1)


def test_aligned_follows_the_names_asked_for(small: Embeddings) -> None:
    rows = small.aligned([NAMES[2], NAMES[0], NAMES[2]])
    assert np.array_equal(rows, VECTORS[[2, 0, 2]])
    assert small.aligned([]).shape == (0, 3)
    with pytest.raises(EmbeddingError, match=r"2 of 3 pictures have no vector \(x, y\)"):
        small.aligned(["x", NAMES[0], "y"])
    with pytest.raises(EmbeddingError, match=r"\(m0, m1, m2, m3, m4 and 1 more\)"):
        small.aligned([f"m{i}" for i in range(6)])


def test_queries_may_repeat_a_name_and_a_base_may_not() -> None:
    twice = Embeddings(("a", "b", "a"), VECTORS)
    with pytest.raises(EmbeddingError, match="a names rows 0 and 2"):
        twice.aligned(["b"])
    with pytest.raises(EmbeddingError, match="a names rows 0 and 2"):
        EmbeddingIndex(twice)


# Projection


def test_whitening_makes_variances_equal_and_centres(rng: np.random.Generator) -> None:
    x = rng.normal(5, 1, (400, 6)) * [9, 5, 3, 1, 0.5, 0.1]
    model = Projection().fit(x)
    assert model.mean_ == pytest.approx(x.mean(axis=0), rel=1e-4)
    inner = (x - x.mean(axis=0)) @ model.projection_
    assert np.cov(inner.T) == pytest.approx(np.eye(6), abs=1e-3)
    found = model.transform(x)
    expected = inner / np.linalg.norm(inner, axis=1, keepdims=True)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-4)


def test_without_whitening_distances_stay(rng: np.random.Generator) -> None:
    x = rng.standard_normal((30, 5))
    found = Projection(whiten=False).fit(x).transform(x)
    centred = x - x.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert found @ found.T == pytest.approx(centred @ centred.T, abs=1e-5)


def test_the_power_of_whitening(rng: np.random.Generator) -> None:
    x = rng.standard_normal((300, 3)) * [10, 2, 1]
    model = Projection(power=0.25).fit(x)
    kept = ((x - x.mean(axis=0)) @ model.projection_).var(axis=0, ddof=1)
    assert kept == pytest.approx(np.sqrt(model.explained_variance_), rel=1e-3)
    plain, none = Projection(whiten=False).fit(x), Projection(power=0).fit(x)
    assert np.array_equal(plain.projection_, none.projection_)


def test_projection_onto_the_first_components_by_hand() -> None:
    x = np.array([[4, 0], [-4, 0], [0, 1], [0, -1]])
    model = Projection(1, whiten=False).fit(x)
    assert np.abs(model.projection_) == pytest.approx(np.array([[1], [0]]), abs=1e-6)
    assert np.abs(model.transform(x[:2])) == pytest.approx(np.ones((2, 1)))


def test_directions_without_variance_are_not_blown_up(rng: np.random.Generator) -> None:
    few = rng.standard_normal((5, 20)).astype(np.float32)  # of rank 4 when centred
    model = Projection().fit(few)
    assert model.projection_.shape == (20, 5)
    assert not model.projection_[:, 4].any()
    assert np.isfinite(model.transform(few)).all()


def test_projection_is_deterministic_and_can_be_cloned(rng: np.random.Generator) -> None:
    x = rng.standard_normal((50, 8)).astype(np.float32)
    first = Projection(4, power=0.3).fit(x)
    again = clone(first).fit(x.copy())
    assert again.get_params() == {"n_components": 4, "whiten": True, "power": 0.3}
    assert np.array_equal(first.projection_, again.projection_)


def test_projections_that_cannot_be(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 8))
    with pytest.raises(NotFittedError):
        Projection().transform(x)
    for model in (Projection(0), Projection(9), Projection(power=1.5)):
        with pytest.raises(SettingsError):
            model.fit(x)
    for model, rows in ((Projection(6), x), (Projection(), x[:1]), (Projection(), x[:3] * 0)):
        with pytest.raises(TrainingError):
            model.fit(rows)
    with pytest.raises(EmbeddingError, match="7 dimensions: expected 8"):
        Projection(2).fit(x).transform(x[:, :7])


# Search


@pytest.mark.parametrize("method", ["exact", "hnsw"])
def test_dot_products_by_hand(method: Any) -> None:
    vectors = np.array([[1, 0], [2, 0], [0, 3], [1, 0], [-1, 1]])
    index = EmbeddingIndex(Embeddings(tuple("abcde"), vectors), method)
    found = index.search(np.array([[1, 0], [0, 1]]), 4)
    assert found.indices[0].tolist() == [1, 0, 3, 2]  # equal ones by row
    assert found.similarities[0].tolist() == [2, 1, 1, 0]
    assert found.indices[1].tolist() == [2, 4, 0, 1]
    assert found.similarities[1].tolist() == [3, 1, 0, 0]
    assert index.search(np.array([[1, 0]]), 99).indices.shape == (1, 5)
    assert index.search(np.zeros((0, 2)), 3).indices.shape == (0, 3)
    assert index.scores(np.array([[1, 0.5]])).tolist() == [[1, 2, 1.5, 1, -0.5]]


def test_a_graph_finds_what_comparing_with_all_finds(rng: np.random.Generator) -> None:
    vectors = rng.standard_normal((600, 16))
    base = Embeddings(tuple(map(str, range(600))), vectors)  # of different lengths
    queries = rng.standard_normal((20, 16))
    exact = EmbeddingIndex(base).search(queries, 10)
    graph = EmbeddingIndex(base, "hnsw", ef_search=400).search(queries, 10)
    same = [
        len(set(a) & set(b))
        for a, b in zip(exact.indices.tolist(), graph.indices.tolist(), strict=True)
    ]
    assert np.mean(same) > 9.5
    scores = queries @ vectors.T
    assert np.take_along_axis(scores, graph.indices, 1) == pytest.approx(
        graph.similarities, abs=1e-4
    )
    assert exact.similarities == pytest.approx(-np.sort(-scores, axis=1)[:, :10], abs=1e-4)


def test_what_a_graph_does_not_find_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    index = EmbeddingIndex(Embeddings(tuple("abc"), np.eye(3)), "hnsw")
    answer = (
        np.array([[2, 1, -1]], np.int32),
        np.array([[-3.0, -3.0, -np.inf]], np.float32),
    )
    monkeypatch.setattr(index._graph, "search", lambda queries, k: answer)
    found = index.search(np.ones((1, 3)), 3)
    assert found.indices.tolist() == [[1, 2, -1]]
    assert found.similarities.tolist() == [[-3, -3, 0]]


def test_search_in_blocks_gives_the_same(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = EmbeddingIndex(Embeddings(tuple("abcdef"), np.eye(6)))
    queries = rng.integers(0, 9, (7, 6))
    whole = index.search(queries, 4)
    monkeypatch.setattr("bovw.embeddings.reranking._SCORES_AT_ONCE", 12)
    parts = index.search(queries, 4)
    assert np.array_equal(whole.indices, parts.indices)
    assert np.array_equal(whole.similarities, parts.similarities)


def test_searches_that_cannot_be(small: Embeddings) -> None:
    index = EmbeddingIndex(small)
    with pytest.raises(SettingsError, match="k=0"):
        index.search(VECTORS, 0)
    with pytest.raises(EmbeddingError, match="2 dimensions: expected 3"):
        index.search(VECTORS[:, :2], 1)
    with pytest.raises(EmbeddingError, match="expected numbers of shape"):
        index.scores(VECTORS[0])
    with pytest.raises(SettingsError, match="'exact' or 'hnsw'"):
        EmbeddingIndex(small, "flat")  # type: ignore[arg-type]


def test_ukbench_leave_one_out(data: Path) -> None:
    found = load_embeddings(data / "ukbench1000" / "mobilenet_v2.npz").normalised()
    numbers = np.array([int(name[7:12]) for name in found.identifiers])
    lists = EmbeddingIndex(found).search(found.vectors, 2).indices
    own = np.arange(len(numbers))
    first = np.where(lists[:, 0] == own, lists[:, 1], lists[:, 0])
    assert (numbers[first] // 4 == numbers // 4).mean() == pytest.approx(0.998, abs=0.0011)
