"""Training on more descriptors than memory holds, and after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bovw
from bovw.vocabulary import Vocabulary, clustering, sampling, training, vocabulary
from bovw.vocabulary.checkpoints import Checkpoints
from bovw.vocabulary.clustering import nearest_exactly, two_levels
from bovw.vocabulary.refinement import Cells, refined
from bovw.vocabulary.sampling import DescriptorSample

from ..support import SAMPLE, SMALL


@pytest.fixture(scope="module")
def descriptors() -> NDArray[np.uint8]:
    """Descriptors around a thousand places."""
    rng = np.random.default_rng(0)
    places = rng.integers(20, 230, (1000, 32))
    near = places[rng.integers(0, 1000, 12_000)] + rng.normal(0, 9, (12_000, 32))
    return near.clip(0, 255).astype(np.uint8)


def error(descriptors: NDArray[np.uint8], centers: NDArray[np.float32]) -> float:
    return float(nearest_exactly(descriptors, centers, 1)[1].mean())


@pytest.mark.parametrize("size", [500, 3000, 50_000])
def test_a_sample_on_disk_is_that_in_memory(
    descriptors: NDArray[np.uint8], size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_BYTES_AT_ONCE", 20_000)
    held, stored = DescriptorSample(size, 3), DescriptorSample(size, 3, tmp_path)
    for position, part in enumerate(np.array_split(descriptors, 37)):
        held.add(part, position)
        stored.add(part, position)
    found = stored.descriptors()
    assert len(found) == min(size, len(descriptors))
    np.testing.assert_array_equal(found, held.descriptors())
    assert isinstance(found, np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == ["sample.npy"]


def test_refinement_lowers_the_error(descriptors: NDArray[np.uint8]) -> None:
    first = two_levels(descriptors, 600, 0)
    again = refined(descriptors, first, 0)
    assert error(descriptors, again) < 0.97 * error(descriptors, first)
    words, distances = Cells(again, 0).assign(descriptors)
    right, least = (each[:, 0] for each in nearest_exactly(descriptors, again, 1))
    assert np.mean(words == right) > 0.9
    np.testing.assert_allclose(distances[words == right], least[words == right], atol=1)


def test_interrupted_clustering_is_resumed(
    descriptors: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_REFINED_FROM", 100)
    expected = Vocabulary(400, two_level=True).fit(descriptors)
    plain, calls = clustering.minibatch_kmeans, 0

    def interrupted(*arguments: Any, **options: Any) -> NDArray[np.float32]:
        nonlocal calls
        calls += 1
        if calls == 15:
            raise KeyboardInterrupt
        return plain(*arguments, **options)

    monkeypatch.setattr(clustering, "minibatch_kmeans", interrupted)
    resumed = Vocabulary(400, two_level=True)
    with pytest.raises(KeyboardInterrupt):
        resumed.fit(descriptors, checkpoints=Checkpoints(tmp_path))
    assert len(list(tmp_path.glob("part-*.npy"))) == 13
    resumed.fit(descriptors, checkpoints=Checkpoints(tmp_path))
    assert calls == 1 + 20 + 1  # each of the 20 clusters once, the interrupted one twice
    np.testing.assert_array_equal(resumed.centers_, expected.centers_)
    np.testing.assert_array_equal(resumed.embedding_.thresholds, expected.embedding_.thresholds)


def test_pictures_may_have_more_features_than_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SMALL.changed(vocabulary={"n_words": 200, "two_level": True})
    covers = sorted((SAMPLE / "covers").glob("*.jpg"))[:8]
    expected = bovw.train_vocabulary(covers, settings=settings)
    monkeypatch.setattr(training, "_LARGE", 1)
    for cache in (None, tmp_path / "cache"):
        found = bovw.train_vocabulary(covers, settings=settings, cache=cache)
        np.testing.assert_array_equal(found.centers_, expected.centers_)
    assert not list((tmp_path / "cache").glob("bovw-sample-*"))
    assert not list((tmp_path / "cache").glob("training-*"))


def test_what_fits_into_memory_depends_on_the_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SMALL.changed(vocabulary={"n_words": 10, "samples_per_word": 10})
    monkeypatch.setattr(training, "_LARGE", 100 * 200)
    long = {"descriptor": "net", "dtype": "float32", "dimensions": 64}  # 256 bytes each
    with (
        training._room(settings, {"descriptor": "rootsift"}, None) as none,
        training._room(settings, long, None) as room,
    ):
        assert none is None and room is not None and room.is_dir()
