"""Slices of arrays in several parts, mapped from files or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bovw.collection import announce, arrays, joined, slices


@pytest.mark.parametrize("n_parts", [1, 3])
def test_what_was_announced_is_what_is_read(
    n_parts: int, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_LARGE", 0)
    whole = rng.integers(0, 1 << 16, (30_000, 3), np.uint16)
    parts = []
    for i, values in enumerate(np.array_split(whole, n_parts)):
        np.save(tmp_path / f"{i}.npy", values)
        parts.append(np.asarray(np.load(tmp_path / f"{i}.npy", mmap_mode="r")))
    assert all(isinstance(part.base, np.memmap) for part in parts)
    stored = joined(parts)
    # The first and the last, none at all, several of each part.
    starts = np.array([0, 29_999, 30_000, 15_000, *rng.integers(0, 9_000, 20)])
    sizes = np.array([1, 1, 0, 0, *rng.integers(0, 900, 20)])
    announce(stored, starts, sizes)
    expected = [whole[a : a + n] for a, n in zip(starts, sizes, strict=True)]
    assert np.array_equal(slices(stored, starts, sizes), np.concatenate(expected))
    announce(stored, np.array([29_999, 10**6, -5]), np.array([99, 3, 2]))  # of a damaged index
    announce(np.zeros(3), np.array([0]), np.array([3]))  # not mapped
