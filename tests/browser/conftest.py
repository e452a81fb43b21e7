"""A real browser: headless Chromium, driven by Playwright, and the accessibility checks of axe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium with a fresh profile; tests are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    program = os.environ.get("BOVW_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: install it, or name one in BOVW_CHROMIUM")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which `.ci/run` installs."""
    path = os.environ.get("BOVW_AXE")
    if not path:
        pytest.skip("no axe-core: npm install axe-core, and name axe.min.js in BOVW_AXE")
    return Path(path).read_text(encoding="utf-8")
