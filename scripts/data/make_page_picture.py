#!/usr/bin/env python3
"""Take pictures of the page of results, of sample pictures: for the docs, and to be looked at.

    python scripts/data/make_page_picture.py FOLDER    # at 360 and 1,600 pixels, light and dark
    python scripts/data/make_page_picture.py docs/images --docs    # only those that the docs show

It needs Playwright and Chromium (`BOVW_CHROMIUM` names another than the one in the path).
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
from playwright.sync_api import sync_playwright

import bovw

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
QUERIES = ("posters/poster_01_2.jpg", "labels/label_03_4.jpg", "logos/logo_02_3.jpg")
REGION = (SAMPLE / "labels" / "label_01_2.jpg", (120.0, 60.0, 420.0, 420.0))
WHY_NOT = "covers/cover_01_1.jpg"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
MODES = ("pairs", "swipe", "difference")


def make_page(path: Path) -> None:
    """Index the sample pictures, search, and write the page."""
    engine = bovw.Engine.build(SAMPLE, n_jobs=-1, progress=True)
    queries: list[Any] = [(SAMPLE / name, None) for name in QUERIES]
    queries.append(REGION)
    results = engine.search_many(queries, 15, explain=True)
    why_not = [[engine.explain(query, WHY_NOT, region=region)] for query, region in queries]
    bovw.report.save_page(results, path, explanations=why_not, title="Sample pictures")


def main() -> None:
    """Make the page and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true", help="only the pictures of the docs")
    options = parser.parse_args()
    program = os.environ.get("BOVW_CHROMIUM") or shutil.which("chromium")
    if program is None:
        parser.error("no chromium: install it, or name one in BOVW_CHROMIUM")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as aside, sync_playwright() as driver:
        path = Path(aside) / "page.html"
        make_page(path)
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        if options.docs:
            shots = [("results", 1400, 880, "light", "q1", ""),
                     ("pairs", 1400, 880, "light", "q1a2", "pairs"),
                     ("swipe", 1400, 880, "dark", "q1a2", "swipe")]  # fmt: skip
        else:
            shots = [
                (f"{width}-{scheme}-{mode or 'gallery'}", width, height, scheme, place, mode)
                for width, height in ((360, 760), (1600, 1000))
                for scheme in ("light", "dark")
                for place, mode in (("q1", ""), *(("q1a2", mode) for mode in MODES))
            ]
        for name, width, height, scheme, place, mode in shots:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page = context.new_page()
            page.goto(f"{path.as_uri()}#{place}")
            if mode:
                page.locator(f".modes input[value={mode}]").check(force=True)
            if mode == "pairs":
                page.get_by_label("All lines").check()
                page.get_by_label("Pair of points").fill("5")
            page.wait_for_timeout(300)  # pictures are decoded aside
            shot = Image.open(io.BytesIO(page.screenshot()))
            shot.convert("RGB").save(options.folder / f"{name}.webp", quality=80, method=6)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
