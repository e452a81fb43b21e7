"""The page of a comparison in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

from bovw.embeddings import Embeddings
from bovw.evaluation import GroundTruth
from bovw.report import save_comparison_page

from ..report.results_of_posters import HOSTILE
from ..report.test_comparison_page import compared, hostile
from .conftest import Open, violations, wait_until


@pytest.fixture(scope="module")
def folder(truth: GroundTruth, net: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of one system, of two, of three, and with names that mean harm."""
    folder = tmp_path_factory.mktemp("comparisons")
    for n in (1, 2, 3):
        names = ["first", "second", "third"][:n]
        save_comparison_page(compared(truth, net, names), folder / f"{n}.html")
    save_comparison_page(hostile(), folder / "hostile.html")
    return folder


def cases(page: Any, where: str = "#queries") -> Any:
    return page.locator(f"{where} .case")


def test_it_says_in_words_which_system_is_better(open_page: Open) -> None:
    page = open_page("2.html")
    assert (
        "first is not shown to be better than second, by" in page.locator("#verdicts").inner_text()
    )
    table = page.locator("#scores").inner_text()
    assert "ap" in table and "first" in table and " to " in table


def test_curves_are_read_by_pointing_and_as_tables(open_page: Open) -> None:
    page = open_page("3.html")
    charts = page.locator("#charts .chart")
    assert charts.count() == 4
    assert charts.first.locator("path.curve").count() == 3
    dashes = [
        charts.first.locator("path.curve").nth(i).get_attribute("stroke-dasharray")
        for i in range(3)
    ]
    assert len(set(dashes)) == 3  # lines differ not only by colour
    charts.nth(1).locator("> svg").hover()
    assert "third" in charts.nth(1).locator("output").inner_text()
    charts.nth(1).locator("summary").click()
    assert charts.nth(1).locator("tbody tr").count() > 8


def test_wins_and_losses_stand_side_by_side_with_their_pictures(open_page: Open) -> None:
    page = open_page("2.html", width=1600)
    assert page.locator("#extremes h3").first.inner_text() == "Largest wins of first"
    case = cases(page, "#extremes").first
    boxes = [case.locator(".system").nth(i).bounding_box() for i in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    assert case.locator(".asked image").count() == 1
    tiles = case.locator(".tile")
    assert tiles.count() == case.locator(".tile image").count() >= 12
    assert "better" in case.locator(".system").first.inner_text()


def test_the_truth_is_a_word_and_a_sign(open_page: Open) -> None:
    page = open_page("2.html")
    tile = cases(page).first.locator(".tile.wrong").first
    assert "\u2715" in tile.inner_text()
    assert tile.locator("svg").get_attribute("aria-label").startswith("wrong, rank ")
    assert "First wrong answer: rank " in cases(page).first.inner_text()


def test_queries_are_filtered_ordered_and_shown_from_their_bar(open_page: Open) -> None:
    page = open_page("2.html")
    count = page.locator("#count")
    assert count.inner_text() == "10 queries" and cases(page).count() == 10
    page.get_by_label("Name contains").fill("poster_02")
    assert "of 10 queries" in count.inner_text()
    page.locator("#filter-kind").select_option("differ")
    page.get_by_label("Query", exact=True).fill("1")
    page.get_by_role("button", name="Show this query").click()
    shown = page.evaluate("document.activeElement.querySelector('.name').textContent")
    assert shown == page.evaluate("[...judged].sort((a, b) => gapOf(b) - gapOf(a))[0].query")
    cases(page).first.locator("summary").click()
    assert "p@1" in cases(page).first.inner_text()


def test_any_two_systems_are_set_side_by_side(open_page: Open) -> None:
    page = open_page("3.html")
    page.get_by_label("The other").select_option(label="third")
    assert cases(page).first.locator(".system-name bdi").all_inner_texts() == ["first", "third"]
    page.get_by_label("One system").select_option(label="third")
    assert page.evaluate("pair") == ["third", "first"]


def test_one_system_alone(open_page: Open) -> None:
    page = open_page("1.html")
    assert page.locator("#side-title").inner_text() == "Query by query"
    assert not page.locator("#pair").is_visible()
    assert (
        page.locator("#extremes")
        .inner_text()
        .startswith(("Lowest scores", "Every query has the same score."))
    )
    assert cases(page).first.locator(".system").count() == 1


def test_names_that_mean_harm_are_text(open_page: Open) -> None:
    for width in (360, 1200):
        page = open_page("hostile.html", width=width)
        wait_until(page, "document.querySelectorAll('#queries .case').length > 5")
        assert page.evaluate("window.harm") is None
        assert HOSTILE[0] in page.locator("h1").inner_text()
        assert page.locator("main img, main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert HOSTILE[3] in page.locator("#notes").inner_text()


def test_without_scripts_it_is_a_table(open_page: Open) -> None:
    page = open_page("2.html", java_script_enabled=False)
    assert "10 queries in 6 groups" in page.locator("body").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_it_is_accessible(open_page: Open, axe: str, scheme: str, width: int) -> None:
    page = open_page("3.html", width=width, color_scheme=scheme)
    page.evaluate(axe)
    for details in page.locator(".chart summary, #queries .case:first-child summary").all():
        details.click()
    found = violations(page)
    assert not found, found
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
