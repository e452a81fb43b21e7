"""A real browser: headless Chromium, driven by Playwright, and the accessibility checks of axe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Open = Callable[..., Any]
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


@contextmanager
def watched(browser: Any, may_ask: tuple[str, ...]) -> Iterator[Open]:
    """Open pages; at the end nothing was complained of, and nothing else was asked for.

    `complaints` of what a page is opened with are those that its test expects in the console.
    """
    wrong: list[str] = []
    contexts = []

    def opened(url: str, *, width: int = 1200, complaints: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.set_default_timeout(120_000)  # machines may be busy
        page = context.new_page()

        def heard(message: Any) -> None:
            if not complaints or complaints not in message.text:
                wrong.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(may_ask) else wrong.append(request.url),
        )
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def open_page(browser: Any, folder: Path) -> Iterator[Open]:
    """Open a page of a folder, which asks nothing of a network."""
    with watched(browser, ("file:", "data:")) as opened:

        def of_folder(name: str, **options: Any) -> Any:
            path, _, hash_ = name.partition("#")
            return opened(f"{(folder / path).as_uri()}#{hash_}", **options)

        yield of_folder


def wait_until(page: Any, what: str) -> None:
    """Wait until an expression is true. Playwright's own wait is what the page's policy forbids."""
    for _ in range(1200):  # a minute: machines may be busy
        if page.evaluate(what):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{what} did not become true")


def violations(page: Any) -> Any:
    """What axe-core finds, at WCAG AA; its script must have been evaluated in the page."""
    return page.evaluate(
        """axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        .then(f => f.violations.map(v => [v.id, v.nodes.map(n => n.failureSummary)]))"""
    )
