#!/usr/bin/env python3
"""What it takes, and changes, to describe large regions in a picture of half the side.

    python scripts/benchmarks/half_side.py [--pictures N] [--json FILE]

Each picture is read both ways, in full and at half the side, in turn; its time is that of the
quickest of three. Descriptors of the same keypoint are then compared, and, as a measure for these
distances, those that are nearest to each other in two photographs of one object of UKBench.
`BOVW_DATA` names the folder with the data (default: ../shared/data).
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, machine_and_versions, options_parser, write
from numpy.typing import NDArray

import bovw
from bovw.features import Features, sift
from bovw.parallel import limited_threads
from bovw.pictures import find_pictures

RUNS = 3
WAYS = {"in full": math.inf, "at half the side": sift._HALF_FROM}


def both(path: Path, threads: int) -> tuple[dict[str, Features], dict[str, float]]:
    """Read a picture both ways, and measure milliseconds."""
    settings = bovw.Settings()
    found, best = {}, dict.fromkeys(WAYS, math.inf)
    with limited_threads(threads):
        for _ in range(RUNS):
            for name, least in WAYS.items():
                sift._HALF_FROM = least
                begun = time.perf_counter()
                found[name] = bovw.SiftExtractor(settings.features).extract(path, settings.images)
                best[name] = min(best[name], (time.perf_counter() - begun) * 1000)
    return found, best


def distances(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Euclidean distances between the rows of two arrays."""
    squares = ((a.astype(float) - b) ** 2).sum(axis=1)
    return np.asarray(np.sqrt(squares))


def matching(a: Features, b: Features) -> NDArray[np.float64]:
    """Distances of the features of two pictures that are each other's nearest."""
    x, y = a.descriptors.astype(np.float32), b.descriptors.astype(np.float32)
    products = x @ y.T
    squares = (x**2).sum(axis=1)[:, None] - 2 * products + (y**2).sum(axis=1)
    there, back = squares.argmin(axis=1), squares.argmin(axis=0)
    mutual = np.flatnonzero(back[there] == np.arange(len(x)))
    # Lowe's ratio leaves out those that have no counterpart.
    ordered = np.sqrt(np.maximum(np.partition(squares[mutual], 1, axis=1)[:, :2], 0))
    good = mutual[ordered[:, 0] < 0.8 * ordered[:, 1]]
    return distances(a.descriptors[good], b.descriptors[there[good]])


def spread(folder: str, n: int) -> list[Path]:
    """Return `n` pictures, evenly out of all of a folder of the data."""
    files = find_pictures([DATA / folder])
    return [Path(file.path) for file in files[:: max(1, len(files) // n)][:n]]


def main() -> None:
    """Measure and print."""
    parser = options_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=20, help="of Oxford (default: 20)")
    options = parser.parse_args()
    pictures = spread("oxford1k", options.pictures)
    results: dict[str, Any] = {"pictures": len(pictures)}
    moved: list[NDArray[np.float64]] = []
    for threads in (1, 2):
        total = dict.fromkeys(WAYS, 0.0)
        for path in pictures:
            found, spent = both(path, threads)
            for name in WAYS:
                total[name] += spent[name] / len(pictures)
            full, half = (found[name] for name in WAYS)
            if not np.array_equal(full.keypoints, half.keypoints):
                raise SystemExit(f"{path}: the keypoints differ")
            if threads == 1:
                moved.append(distances(full.descriptors, half.descriptors))
        for name, value in total.items():
            results[f"{name}, threads {threads}, ms"] = value
        full, half = total.values()
        results[f"ratio, threads {threads}"] = half / full
    results["moved, median"] = float(np.median(np.concatenate(moved)))
    results["moved, 95th percentile"] = float(np.percentile(np.concatenate(moved), 95))
    files = find_pictures([DATA / "ukbench1000"])
    near: list[NDArray[np.float64]] = []
    for i in range(0, len(files), 100):  # each object has four pictures, one after the other
        a, b = (both(Path(file.path), 1)[0]["at half the side"] for file in files[i : i + 2])
        near.append(matching(a, b))
    results["matching descriptors, median"] = float(np.median(np.concatenate(near)))
    for name, value in results.items():
        print(f"{name:<36}{value if isinstance(value, int) else round(value, 3):>10}")
    write(options.json, results, machine_and_versions())


if __name__ == "__main__":
    main()
