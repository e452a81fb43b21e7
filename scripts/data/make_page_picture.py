#!/usr/bin/env python3
"""Take pictures of our pages, of sample pictures: for the docs, and to be looked at.

    python scripts/data/make_page_picture.py FOLDER    # at 360 and 1,600 pixels, light and dark
    python scripts/data/make_page_picture.py docs/images --docs    # only those that the docs show
    python scripts/data/make_page_picture.py docs/images --docs --only evaluation

It needs Playwright and Chromium (`BOVW_CHROMIUM` names another than the one in the path). To add a
page, write a function that makes it, and enter it in `PAGES`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import bovw
from bovw.evaluation import GroundTruth
from bovw.formats import load_ground_truth

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
QUERIES = ("posters/poster_01_2.jpg", "labels/label_03_4.jpg", "logos/logo_02_3.jpg")
REGION = (SAMPLE / "labels" / "label_01_2.jpg", (120.0, 60.0, 420.0, 420.0))
WHY_NOT = "covers/cover_01_1.jpg"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
OWNERS = ("Miller & Sons", "Alder Press", "North Harbour", "Vale Brewery")
MODES = ("pairs", "swipe", "difference")


@contextmanager
def results_page(folder: Path) -> Iterator[str]:
    """Index the sample pictures, search, and write the page."""
    path = folder / "page.html"
    engine = bovw.Engine.build(SAMPLE, n_jobs=-1, progress=True)
    queries: list[Any] = [(SAMPLE / name, None) for name in QUERIES]
    queries.append(REGION)
    results = engine.search_many(queries, 15, explain=True)
    why_not = [[engine.explain(query, WHY_NOT, region=region)] for query, region in queries]
    bovw.report.save_page(results, path, explanations=why_not, title="Sample pictures")
    yield path.as_uri()


@contextmanager
def evaluation_page(folder: Path) -> Iterator[str]:
    """Compare two ways to search an index of posters; with few features, so that they differ."""
    settings = bovw.Settings().changed(features={"max_features": 120})
    engine = bovw.Engine.build(SAMPLE / "posters", settings=settings, root=SAMPLE, progress=True)
    index, path = folder / "sample.bovw", folder / "page.html"
    engine.save(index)
    whole = load_ground_truth(SAMPLE / "gnd.json")
    images = frozenset(engine.identifiers)
    queries = tuple(query for query in whole.queries if query.image in images)[::3]
    comparison = bovw.compare(
        GroundTruth(images, queries, "Posters"),
        [f"strong={index}", f"classic={index},preset=classic"],
        root=SAMPLE,
        progress=True,
    )
    bovw.report.save_comparison_page(comparison, path)
    yield path.as_uri()


@contextmanager
def served_page(folder: Path) -> Iterator[str]:
    """Serve an index of the sample pictures, with a register of made-up owners."""
    engine = bovw.Engine.build(SAMPLE, n_jobs=-1, progress=True)
    engine.save(folder / "sample.bovw")
    with (folder / "register.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["identifier", "owner", "class"])
        for name in engine.identifiers:
            number = int(name.split("_")[1])
            rows.writerow([name, OWNERS[number % len(OWNERS)], str(number % 3 + 32)])
    command = [sys.executable, "-m", "bovw", "serve", str(folder / "sample.bovw"), "--json"]
    command += ["--port", "0", "--labels", str(folder / "register.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield str(json.loads(server.stdout.readline())["url"])
        finally:
            server.send_signal(signal.SIGINT)


def at_an_answer(page: Page, mode: str) -> None:
    """Search in the served page, and keep two answers."""
    page.locator("#files").set_input_files(SAMPLE / QUERIES[0])
    page.wait_for_selector("#gallery .card")
    for i in range(2):
        page.get_by_role("button", name="Keep").nth(i).click()
    page.evaluate("window.scrollTo(0, 0)")


def at_a_result(page: Page, mode: str) -> None:
    """Choose how the page of results shows an answer."""
    if mode:
        page.locator(f".modes input[value={mode}]").check(force=True)
    if mode == "pairs":
        page.get_by_label("All lines").check()
        page.get_by_label("Pair of points").fill("5")


# Each page: what makes it; what is done in it before a picture is taken; its pictures in the docs
# (name, width, height, scheme, place, mode); and the places and modes that are looked at.
PAGES: dict[str, Any] = {
    "results": (
        results_page,
        at_a_result,
        [
            ("results", 1400, 880, "light", "q1", ""),
            ("pairs", 1400, 880, "light", "q1a2", "pairs"),
            ("swipe", 1400, 880, "dark", "q1a2", "swipe"),
        ],
        [("q1", ""), *(("q1a2", mode) for mode in MODES)],
    ),
    "evaluation": (
        evaluation_page,
        at_a_result,
        [("evaluation", 1400, 1000, "light", "side-title", "")],
        [("", "")],
    ),
    "serve": (
        served_page,
        at_an_answer,
        [("serve", 1400, 1000, "light", "", "")],
        [("", "")],
    ),
}


def main() -> None:
    """Make the pages and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true", help="only the pictures of the docs")
    parser.add_argument("--only", choices=sorted(PAGES), help="only the pictures of this page")
    options = parser.parse_args()
    program = os.environ.get("BOVW_CHROMIUM") or shutil.which("chromium")
    if program is None:
        parser.error("no chromium: install it, or name one in BOVW_CHROMIUM")
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in [options.only] if options.only else PAGES:
        make, prepare, shots, looks = PAGES[name]
        if not options.docs:
            shots = [
                (f"{name}-{width}-{scheme}-{mode or 'first'}", width, height, scheme, place, mode)
                for width, height in ((360, 760), (1600, 1000))
                for scheme in ("light", "dark")
                for place, mode in looks
            ]
        with tempfile.TemporaryDirectory() as aside, make(Path(aside)) as address:
            take(address, prepare, shots, options.folder, program)


def take(
    address: str,
    prepare: Callable[[Page, str], None],
    shots: list[Any],
    folder: Path,
    program: str,
) -> None:
    """Take pictures of a page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        for name, width, height, scheme, place, mode in shots:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            context.set_default_timeout(120_000)
            page = context.new_page()
            page.goto(f"{address}#{place}")
            prepare(page, mode)
            page.wait_for_timeout(300)  # pictures are decoded aside
            shot = Image.open(io.BytesIO(page.screenshot()))
            shot.convert("RGB").save(folder / f"{name}.webp", quality=80, method=6)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
