"""Fixtures that several tests share: sample pictures, and a small index of some of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from filelock import FileLock

import bovw
from bovw.embeddings import Embeddings, save_embeddings
from bovw.evaluation import GroundTruth
from bovw.features import extract_files
from bovw.formats import load_ground_truth, save_json
from bovw.pictures import find_pictures
from bovw.search import SearchResults

from .report.results_of_posters import of_posters
from .serving import address, client, register_file, served_folder, service
from .support import DATA, FEW, SAMPLE, SMALL

__all__ = ["address", "client", "register_file", "served_folder", "service"]

# The same examples every time, without limits of time. `--hypothesis-profile long` looks further.
hypothesis.settings.register_profile(
    "quick",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("quick"), derandomize=False, max_examples=2000
)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="session")
def data() -> Path:
    """Real photographs with ground truth; tests that need them are skipped elsewhere."""
    if not (DATA / "oxford1k").is_dir():
        pytest.skip(f"no photographs in {DATA}: set BOVW_DATA")
    return DATA


@pytest.fixture(scope="session")
def pictures() -> list[Path]:
    """Thirty sample pictures: six objects, five photographs each."""
    return sorted((SAMPLE / "posters").glob("*.jpg"))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that all processes of the tests share; the first that needs it makes it."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    place, done = shared / name, shared / f"{name}.done"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            make(place)
            done.touch()
    return place


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the features of all sample pictures."""

    def make(place: Path) -> None:
        for _ in extract_files(find_pictures(SAMPLE), SMALL, cache=place, n_jobs=2):
            pass

    return made_once(tmp_path_factory, "features", make)


@pytest.fixture(scope="session")
def vocabulary(features: Path, tmp_path_factory: pytest.TempPathFactory) -> bovw.Vocabulary:
    """A vocabulary of other objects than `pictures`, with an approximate assignment."""

    def make(place: Path) -> None:
        others = [SAMPLE / "covers", SAMPLE / "logos"]
        trained = bovw.train_vocabulary(others, settings=SMALL, root=SAMPLE, cache=features)
        bovw.save_vocabulary(trained, place, overwrite=True)

    return bovw.load_vocabulary(made_once(tmp_path_factory, "vocabulary", make))


@pytest.fixture(scope="session")
def engine(pictures: list[Path], vocabulary: bovw.Vocabulary, features: Path) -> bovw.Engine:
    """An index of `pictures`."""
    return bovw.Engine.build(SAMPLE / "posters", vocabulary=vocabulary, cache=features)


@pytest.fixture(scope="session")
def results(engine: bovw.Engine, pictures: list[Path]) -> SearchResults:
    """What pages and tables show: four queries, see `of_posters`. It is shared: copy the list."""
    return of_posters(engine, pictures)


@pytest.fixture(scope="session")
def ranx() -> Any:
    """Give ranx as plain Python: to compile what a test computes once takes a minute."""
    numba = pytest.importorskip("numba", reason="pip install ranx")
    numba.config.DISABLE_JIT = True
    return pytest.importorskip("ranx", reason="pip install ranx")


@pytest.fixture(scope="session")
def saved(engine: bovw.Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of `engine` in a folder, which nobody changes."""
    path = tmp_path_factory.mktemp("saved") / "posters.bovw"
    engine.save(path)
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)


@pytest.fixture
def folder(pictures: list[Path], tmp_path: Path) -> Path:
    """Copies of twelve pictures, to be changed."""
    (tmp_path / "p").mkdir()
    for picture in pictures[:12]:
        (tmp_path / "p" / picture.name).write_bytes(picture.read_bytes())
    return tmp_path / "p"


@pytest.fixture
def empty(vocabulary: bovw.Vocabulary, tmp_path: Path) -> bovw.Engine:
    return bovw.Engine.create(tmp_path / "i.bovw", vocabulary, settings=FEW)


@pytest.fixture(scope="session")
def truth() -> GroundTruth:
    """Every third picture of a poster against the others."""
    whole = load_ground_truth(SAMPLE / "gnd.json")
    images = frozenset(name for name in whole.images if name.startswith("posters/"))
    queries = tuple(query for query in whole.queries if query.image in images)[::3]
    return GroundTruth(images, queries, "posters")


@pytest.fixture(scope="session")
def net(truth: GroundTruth) -> Embeddings:
    """What a network that knows the objects a little would give."""
    rng = np.random.default_rng(0)
    names = sorted(truth.images)
    objects = [name.rsplit("_", 1)[0] for name in names]
    middle = {name: rng.normal(size=32) for name in sorted(set(objects))}
    vectors = np.stack([middle[o] + 0.8 * rng.normal(size=32) for o in objects])
    return Embeddings(tuple(names), vectors)


@pytest.fixture(scope="session")
def compared(
    tmp_path_factory: pytest.TempPathFactory,
    engine: bovw.Engine,
    truth: GroundTruth,
    net: Embeddings,
) -> Path:
    """A folder with an index, embeddings and a ground truth of the same pictures."""
    folder = tmp_path_factory.mktemp("compared")
    engine.save(folder / "posters.bovw")
    save_embeddings(net, folder / "net.npz")
    save_json(truth, folder / "gnd.json")
    return folder
