"""Compressed vectors."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from bovw.embeddings import ProductQuantizer, ScalarQuantizer
from bovw.errors import (
    EmbeddingError,
    NotFittedError,
    SettingsError,
    TrainingError,
)


def test_eight_bits_by_hand() -> None:
    x = np.array([[0, 5], [255, 5], [100.4, 5]])
    model = ScalarQuantizer(8).fit(x)
    codes = model.transform(np.array([[0, 5], [100.4, 5], [999, 9], [-7, 4]]))
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0, 0], [100, 0], [255, 4], [0, 0]]
    assert model.inverse_transform(codes).tolist() == [[0, 5], [100, 5], [255, 5], [0, 5]]
    assert model.bytes_per_vector_ == 2


def test_four_bits_by_hand() -> None:
    x = np.array([[0, 0, 0], [15, 30, 1.5]])
    model = ScalarQuantizer(4).fit(x)
    assert model.bytes_per_vector_ == 2
    codes = model.transform(np.array([[3.2, 20, 1.5]]))
    assert codes.tolist() == [[3 << 4 | 10, 15 << 4]]  # the last half byte is empty
    assert model.inverse_transform(codes) == pytest.approx(np.array([[3, 20, 1.5]]))


def test_one_bit_by_hand() -> None:
    x = np.array([[1, 7, 0], [2, 7, 0], [4, 7, 0], [9, 7, 5]])
    model = ScalarQuantizer(1).fit(x)
    assert model.threshold_.tolist() == [3, 7, 0]
    codes = model.transform(x)
    assert codes.tolist() == [[0], [0], [0b1000_0000], [0b1010_0000]]
    means = [[1.5, 7, 0], [1.5, 7, 0], [6.5, 7, 0], [6.5, 7, 5]]
    assert model.inverse_transform(codes).tolist() == means


@pytest.mark.parametrize(("bits", "length"), [(8, 37), (4, 19), (1, 5)])
def test_bytes_are_what_is_said(rng: np.random.Generator, bits: int, length: int) -> None:
    x = rng.standard_normal((5000, 37))  # in more than one block
    model = ScalarQuantizer(bits).fit(x)
    codes = model.transform(x)
    assert codes.shape == (5000, length)
    assert model.bytes_per_vector_ == codes.nbytes // len(codes) == length
    back = model.inverse_transform(codes)
    assert back.dtype == np.float32
    # A code stands for a vector that has the same code.
    assert np.array_equal(model.transform(back), codes)


def test_more_bits_lose_less(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4000, 16))
    loss = []
    for bits in (8, 4, 1):
        model = ScalarQuantizer(bits).fit(x)
        loss.append(np.square(model.inverse_transform(model.transform(x)) - x).mean())
    assert loss[0] < 0.001 < loss[1] < 0.02 < loss[2]
    assert loss[2] == pytest.approx(1 - 2 / np.pi, abs=0.01)  # of a normal distribution


def test_a_few_far_values_do_not_widen_the_steps(rng: np.random.Generator) -> None:
    x = rng.uniform(0, 1, (10_000, 1))
    x[:5] = 1e6
    model = ScalarQuantizer(4).fit(x)
    assert model.low_[0] + 15 * model.step_[0] == pytest.approx(1, abs=0.01)


def test_product_by_hand() -> None:
    # Two parts, of two and one dimensions, with two well separated centres each.
    means = np.array([[0, 1, 5], [10, 11, 5], [0, 1, -5], [10, 11, -5]], np.float32)
    x = means.copy()
    x[:, 1] += [-1, -1, 1, 1]
    # Many times: batches are drawn with replacement, and versions of scikit-learn draw differently.
    model = ProductQuantizer(2, 2).fit(np.tile(x, (1000, 1)))
    assert [centers.shape for centers in model.centers_] == [(2, 2), (2, 1)]
    assert model.bytes_per_vector_ == 2
    codes = model.transform(x)
    assert codes.dtype == np.uint8
    assert codes[0].tolist() == [codes[2, 0], codes[1, 1]]
    back = model.inverse_transform(codes)
    assert back == pytest.approx(means, abs=0.1)


def test_as_many_centres_as_vectors_lose_nothing(rng: np.random.Generator) -> None:
    x = rng.standard_normal((12, 7)).astype(np.float32)
    model = ProductQuantizer(3, 12).fit(x)
    assert model.inverse_transform(model.transform(x)) == pytest.approx(x, abs=1e-5)


def test_codes_are_the_nearest_centres(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5000, 6)).astype(np.float32)
    model = ProductQuantizer(2, 16).fit(x)
    codes = model.transform(x)
    for i, centers in enumerate(model.centers_):
        part = x[:, 3 * i : 3 * i + 3]
        distances = np.square(part[:, None] - centers).sum(axis=2)
        taken = distances[np.arange(len(x)), codes[:, i]]
        assert taken == pytest.approx(distances.min(axis=1), abs=1e-4)


def test_product_is_deterministic(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2000, 8)).astype(np.float32)
    first = ProductQuantizer(4, 16, random_state=3).fit(x)
    again = clone(first).set_params(n_jobs=2).fit(x.copy())
    other = ProductQuantizer(4, 16, random_state=4).fit(x)
    assert np.array_equal(first.transform(x), again.transform(x))
    for a, b, c in zip(first.centers_, again.centers_, other.centers_, strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)


def test_dimensions_that_are_always_equal(rng: np.random.Generator) -> None:
    x = np.repeat(rng.standard_normal((300, 1)), 4, axis=1).astype(np.float32)
    x[:, :2] = 0  # as behind a rectifier
    model = ProductQuantizer(2, 256).fit(x)
    assert model.inverse_transform(model.transform(x)) == pytest.approx(x, abs=0.1)


def test_scores_against_codes_follow_exact_ones(rng: np.random.Generator) -> None:
    x = rng.standard_normal((1500, 32)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    exact = x[:20] @ x.T
    for model, least in ((ScalarQuantizer(4), 0.99), (ProductQuantizer(16, 64), 0.95)):
        back = model.fit(x).inverse_transform(model.transform(x))
        assert np.corrcoef(exact.ravel(), (x[:20] @ back.T).ravel())[0, 1] > least


def test_quantizers_that_cannot_be(rng: np.random.Generator) -> None:
    x = rng.standard_normal((20, 6))
    for model in (ScalarQuantizer(2), ProductQuantizer(7), ProductQuantizer(2, 257)):
        with pytest.raises(SettingsError):
            model.fit(x)
    with pytest.raises(TrainingError, match="20 vectors for 21 centres"):
        ProductQuantizer(2, 21).fit(x)
    with pytest.raises(TrainingError):
        ScalarQuantizer().fit(x[:0])
    for model in (ScalarQuantizer(), ProductQuantizer(2, 4)):
        with pytest.raises(NotFittedError):
            model.transform(x)
        with pytest.raises(NotFittedError):
            model.inverse_transform(np.zeros((1, 6), np.uint8))
        model.fit(x)
        with pytest.raises(EmbeddingError, match="5 dimensions: expected 6"):
            model.transform(x[:, :5])
        codes = model.transform(x)
        assert model.inverse_transform(codes[:0]).shape == (0, 6)
        for odd in (codes[:, 1:], codes.astype(np.int64), codes[0]):
            with pytest.raises(EmbeddingError, match="expected those of transform"):
                model.inverse_transform(odd)
