"""The documentation site builds without a warning, and needs nothing but itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import bovw
from bovw.cli.verbs import VERBS

from ..support import REPOSITORY

pytest.importorskip("material", reason="pip install 'bovw[docs]'")
pytest.importorskip("mkdocstrings", reason="pip install 'bovw[docs]'")


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.places: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        target = given.get("href", given.get("src"))
        if target is not None:
            self.links.add(target)
            if tag != "a" and given.get("rel") != "canonical":
                self.loaded.add(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_links_lead_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            file = (path.parent / unquote(target.path)).resolve() if target.path else path
            place = unquote(target.fragment)
            if not file.exists() or (file in pages and place not in pages[file].places):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_nothing_comes_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert not [link for link in page.loaded if urlsplit(link).scheme in ("http", "https")], (
            path
        )
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8")


def test_the_front_page_is_not_the_page_about_an_index(site: Path) -> None:
    assert "<h1" in (front := (site / "index.html").read_text(encoding="utf-8"))
    assert "Where to go from here" in front
    assert "An index on disk" in (site / "index_on_disk.html").read_text(encoding="utf-8")


def test_every_verb_and_name_is_described(pages: dict[Path, Page], site: Path) -> None:
    assert {f"bovw-{verb}" for verb in VERBS} <= pages[site / "command_line.html"].places
    described = pages[site / "api" / "bovw.html"].places
    ends = {place.rpartition(".")[2] for place in described}
    assert {name for name in bovw.__all__ if name != "__version__"} <= ends


def test_pages_that_are_not_there_are_left_out_and_new_ones_are_taken_up() -> None:
    from scripts.docs.hooks import navigation

    tabs = navigation(["serve.md", "home.md", "quite_new.md"])
    assert tabs == [
        {"Start": ["home.md"]},
        {"How to": ["serve.md"]},
        {"More": ["quite_new.md"]},
    ]


def test_a_notebook_becomes_a_page() -> None:
    from scripts.docs import notebook

    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["3 ```answers\n"]},
        {"output_type": "display_data", "data": {"image/png": "aGk=\n"}},
        {"output_type": "execute_result", "data": {"text/html": ["<b>a</b>\n\n<i>b</i>"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": "1 + 1", "outputs": outputs},
    ]
    page = notebook.page(json.dumps({"cells": cells}), "tutorial")
    assert page.startswith("# Title\ntext\n\n```python\n1 + 1\n```\n\n````text\n3 ```answers\n````")
    assert 'src="data:image/png;base64,aGk="' in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "(tutorial.ipynb)" in page
