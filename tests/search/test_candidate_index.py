"""What every engine that finds candidates must do: ours, and Qdrant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import bovw
from bovw.errors import SettingsError
from bovw.search import CandidateIndex, HistogramCandidates, QdrantCandidates
from bovw.settings import CandidateSettings

N_WORDS = 60
Make = Callable[[int], CandidateIndex]


@pytest.fixture(params=["exact", "inverted", "qdrant"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes an empty index for so many words."""
    if request.param == "qdrant":
        pytest.importorskip("qdrant_edge", reason="pip install 'bovw[qdrant]'")
        return lambda n_words: QdrantCandidates(tmp_path / "qdrant", n_words)
    return lambda n_words: HistogramCandidates(n_words, CandidateSettings(method=request.param))


@pytest.fixture
def rows(rng: np.random.Generator) -> sparse.csr_matrix:
    """Histograms of forty pictures; that of the last is empty."""
    found = sparse.random(40, N_WORDS, 0.2, "csr", np.float32, random_state=rng)
    dense = found.toarray()
    dense[-1] = 0
    return sparse.csr_matrix(dense)


def keys_of(n: int) -> np.ndarray:
    """Keys as large as they get, in no order."""
    return (np.arange(n, dtype=np.int64) * 7919 % 40) * 2**56 + 3


def check(
    index: CandidateIndex, query: sparse.csr_matrix, k: int, expected: dict[int, float],
    allowed: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Compare what an index finds with the exact scores of all that it may find."""
    keys, scores = index.search(query, k, allowed)
    assert keys.dtype == np.int64 and scores.dtype == np.float32
    best = sorted((s for s in expected.values() if s > 0), reverse=True)[:k]
    assert np.allclose(scores, best, rtol=1e-5)
    assert len(set(keys.tolist())) == len(keys)
    for key, score in zip(keys.tolist(), scores.tolist(), strict=True):
        assert score == pytest.approx(expected[key], rel=1e-5)


def exact(keys: np.ndarray, rows: sparse.csr_matrix, query: sparse.csr_matrix) -> dict[int, float]:
    return dict(zip(keys.tolist(), (rows @ query.T).toarray().ravel().tolist(), strict=True))


def test_the_nearest_are_found(make: Make, rows: sparse.csr_matrix) -> None:
    index, keys = make(N_WORDS), keys_of(40)
    index.add(keys[:30], rows[:30])
    index.add(keys[30:], rows[30:])
    for query in rows[[0, 17, 35]]:
        for k in (1, 5, 100):
            check(index, query, k, exact(keys, rows, query))


def test_removed_ones_are_not_found_and_unknown_ones_do_no_harm(
    make: Make, rows: sparse.csr_matrix
) -> None:
    index, keys = make(N_WORDS), keys_of(40)
    index.add(keys, rows)
    index.remove(np.append(keys[::2], 1))
    index.remove(keys[:0])
    check(index, rows[4], 10, exact(keys[1::2], rows[1::2], rows[4]))
    index.add(keys[4:5], rows[4:5])
    check(index, rows[4], 1, exact(keys[4:5], rows[4:5], rows[4]))


def test_a_known_key_is_replaced(make: Make, rows: sparse.csr_matrix) -> None:
    index, keys = make(N_WORDS), keys_of(40)
    index.add(keys, rows)
    index.add(keys[:10], rows[10:20])
    now = sparse.vstack([rows[10:20], rows[10:]], "csr")
    check(index, rows[12], 40, exact(keys, now, rows[12]))


def test_only_allowed_ones_are_found(make: Make, rows: sparse.csr_matrix) -> None:
    index, keys = make(N_WORDS), keys_of(40)
    index.add(keys, rows)
    may = keys[3::5]
    check(index, rows[0], 5, exact(may, rows[3::5], rows[0]), may)
    check(index, rows[0], 5, exact(may, rows[3::5], rows[0]), np.append(may, 1))
    assert len(index.search(rows[0], 5, keys[:0])[0]) == 0


def test_an_empty_query_or_index_finds_nothing(make: Make, rows: sparse.csr_matrix) -> None:
    index = make(N_WORDS)
    assert len(index.search(rows[0], 3)[0]) == 0
    index.add(keys_of(40), rows)
    assert len(index.search(rows[39], 3)[0]) == 0


def test_what_does_not_fit_is_refused(make: Make, rows: sparse.csr_matrix) -> None:
    index = make(N_WORDS)
    with pytest.raises(SettingsError, match="expected"):
        index.add(keys_of(3), rows[:2])
    with pytest.raises(SettingsError, match="different numbers"):
        index.add(np.array([1, 1]), rows[:2])
    with pytest.raises(SettingsError, match="not negative"):
        index.add(np.array([-1, 1]), rows[:2])


def test_an_engine_answers_the_same_with_its_candidates(
    make: Make, engine: bovw.Engine, pictures: list[Path]
) -> None:
    few = engine.changed(candidates={"n_candidates": 12})
    other = few.with_candidates(make(engine.vocabulary.n_words_))
    for query in pictures[::13]:
        found, expected = other.search(query, 4), few.search(query, 4)
        assert [a.to_dict() for a in found] == [a.to_dict() for a in expected]
    named = {"deny": [pictures[13].name]}
    found, expected = (e.search(pictures[13], 4, **named) for e in (other, few))
    assert [a.to_dict() for a in found] == [a.to_dict() for a in expected]


def test_qdrant_keeps_its_folder(tmp_path: Path, rows: sparse.csr_matrix) -> None:
    pytest.importorskip("qdrant_edge", reason="pip install 'bovw[qdrant]'")
    index, keys = QdrantCandidates(tmp_path / "q", N_WORDS), keys_of(40)
    index.add(keys, rows)
    index.close()
    again = QdrantCandidates(tmp_path / "q", N_WORDS)
    check(again, rows[7], 8, exact(keys, rows, rows[7]))
    again.close()
