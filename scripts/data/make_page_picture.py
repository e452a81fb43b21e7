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
import io
import os
import shutil
import tempfile
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
MODES = ("pairs", "swipe", "difference")


def results_page(path: Path) -> None:
    """Index the sample pictures, search, and write the page."""
    engine = bovw.Engine.build(SAMPLE, n_jobs=-1, progress=True)
    queries: list[Any] = [(SAMPLE / name, None) for name in QUERIES]
    queries.append(REGION)
    results = engine.search_many(queries, 15, explain=True)
    why_not = [[engine.explain(query, WHY_NOT, region=region)] for query, region in queries]
    bovw.report.save_page(results, path, explanations=why_not, title="Sample pictures")


def evaluation_page(path: Path) -> None:
    """Compare two ways to search an index of posters; with few features, so that they differ."""
    settings = bovw.Settings().changed(features={"max_features": 120})
    engine = bovw.Engine.build(SAMPLE / "posters", settings=settings, root=SAMPLE, progress=True)
    index = path.parent / "sample.bovw"
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


def at_a_result(page: Page, mode: str) -> None:
    """Choose how the page of results shows an answer."""
    if mode:
        page.locator(f".modes input[value={mode}]").check(force=True)
    if mode == "pairs":
        page.get_by_label("All lines").check()
        page.get_by_label("Pair of points").fill("5")


# Each page: what makes it; its pictures in the docs: name, width, height, scheme, place, mode; and
# the places and modes that are looked at.
PAGES: dict[str, Any] = {
    "results": (
        results_page,
        [
            ("results", 1400, 880, "light", "q1", ""),
            ("pairs", 1400, 880, "light", "q1a2", "pairs"),
            ("swipe", 1400, 880, "dark", "q1a2", "swipe"),
        ],
        [("q1", ""), *(("q1a2", mode) for mode in MODES)],
    ),
    "evaluation": (
        evaluation_page,
        [("evaluation", 1400, 1000, "light", "side-title", "")],
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
        make, shots, looks = PAGES[name]
        if not options.docs:
            shots = [
                (f"{name}-{width}-{scheme}-{mode or 'first'}", width, height, scheme, place, mode)
                for width, height in ((360, 760), (1600, 1000))
                for scheme in ("light", "dark")
                for place, mode in looks
            ]
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / "page.html"
            make(path)
            take(path, shots, options.folder, program)


def take(path: Path, shots: list[Any], folder: Path, program: str) -> None:
    """Take pictures of a page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        for name, width, height, scheme, place, mode in shots:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            context.set_default_timeout(120_000)
            page = context.new_page()
            page.goto(f"{path.as_uri()}#{place}")
            at_a_result(page, mode)
            page.wait_for_timeout(300)  # pictures are decoded aside
            shot = Image.open(io.BytesIO(page.screenshot()))
            shot.convert("RGB").save(folder / f"{name}.webp", quality=80, method=6)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
