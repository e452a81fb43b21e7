"""The drawn archive, its index in a folder, and its groups."""

from __future__ import annotations

from pathlib import Path

import pytest

import bovw
from bovw.groups import Groups

from ..support import SMALL
from .archive import draw_archive

SETTINGS = SMALL.changed(features={"max_features": 800})


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """The folder of the archive, and the names of each picture's copies."""
    folder = tmp_path_factory.mktemp("archive")
    return folder, draw_archive(folder)


@pytest.fixture(scope="session")
def indexed(
    copies: tuple[Path, dict[str, list[str]]],
    vocabulary: bovw.Vocabulary,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An index of the archive in a folder, whose pictures were compared."""
    path = tmp_path_factory.mktemp("index") / "archive.bovw"
    engine = bovw.Engine.build(
        copies[0], vocabulary=vocabulary, settings=SETTINGS, root=copies[0], n_jobs=2
    )
    engine.save(path)
    bovw.Engine.open(path, n_jobs=2).groups()
    return path


@pytest.fixture(scope="session")
def found(indexed: Path) -> Groups:
    """The copies in the archive."""
    return bovw.Engine.open(indexed).groups(keep="folder:originals")
