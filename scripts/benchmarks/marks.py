#!/usr/bin/env python3
"""A register of drawn logos that share typefaces: which alterations are found, and what is not.

    python scripts/benchmarks/marks.py VOCABULARY [--json FILE]

Every fifth registered mark is asked in several alterations. Marks that are not registered share
typefaces, names and decorations with registered ones, and must not be called a match; if a
registered mark has the same name and the same line below it, this is shown apart, because the
matches are then right. `VOCABULARY` is a folder made by ``bovw train`` of other pictures. The last
column is of upright features, with words of the register itself, which must be upright too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import conditions, options_parser, write

import bovw

sys.path.append(str(Path(__file__).parents[1] / "data"))
from make_sample import LINES, WORDS, logo, photograph

REGISTERED, OTHERS = 200, 100
Rng = np.random.Generator
Alter = Callable[[np.ndarray, Rng], np.ndarray]


def words_of(number: int, rng: Rng | None = None) -> tuple[str, str]:
    """Name of a mark, and the line below it; several marks have the same."""
    rng = rng or np.random.default_rng((11, number))
    return str(rng.choice(WORDS)), str(rng.choice(LINES))


def drawn(number: int) -> np.ndarray:
    """Draw a mark."""
    rng = np.random.default_rng((11, number))
    return np.asarray(logo(rng, *words_of(number, rng)))


def shrunk(side: int) -> Alter:
    """Shrink to a longest side."""

    def alter(pixels: np.ndarray, _: Rng) -> np.ndarray:
        scale = side / max(pixels.shape)
        return np.asarray(
            cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )

    return alter


def quarter(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    """Cut out a quarter of the area."""
    h, w = pixels.shape[0] // 2, pixels.shape[1] // 2
    y, x = int(rng.integers(h)), int(rng.integers(w))
    return np.ascontiguousarray(pixels[y : y + h, x : x + w])


ALTERATIONS: dict[str, Alter] = {
    "as it is": lambda pixels, _: pixels,
    "half the size": shrunk(340),
    "icon of 64 pixels": shrunk(64),
    "a quarter of the area": quarter,
    "turned by 90 degrees": lambda pixels, _: np.ascontiguousarray(np.rot90(pixels)),
    "mirrored": lambda pixels, _: np.ascontiguousarray(pixels[:, ::-1]),
    "negative": lambda pixels, _: 255 - pixels,
    "photographed": lambda pixels, rng: np.asarray(photograph(rng, pixels, 0.5)),
}


def measured(engine: bovw.Engine) -> dict[str, float]:
    """Shares of queries whose own mark comes first as a match; of others that are matched."""
    results = {}
    for name, alter in ALTERATIONS.items():
        right = []
        for number in range(0, REGISTERED, 5):
            query = alter(drawn(number), np.random.default_rng(number))
            result = engine.search(query, 1)
            first = result[0].identifier if len(result) else ""
            right.append(bool(result.matched) and first == f"{number:04d}.png")
        results[name] = float(np.mean(right))
    registered = {words_of(number) for number in range(REGISTERED)}
    matched: dict[bool, list[bool]] = {False: [], True: []}
    number = REGISTERED
    while len(matched[False]) < OTHERS:
        same = words_of(number) in registered
        matched[same].append(bool(engine.search(drawn(number), 1).matched))
        number += 1
    results["not registered, called a match"] = float(np.mean(matched[False]))
    results["same words registered, called a match"] = float(np.mean(matched[True]))
    return results


def main() -> None:
    """Measure some settings, and print a table."""
    import tempfile

    parser = options_parser(__doc__)
    parser.add_argument("vocabulary", type=Path)
    options = parser.parse_args()
    vocabulary = bovw.load_vocabulary(options.vocabulary, n_jobs=-1)
    marks = bovw.PRESETS["marks"]
    upright = marks.changed(features={"upright": True})
    rows: dict[str, tuple[bovw.Settings, bovw.Vocabulary | None]] = {
        "strong": (bovw.PRESETS["strong"], vocabulary),
        "marks": (marks, vocabulary),
        "own words": (marks, None),
        "upright": (upright, None),
    }
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(REGISTERED):
            cv2.imwrite(f"{folder}/{number:04d}.png", drawn(number))
        for name, (settings, words) in rows.items():
            engine = bovw.Engine.build(folder, vocabulary=words, settings=settings, n_jobs=-1)
            results[name] = measured(engine)
    print(f"{'':<40}" + "".join(f"{name:>10}" for name in results))
    for row in results["strong"]:
        print(f"{row:<40}" + "".join(f"{found[row]:>10.2f}" for found in results.values()))
    write(options.json, results, conditions("strong", [], bovw.PRESETS["strong"]))


if __name__ == "__main__":
    main()
