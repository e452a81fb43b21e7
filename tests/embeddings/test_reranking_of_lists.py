"""Re-ranking over neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bovw.embeddings import Diffusion, KReciprocal, Neighbours, nearest_rows
from bovw.errors import SettingsError

N_GROUPS, GROUP = 12, 8


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def chains(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Groups of items, each on an arc: its ends are far apart, its neighbours near."""
    planes = unit(rng.standard_normal((2 * N_GROUPS, 40)))
    angle = np.linspace(0, 0.5 * np.pi, GROUP)
    items = [
        np.cos(angle)[:, None] * a + np.sin(angle)[:, None] * b
        for a, b in zip(planes[::2], planes[1::2], strict=True)
    ]
    base = np.concatenate(items) + rng.normal(0, 0.03, (N_GROUPS * GROUP, 40))
    return unit(base), np.repeat(np.arange(N_GROUPS), GROUP)


def mean_precision(scores: np.ndarray, groups: np.ndarray, queries: np.ndarray) -> float:
    """Share of the first items (the query left out) that belong to the query's group."""
    scores = scores.copy()
    scores[np.arange(len(queries)), queries] = -1
    first = np.argsort(-scores, axis=1, kind="stable")[:, : GROUP - 1]
    return float((groups[first] == groups[queries][:, None]).mean())


@pytest.mark.parametrize("as_sparse", [False, True])
def test_nearest_rows_are_those_of_a_full_sort(rng: np.random.Generator, as_sparse: bool) -> None:
    base = unit(rng.integers(0, 3, (50, 6)) + 0.1)
    found = (
        nearest_rows(sparse.csr_matrix(base[:7]), sparse.csr_matrix(base), 9)
        if as_sparse
        else nearest_rows(base[:7], base, 9)
    )
    scores = base[:7] @ base.T
    assert found.similarities == pytest.approx(-np.sort(-scores, axis=1)[:, :9], abs=1e-6)
    assert np.take_along_axis(scores, found.indices, 1) == pytest.approx(found.similarities)
    assert all(len(set(row)) == 9 for row in found.indices.tolist())


def test_both_find_the_far_ends_of_a_chain(chains: tuple[np.ndarray, np.ndarray]) -> None:
    base, groups = chains
    queries = np.arange(0, len(base), GROUP)  # one end of each
    lists = nearest_rows(base, base, len(base))
    asked = Neighbours(lists.indices[queries], lists.similarities[queries])
    plain = mean_precision(base[queries] @ base.T, groups, queries)
    diffused = Diffusion(k=4, k_query=3).fit(lists).rerank(asked)
    reciprocal = KReciprocal(k1=8, k2=3, weight=0.3).fit(lists).rerank(asked).toarray()
    assert plain < 0.9
    assert mean_precision(diffused, groups, queries) > plain + 0.05
    assert mean_precision(reciprocal, groups, queries) >= plain


def test_reciprocal_scores_by_hand() -> None:
    # 0 and 1 are each other's nearest, 2 and 3 too; the query is like 0.
    similarities = np.array([[1, 0.9], [1, 0.9], [1, 0.8], [1, 0.8]], np.float32)
    base = Neighbours(np.array([[0, 1], [1, 0], [2, 3], [3, 2]], np.int32), similarities)
    queries = Neighbours(
        np.array([[0, 1, 2, 3]], np.int32), np.array([[0.95, 0.92, 0.1, 0.05]], np.float32)
    )
    scores = KReciprocal(k1=2, k2=1, weight=0).fit(base).rerank(queries).toarray()[0]
    near, far = np.exp(2 * 0.95 - 2), np.exp(2 * 0.92 - 2)
    asked = np.array([near, far]) / (near + far)
    of_zero = np.array([1, np.exp(2 * 0.9 - 2)]) / (1 + np.exp(2 * 0.9 - 2))
    least = np.minimum(asked, of_zero).sum()
    assert scores[0] == pytest.approx(least / (2 - least), rel=1e-5)
    assert scores[2] == scores[3] == 0


def test_weight_one_leaves_the_similarities(chains: tuple[np.ndarray, np.ndarray]) -> None:
    base, _ = chains
    lists = nearest_rows(base, base, 20)
    scores = KReciprocal(k1=5, k2=2, weight=1).fit(lists).rerank(lists)
    expected = lists.matrix(len(base), 20)
    assert abs(scores - expected).max() < 1e-6


def test_diffusion_solves_its_equation(chains: tuple[np.ndarray, np.ndarray]) -> None:
    base, _ = chains
    lists = nearest_rows(base, base, 6)
    scores = Diffusion(k=6, k_query=3, alpha=0.9, gamma=1, max_iterations=200).fit(lists)
    graph = np.zeros((len(base), len(base)))
    for i, (row, values) in enumerate(zip(lists.indices, lists.similarities, strict=True)):
        graph[i, row] = values
    np.fill_diagonal(graph, 0)
    graph = np.minimum(graph, graph.T)
    degree = np.where(graph.sum(axis=1) > 0, graph.sum(axis=1), 1)
    system = np.eye(len(base)) - 0.9 * graph / np.sqrt(degree[:, None] * degree[None, :])
    source = lists.matrix(len(base), 3).toarray()
    assert scores.rerank(lists) == pytest.approx(np.linalg.solve(system, source.T).T, abs=1e-4)


@pytest.mark.parametrize("arguments", [{"k1": 1}, {"k1": 4, "k2": 5}, {"weight": 2}])
def test_impossible_settings_of_k_reciprocal(arguments: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        KReciprocal(**arguments)  # type: ignore[arg-type]


def test_impossible_settings_of_diffusion() -> None:
    with pytest.raises(SettingsError, match="alpha=1"):
        Diffusion(alpha=1)
