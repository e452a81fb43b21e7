"""The page of results in a browser: what people see and do there, with any names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

import bovw
from bovw.report import save_page
from bovw.search import SearchResults

from ..report.results_of_posters import HOSTILE, hostile, many
from .conftest import Open, violations, wait_until


@pytest.fixture(scope="module")
def folder(
    engine: bovw.Engine,
    results: SearchResults,
    pictures: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Pages: of posters, of names that mean harm, of 120 answers, and of 120 queries."""
    folder = tmp_path_factory.mktemp("pages")
    results = SearchResults(results)
    mirrored = np.ascontiguousarray(
        bovw.pictures.read_preview(pictures[0], 900).picture.transpose(0), np.uint8
    )
    results.append(engine.search(mirrored, 3, also="mirror", channels="rgb", explain=True))
    rgb = mirrored[:, :, ::-1]  # arrays are BGR where nothing else is said
    results.append(engine.search_together(pictures[:2], 4, explain=True))
    explanations = [[engine.explain(pictures[0], pictures[29].name)], *[[] for _ in results[1:]]]
    save_page(
        results,
        folder / "posters.html",
        explanations=explanations,
        sources={results[4].query: rgb, results[3].query: np.full((60, 90), 128, np.uint8)},
    )
    save_page([hostile(results[0]), results[1]], folder / "hostile.html", title=HOSTILE[0])
    save_page(many(results[0], 120), folder / "many.html")
    save_page([results[0], *[results[2]] * 119], folder / "queries.html")
    return folder


def cards(page: Any) -> Any:
    return page.locator("#gallery .card")


def test_words_come_before_numbers(open_page: Open, pictures: list[Path]) -> None:
    page = open_page("posters.html")
    assert page.locator("#query-name").inner_text() == pictures[0].name
    assert "In the collection: " in page.locator("#query-verdict").inner_text()
    assert cards(page).count() == 6
    first = cards(page).first.inner_text()
    assert "Match" in first and pictures[0].name in first and "points agree" in first
    assert cards(page).first.locator("svg[role=img] polygon").count() == 2


def test_the_query_is_always_visible_and_shows_what_matches(open_page: Open) -> None:
    for width in (360, 1600):
        page = open_page("many.html", width=width)
        page.mouse.wheel(0, 1500)
        wait_until(page, "window.scrollY > 500")
        picture = page.locator("#query-picture svg")
        assert picture.bounding_box()["y"] >= 0
        assert picture.locator("polygon").count() == 0
        cards(page).nth(12).focus()
        assert picture.locator("polygon").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_region_is_outlined(open_page: Open) -> None:
    page = open_page("posters.html#q2")
    assert page.locator("#query-picture .asked polygon").count() == 2
    label = page.locator("#query-picture svg").get_attribute("aria-label")
    assert "the part that was asked with is outlined" in label


def test_answers_are_filtered(open_page: Open) -> None:
    page = open_page("many.html")
    count = page.locator("#count")
    assert count.inner_text() == "120 answers"
    page.locator("#filter-decisions").get_by_label("No match").uncheck(force=True)
    assert count.inner_text() == "80 of 120 answers"
    page.get_by_label("Name contains").fill("PICTURE_000")
    assert count.inner_text() == "9 of 120 answers"
    page.get_by_label("Score at least").fill("100")
    assert count.inner_text() == "1 of 120 answers"
    page.get_by_label("Name contains").fill("nothing")
    assert page.locator("#empty").inner_text() == "No answer fits the filters."
    page.get_by_role("button", name="Clear filters").click()
    assert count.inner_text() == "120 answers"


def test_fifty_answers_are_drawn_at_a_time(open_page: Open) -> None:
    page = open_page("many.html")
    assert cards(page).count() == 50
    more = page.get_by_role("button", name="Show more answers")
    more.scroll_into_view_if_needed()
    wait_until(page, "document.querySelectorAll('#gallery .card').length >= 100")
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert cards(page).count() == 120
    assert not page.locator("#filters").is_visible() and page.locator("#query-picture").is_visible()


def test_pairs_of_points(open_page: Open) -> None:
    page = open_page("posters.html")
    cards(page).nth(1).click()
    view = page.locator("#view")
    assert view.locator(".pairs > image").count() == view.locator(".pairs > .outline").count() == 2
    dots = view.locator(".dots circle")
    told = view.locator(".told")
    assert "point at one" in told.inner_text()
    assert view.locator(".active line").count() == view.locator(".lines line").count() == 0
    box = dots.nth(6).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert view.locator(".active circle").count() == 2
    assert view.locator(".active text").inner_html().startswith("word ")
    assert "word" in told.inner_text()
    page.mouse.move(5, 5)
    assert view.locator(".active circle").count() == 0
    view.get_by_label("Pair of points").fill("3")
    assert told.inner_text().startswith("Pair 3 of ")
    view.get_by_label("All lines").check()
    assert view.locator(".lines line").count() == dots.count() / 2 > 10


def centre_of_query(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a position of the query's picture, as shares of its sides, is drawn in the answer."""
    at: list[float] = page.evaluate(
        """([x, y]) => {
            const image = document.querySelector(".warped");
            const frame = document.querySelector(".overlay");
            const m = new DOMMatrix(getComputedStyle(image).transform);
            const p = m.transformPoint(new DOMPoint(x * image.offsetWidth, y * image.offsetHeight));
            return [p.x / p.w / frame.clientWidth, p.y / p.w / frame.clientHeight];
        }""",
        [x, y],
    )
    return at[0], at[1]


@pytest.mark.parametrize("number", [1, 5])
def test_the_query_is_laid_over_the_answer(
    open_page: Open, engine: bovw.Engine, pictures: list[Path], number: int
) -> None:
    """Where the page draws the query, plain or mirrored, is where the transform moves it."""
    result = engine.search(pictures[0], 6, explain=True)
    page = open_page(f"posters.html#q{number}a2")
    view = page.locator("#view")
    view.get_by_label("Swipe").check(force=True)
    wait_until(page, "document.querySelector('.warped').style.transform != ''")
    answer = result[1]
    size = np.array(result.pictures[0].size)
    for share in ((0.3, 0.4), (0.7, 0.6)):
        x, y, w = answer.transform @ [*(share * size - 0.5), 1]
        expected = (np.array([x, y]) / w + 0.5) / answer.size
        asked = share if number == 1 else (1 - share[0], share[1])
        assert centre_of_query(page, *asked) == pytest.approx(tuple(expected), abs=0.02)


def test_swipe_blink_and_difference(open_page: Open) -> None:
    page = open_page("posters.html#q1a2")
    view = page.locator("#view")
    view.get_by_label("Swipe").check(force=True)
    over = view.locator(".over")
    assert "50%" in over.evaluate("e => e.style.clipPath")
    view.get_by_label("How much of the query").fill("20")
    assert "80%" in over.evaluate("e => e.style.clipPath")
    box = view.locator(".overlay").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 40)
    page.mouse.down()
    page.mouse.up()
    assert "25%" in over.evaluate("e => e.style.clipPath")
    view.get_by_label("Difference").check(force=True)
    assert over.evaluate("e => getComputedStyle(e).mixBlendMode") == "difference"
    view.get_by_label("Blink").check(force=True)
    page.wait_for_selector(".over.away", state="attached")
    view.get_by_role("button", name="Pause").click()
    before = view.locator(".told").inner_text()
    view.get_by_role("button", name="Switch").click()
    assert {before, view.locator(".told").inner_text()} == {"The answer", "The query"}


def test_blinking_waits_for_who_wants_no_motion(open_page: Open) -> None:
    page = open_page("posters.html#q1a2", reduced_motion="reduce")
    page.locator("#view").get_by_label("Blink").check(force=True)
    assert page.get_by_role("button", name="Play").is_visible()


def test_why_and_why_not(open_page: Open, pictures: list[Path]) -> None:
    page = open_page("posters.html")
    assert page.locator("#why-not .card").count() == 1
    cards(page).nth(1).click()
    why = page.locator("#view .why")
    assert "It stands above" in why.inner_text()
    assert "of the similarity" in why.inner_text()
    shown = why.locator(".patch")
    assert shown.count() >= 6
    assert "data:image" in shown.first.evaluate("e => getComputedStyle(e).backgroundImage")
    why.locator(".patches li").first.hover()
    page.keyboard.press("Escape")
    page.locator("#why-not .card").click()
    assert pictures[29].name in page.locator("#view-name").inner_text()
    assert page.locator("#view .why h3").inner_text() == "Why not"


def test_everything_is_done_by_keyboard(open_page: Open) -> None:
    page = open_page("posters.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    cards(page).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#view .eyebrow").inner_text() == "Answer 2"
    page.keyboard.press("ArrowRight")
    assert page.locator("#view .eyebrow").inner_text() == "Answer 3"
    assert page.evaluate("location.hash") == "#q1a3"
    page.keyboard.press("Escape")
    assert not page.locator("#view").is_visible()
    # The browser first gives the focus back to where it was, and then tells the page.
    wait_until(page, "document.activeElement.querySelector('.rank')?.textContent !== 'Rank 2'")
    focused = page.evaluate("document.activeElement.querySelector('.rank').textContent")
    assert focused == "Rank 3"


def test_queries_are_stepped_through_and_found(open_page: Open) -> None:
    page = open_page("posters.html")
    page.get_by_role("button", name="Next query").click()
    page.get_by_role("button", name="Next query").click()
    assert page.locator("#query-verdict").inner_text() == "Could not be read"
    assert "no such file" in page.locator("#empty").inner_text()
    page.get_by_role("button", name="Next query").click()
    assert "has no features" in page.locator("#empty").inner_text()
    page.locator("#queries-list button").nth(5).click()
    assert page.locator("#query-picture svg").count() == 2
    page = open_page("queries.html")
    assert page.locator("#queries-list li").count() == 50
    page.get_by_role("button", name="Show more queries").click()
    assert page.locator("#queries-list li").count() == 100
    page.get_by_label("Query contains").fill("poster")
    assert page.locator("#queries-list li").count() == 1


def test_names_that_mean_harm_are_text(open_page: Open) -> None:
    for width in (360, 1200):
        page = open_page("hostile.html", width=width)
        assert page.evaluate("window.harm") is None
        assert page.title() == page.locator("h1").inner_text() == HOSTILE[0]
        shown = [page.locator("#gallery .name").nth(i).text_content() for i in range(len(HOSTILE))]
        assert shown[0] == HOSTILE[0] and shown[3] == HOSTILE[3]
        assert shown[4] == "two\\u000alines\\u000d and a tab\\u0009"
        assert shown[6] == "\\u202egpj.exe" and shown[7] == HOSTILE[7]
        assert page.locator("#gallery img, #gallery script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for number in (1, 5):
            cards(page).nth(number).click()
            assert HOSTILE[number] in page.locator("#view").inner_text()
            assert page.evaluate(
                "document.querySelector('.view-scroll').scrollWidth <= window.innerWidth"
            )
            page.keyboard.press("Escape")
        assert page.evaluate("window.harm") is None


def test_without_scripts_it_is_a_list(open_page: Open, pictures: list[Path]) -> None:
    page = open_page("posters.html", java_script_enabled=False)
    text = page.locator("body").inner_text()
    assert f"{pictures[0].name}: match" in text and "Could not be read" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_it_is_accessible(open_page: Open, axe: str, scheme: str, width: int) -> None:
    """The gallery, a query without answers, and the large view with each of its modes."""
    page = open_page("posters.html", width=width, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(axe)

    def check(where: str) -> None:
        found = violations(page)
        assert not found, f"{where}: {found}"

    check("gallery")
    page.get_by_role("button", name="Next query").click()
    page.get_by_role("button", name="Next query").click()
    check("no answers")
    page.evaluate("showQuery(0)")
    cards(page).nth(1).click()
    for mode in ("Pairs", "Swipe", "Blink", "Difference"):
        page.locator("#view").get_by_label(mode, exact=True).check(force=True)
        if mode == "Pairs":
            page.get_by_label("All lines").check()
            page.locator("#view .numbers summary").click()
        check(mode)
