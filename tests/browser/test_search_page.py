"""The page of `bovw serve` in a browser: searching, boxes, answers, the register, the shortlist."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'bovw[web]'")

from .conftest import Open, violations, wait_until, watched

HOSTILE = "<img src=x onerror='window.harm = 1'>\u202e.jpg"


@pytest.fixture
def open_served(browser: Any, address: str) -> Iterator[Any]:
    """Open the page of the server, which asks nothing of another host."""
    with watched(browser, (address, "data:", "blob:")) as opened:
        yield lambda **options: opened(address, **options)


def choose(page: Any, *pictures: Path, name: str | None = None) -> None:
    """Choose files to search with, and wait for the answers."""
    files = [
        {"name": name or p.name, "mimeType": "image/jpeg", "buffer": p.read_bytes()}
        for p in pictures
    ]
    page.locator("#files").set_input_files(files)
    answered(page)


def answered(page: Any) -> None:
    busy = "document.getElementById('ask').hasAttribute('aria-busy')"
    wait_until(page, f"!{busy} && document.querySelectorAll('#gallery .card').length > 0")


def drop(page: Any, picture: Path) -> None:
    """Drop a file on the page, as from a file manager."""
    held = page.evaluate_handle(
        """bytes => { const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", {type: "image/jpeg"}));
        return held; }""",
        list(picture.read_bytes()),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": held})


def test_a_dropped_picture_and_a_box_in_it(
    open_served: Open, pictures: list[Path], service: Any
) -> None:
    page = open_served()
    drop(page, pictures[0])
    answered(page)
    assert "In the collection" in page.locator("#query-verdict").inner_text()
    assert page.locator("#query-name").inner_text() == "dropped.jpg"
    stage = page.locator(".asked-stage svg").bounding_box()
    corners = [
        (stage["x"] + stage["width"] * s, stage["y"] + stage["height"] * s) for s in (0.2, 0.8)
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=3)
    page.mouse.up()
    box = [float(f.input_value()) for f in page.locator(".box-fields input").all()]
    assert box[2] > box[0] and box[3] > box[1]
    page.get_by_role("button", name="Search", exact=True).first.click()
    wait_until(page, "document.querySelectorAll('#query-picture .asked').length === 1")
    expected = service.engine.search(pictures[0], 20, region=tuple(box))
    shown = page.locator("#gallery .caption .name").all_inner_texts()
    assert shown == [answer.identifier for answer in expected]
    page.get_by_role("button", name="Previous query").click()
    assert page.locator("#query-picture .asked").count() == 0


def test_answers_are_looked_at_and_searched_with(open_served: Open, pictures: list[Path]) -> None:
    page = open_served()
    choose(page, pictures[0])
    page.locator("#gallery .card").nth(1).click()
    view = page.locator("#view")
    assert view.locator(".pairs > .outline").count() == 2
    view.get_by_label("All lines").check()
    assert view.locator(".lines line").count() > 10
    wait_until(page, "document.querySelectorAll('#view .patches li').length > 0")
    for mode in ("Swipe", "Blink", "Difference"):
        view.get_by_label(mode).check(force=True)
        wait_until(page, "document.querySelector('#view .warped').naturalWidth > 0")
    name = view.locator("#view-name").inner_text()
    view.get_by_role("button", name="Search with a part of it").click()
    assert page.locator(".asked-picture").count() == 1 and not view.is_visible()
    for field, value in zip(("Left", "Top", "Right", "Bottom"), (10, 20, 300, 320), strict=True):
        page.get_by_label(f"{field} of the box in pixels").fill(str(value))
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelectorAll('#query-picture .asked').length === 1")
    answered(page)
    assert page.locator("#gallery .caption .name").first.inner_text() == name


def test_several_pictures_guises_and_wrong_ones(open_served: Open, pictures: list[Path]) -> None:
    page = open_served(complaints="status of 422")
    page.locator("#options summary").click()
    page.get_by_label("mirrored").check()
    page.get_by_label("Answers", exact=True).fill("3")
    choose(page, pictures[0], pictures[1])
    assert page.locator("#query-name").inner_text() == "2 pictures together"
    assert page.locator("#gallery .card").count() == 3
    page.get_by_role("button", name="Start anew").click()
    text = {"name": HOSTILE, "mimeType": "image/jpeg", "buffer": b"no picture"}
    page.locator("#files").set_input_files([text])
    page.locator("#problem").wait_for()
    assert "<img src=x" in page.locator("#problem").inner_text()
    page.get_by_role("button", name="Start anew").click()
    choose(page, pictures[0], name=HOSTILE)
    assert "\\u202e" in page.locator("#query-name").inner_text()
    assert page.evaluate("window.harm") is None


def test_the_register_is_shown_and_filters(open_served: Open, pictures: list[Path]) -> None:
    page = open_served(complaints="status of 422")
    page.get_by_label("Only where the register says").first.fill("class in 5, 33")
    choose(page, pictures[0])
    shown = page.locator("#gallery .card .labels").all_inner_texts()
    assert shown and all("class 5" in text or "class 33" in text for text in shown)
    assert "<b>Ltd</b>" in shown[0]
    page.get_by_label("Only where the register says").first.fill("colour = red")
    page.keyboard.press("Enter")
    page.locator("#problem").wait_for()
    assert "Columns: owner, class, date" in page.locator("#problem").inner_text()
    page.get_by_role("button", name="Collection").click()
    panel = page.locator("#collection")
    panel.get_by_label("Words in the name").fill("owner 4,")
    wait_until(page, "document.getElementById('collection-count').textContent === '5 pictures'")
    panel.locator(".card").first.click()
    wait_until(page, "document.querySelectorAll('.asked-picture').length === 1")


def test_the_shortlist_survives_and_is_exported(open_served: Open, pictures: list[Path]) -> None:
    page = open_served(complaints="status of 410")
    choose(page, pictures[0])
    for number in (0, 2):
        page.locator("#gallery .star").nth(number).click()
    names = page.locator("#gallery .caption .name").all_inner_texts()
    page.reload()
    page.get_by_role("button", name="Shortlist").click()
    assert page.locator("#shortlist .row").count() == 2
    with page.expect_download() as table:
        page.get_by_role("button", name="Export as CSV").click()
    rows = list(csv.DictReader(Path(table.value.path()).read_text(encoding="utf-8").splitlines()))
    assert [row["identifier"] for row in rows] == [names[0], names[2]]
    assert rows[0]["owner"].startswith("Owner ")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export as a page").click()
    assert names[2] in Path(saved.value.path()).read_text(encoding="utf-8")
    page.evaluate(
        """const [key, list] = Object.entries(localStorage)[0];
        localStorage.setItem(key, list.replace(/"search":"\\w+"/, '"search":"old"'))"""
    )
    page.reload()
    page.get_by_role("button", name="Shortlist").click()
    page.get_by_role("button", name="Export as CSV").click()
    page.locator("#shortlist-problem").wait_for()
    assert "1 of 2 answers" in page.locator("#shortlist-problem").inner_text()
    assert page.locator(".row .problem").count() == 1
    page.get_by_role("button", name="Empty the list").click()
    assert page.locator("#shortlist .row").count() == 0


def test_why_not_and_the_keyboard(open_served: Open, pictures: list[Path]) -> None:
    page = open_served(complaints="status of 404")
    choose(page, pictures[0])
    field = page.get_by_label("A picture that you miss")
    field.fill("nothing.jpg")
    page.keyboard.press("Enter")
    page.locator("#why-not-problem").wait_for()
    field.fill(pictures[-1].name)
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelectorAll('#why-not-gallery .card').length === 1")
    assert page.evaluate("document.activeElement.className") == "card"
    page.locator("#gallery .card").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#view").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#view").is_visible()
    assert page.evaluate("document.activeElement.className") == "card"


def test_names_are_suggested_for_what_was_typed_last(open_served: Open) -> None:
    page = open_served()
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(re.compile(r"/api/pictures\?"), hold)

    def typed(*texts: str) -> None:
        page.evaluate(
            """texts => { const field = document.getElementById("why-not-name");
            for (const text of texts) {
              field.value = text;
              field.dispatchEvent(new Event("input", {bubbles: true}));
            } }""",
            list(texts),
        )

    def replied(request: Any, name: str) -> None:
        with page.expect_event("requestfinished"):
            request.fulfill(json={"pictures": [{"identifier": name}]})

    def until_asked(n: int) -> None:
        for _ in range(1200):  # a minute: machines may be busy
            if len(held) >= n:
                return
            page.wait_for_timeout(50)
        pytest.fail("nothing was asked")

    typed("p", "po", "slow")
    until_asked(1)
    typed("f", "fast")
    until_asked(2)
    assert [request.request.url.partition("text=")[2] for request in held] == [
        "slow&limit=12",
        "fast&limit=12",
    ]
    replied(held[1], "fast.jpg")
    suggested = "[...document.querySelectorAll('#why-not-names option')].map(one => one.value)"
    wait_until(page, f"{suggested}.length > 0")
    replied(held[0], "slow.jpg")
    page.wait_for_timeout(100)
    assert page.evaluate(suggested) == ["fast.jpg"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(
    open_served: Open, pictures: list[Path], axe: str, scheme: str
) -> None:
    for width in (360, 1600):
        page = open_served(width=width, color_scheme=scheme)
        page.evaluate(axe)
        page.locator("#options summary").click()
        choose(page, pictures[0])
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.locator("#gallery .star").first.click()
        for button, panel in (("Collection", "#collection"), ("Shortlist", "#shortlist")):
            page.get_by_role("button", name=button, exact=False).first.click()
            page.locator(f"{panel} img").first.wait_for()
            assert violations(page) == []
            page.keyboard.press("Escape")
