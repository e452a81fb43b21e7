"""The steps that `kill.py` and `limits.py` disturb: what they do, and what must come of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

import bovw
from bovw.storage import read_manifest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SETTINGS = bovw.Settings().changed(
    features={"max_features": 80, "region_factor": 1.5},
    vocabulary={"n_words": 200},
    # So that compaction also writes nmslib's own files.
    candidates={"method": "lsa-hnsw", "n_candidates": 4, "n_components": 4},
    geometry={"verify": 3},
)
STEPS = ("add", "update", "sync", "remove", "compact", "overwrite")
SIDE = 220
N_PICTURES = 12

State = dict[str, str]
Answers = list[list[tuple[str, float]]]


class TortureError(Exception):
    """The index is not as it must be."""


@dataclass
class Step:
    """What is done to the index: a kind, and the pictures it is about."""

    kind: str
    names: list[str] = field(default_factory=list)


def small_pictures(folder: Path, n: int) -> None:
    """Write `n` small sample pictures to ``0/`` of a folder, and as many others to ``1/``."""
    for number, path in enumerate(sorted(SAMPLE.rglob("*.jpg"))[:: 120 // (2 * n)][: 2 * n]):
        pixels = cv2.imread(str(path))
        scale = SIDE / max(pixels.shape[:2])
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        target = folder / str(number % 2) / f"p{number // 2:02d}.png"
        target.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(target), pixels)


def answers(engine: bovw.Engine, queries: list[Path]) -> Answers:
    """Answer queries with every picture that shares a word with them."""
    return [[(a.identifier, a.score) for a in engine.search(query, None)] for query in queries]


def state_of(engine: bovw.Engine) -> State:
    """Identifiers and hashes of what an index holds."""
    return {record.identifier: record.sha256 for record in engine.collection.records}


def leftovers(index: Path) -> list[str]:
    """What lies in the folder of an index, or next to it, and does not belong there."""
    listed = set(read_manifest(index, "bovw-index")["files"])
    found = {path.relative_to(index).as_posix() for path in index.rglob("*") if path.is_file()}
    beside = [path.name for path in index.parent.glob(".*")]
    return sorted(found - listed - {"manifest.json", "writer.lock"}) + beside


class Subject:
    """An index and the folder of pictures it is made of, between steps.

    Parameters
    ----------
    folder : Path
        Empty.
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.pool, self.pictures = folder / "pool", folder / "pictures"
        self.index, self.cache = folder / "index", folder / "cache"
        for place in (self.pool, self.pictures):
            place.mkdir()
        small_pictures(self.pool, N_PICTURES)
        self.names = sorted(path.name for path in (self.pool / "0").iterdir())
        self.queries = [self.pool / "0" / self.names[0], self.pool / "1" / self.names[7]]
        self.vocabulary = bovw.train_vocabulary(self.pool, settings=SETTINGS, n_jobs=1)
        bovw.Engine.create(self.index, self.vocabulary, settings=SETTINGS)
        self.version: dict[str, int] = {}  # of the files in the folder
        for name in self.names[:6]:
            self._write(name, 0)
        bovw.Engine.open(self.index).add(self._files(), root=self.pictures, cache=self.cache)
        self.state: State = {}
        self.answers: Answers = []
        self.expect(self.names[:6])

    def _write(self, name: str, version: int) -> None:
        shutil.copyfile(self.pool / str(version) / name, self.pictures / name)
        self.version[name] = version

    def _files(self) -> list[Path]:
        return sorted(self.pictures.iterdir())

    def expect(self, names: list[str]) -> None:
        """Note the state and the answers of an index of some pictures as they are now."""
        whole = bovw.Engine.build(
            [self.pictures / name for name in sorted(names)],
            root=self.pictures,
            vocabulary=self.vocabulary,
            settings=SETTINGS,
            cache=self.cache,
        )
        self.state, self.answers = state_of(whole), answers(whole, self.queries)

    def draw(self, kind: str | None = None) -> Step:
        """Choose a step, of some kind, that changes something, and change the files for it."""
        here, rng = sorted(self.state), self.rng
        if kind is None:
            kinds = list(STEPS)
            if len(here) < 5:
                kinds = ["add"]
            elif len(here) > N_PICTURES - 2:
                kinds.remove("add")
            kind = str(rng.choice(kinds))

        def some(names: list[str], most: int) -> list[str]:
            n = int(rng.integers(1, min(most, len(names)) + 1))
            return [str(name) for name in rng.choice(names, n, replace=False)]

        if kind == "add":
            chosen = some([name for name in self.names if name not in here], 6)
            for name in chosen:
                self._write(name, int(rng.integers(2)))
        elif kind in ("update", "overwrite"):  # the same pictures would give the same bytes
            chosen = some(here, 4)
            for name in chosen:
                self._write(name, 1 - self.version[name])
        elif kind == "sync":  # some go, some change, and what was removed comes back
            chosen = some(here, 2)
            for name in chosen:
                (self.pictures / name).unlink()
            for name in some([n for n in here if n not in chosen], 2):
                self._write(name, 1 - self.version[name])
        else:
            chosen = some(here, 3) if kind == "remove" else []
        return Step(kind, sorted(chosen))

    def after(self, step: Step) -> list[str]:
        """Names of the pictures that the index holds after a step."""
        here = set(self.state)
        if step.kind == "add":
            here |= set(step.names)
        elif step.kind == "remove":
            here -= set(step.names)
        elif step.kind in ("sync", "overwrite"):
            here = {path.name for path in self._files()}
        return sorted(here)

    def perform(self, step: Step) -> None:
        """Do a step, whole."""
        if step.kind == "overwrite":
            bovw.update_index(
                self.index,
                self.pictures,
                vocabulary=self.vocabulary,
                settings=SETTINGS,
                overwrite=True,
            )
            return
        engine = bovw.Engine.open(self.index)
        if step.kind in ("add", "update"):
            engine.add([self.pictures / name for name in step.names], root=self.pictures)
        elif step.kind == "sync":
            engine.sync(self.pictures)
        elif step.kind == "remove":
            engine.remove(step.names)
        else:
            engine.compact()
