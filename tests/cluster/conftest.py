"""A scheduler and three workers that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machines import Machines


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    pytest.importorskip("distributed", reason="pip install 'bovw[cluster]'")
    started = Machines(tmp_path_factory.mktemp("machines"))
    try:
        yield started
    finally:
        started.stop()
