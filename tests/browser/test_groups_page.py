"""The pages of groups and of an index in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

import numpy as np

import bovw
from bovw.groups import Group, Groups, Link, Member
from bovw.pictures import Failure, Record
from bovw.report import save_groups_page, save_index_page

from ..report.results_of_posters import HOSTILE
from .conftest import Open, violations


@pytest.fixture(scope="module")
def folder(engine: bovw.Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of posters, and with names that mean harm."""
    folder = tmp_path_factory.mktemp("groups")
    groups = engine.groups("same-object", also="")
    save_groups_page(groups, folder / "groups.html")
    save_index_page(engine.overview(4), folder / "index.html", facts=engine.info(), groups=[groups])
    members = tuple(Member(name, "", (3, 4), 5, None, name) for name in HOSTILE)
    link = Link(HOSTILE[0], HOSTILE[1], 9, 7.0, 1, 1, 1, 0, 1, 0, False, False, False, True)
    hostile = Groups(
        (Group(members, (link,)), Group(members, ())), "copies", "folder:<b>", 9, (link,)
    )
    save_groups_page(hostile, folder / "hostile.html", title=HOSTILE[0])
    save_index_page(
        engine.overview(2, 2),
        folder / "hostile_index.html",
        facts=dict.fromkeys(HOSTILE, HOSTILE[0]),
        failures=[Failure(name, name, name) for name in HOSTILE],
        without_features=[Record(name, name, 9, 9, "") for name in HOSTILE],
        groups=[hostile],
        sources={name: np.zeros((0, 0)) for name in engine.identifiers},
        title=HOSTILE[0],
    )
    return folder


def test_each_group_shows_its_pictures_and_which_to_keep(open_page: Open) -> None:
    page = open_page("groups.html")
    n = page.locator(".group").count()
    assert f"{n} groups of 30 of 30 pictures" in page.locator("h2").first.inner_text()
    assert page.locator(".member").count() == page.locator("main img").count() == 30
    group = page.locator(".group").first
    assert group.locator(".kept").count() == 1 and "Keep" in group.locator(".kept").inner_text()
    assert "points agree" in group.inner_text()
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.get_by_label("Name contains").fill("poster_03")
    assert page.locator(".group:visible").count() == 1
    assert page.locator("#count").inner_text() == f"1 of {n} groups"


def test_groups_are_there_without_scripts(open_page: Open) -> None:
    page = open_page("groups.html", java_script_enabled=False)
    assert page.locator(".member:visible").count() == 30
    assert not page.locator("#filters").is_visible()


def test_an_index_shows_its_words(open_page: Open) -> None:
    page = open_page("index.html")
    text = page.locator("main").inner_text()
    assert "30 pictures" in text and "imbalance factor" in text
    assert "Every picture has features" in text and "No failures" in text
    assert page.locator(".strip").count() == 8
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    table = page.locator("details").first
    table.locator("summary").click()
    assert "features: " in table.inner_text()


@pytest.mark.parametrize("name", ["hostile.html", "hostile_index.html"])
def test_names_that_mean_harm_are_text(open_page: Open, name: str) -> None:
    for width in (360, 1200):
        page = open_page(name, width=width)
        assert page.evaluate("window.harm") is None
        assert HOSTILE[0] in page.locator("h1").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("name", ["groups.html", "index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_they_are_accessible(open_page: Open, axe: str, name: str, scheme: str, width: int) -> None:
    page = open_page(name, width=width, color_scheme=scheme)
    page.evaluate(axe)
    for details in page.locator("summary").all():
        details.click()
    found = violations(page)
    assert not found, found
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
