"""docs/formats.md and docs/index.md name what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.embeddings import ScalarQuantizer
from bovw.index import LsaIndex
from bovw.storage import save_lsa_index

from .reading import DOCS


def named(*pages: str) -> str:
    return "".join((DOCS / page).read_text(encoding="utf-8") for page in pages)


@pytest.fixture(scope="module")
def written(engine: bovw.Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each kind."""
    folder = tmp_path_factory.mktemp("written")
    engine.save(folder / "index")
    bovw.save_vocabulary(engine.vocabulary, folder / "vocabulary")
    save_lsa_index(LsaIndex.of(engine.index, 16, ScalarQuantizer(8)), folder / "compressed")
    return folder


@pytest.mark.parametrize("kind", ["index", "vocabulary", "compressed"])
def test_every_file_and_version_is_named(written: Path, kind: str) -> None:
    manifest = json.loads((written / kind / "manifest.json").read_text())
    page = named("formats.md")
    assert f"`{manifest['format']}`, version {manifest['version']} |" in page
    assert {"format", "version", "files", "digest"} <= manifest.keys()
    text = named("formats.md", "index.md")
    names = {Path(name).name for name in manifest["files"]} - {"words.nmslib", "words.nmslib.dat"}
    assert not {name for name in names if f"`{name}`" not in text and f"/{name}`" not in text}


def test_arrays_of_a_vocabulary_are_as_described(written: Path) -> None:
    shapes = {
        name: np.load(written / "vocabulary" / f"{name}.npy", mmap_mode="r")
        for name in ("centers", "projection", "thresholds", "pictures")
    }
    n_words = len(shapes["centers"])
    assert {name: (str(a.dtype), a.shape[1:]) for name, a in shapes.items()} == {
        "centers": ("uint8", (128,)),
        "projection": ("int8", (128,)),
        "thresholds": ("int16", (64,)),
        "pictures": ("uint8", (32,)),
    }
    assert len(shapes["projection"]) == 64 and len(shapes["thresholds"]) == n_words
