#!/usr/bin/env python3
"""Which local features pay: orientation, region, number, threshold, picture size, other detectors.

    python scripts/benchmark_features.py [--rows NAME...] [--every N] [--json FILE]

`BOVW_DATA` names the folder with the data (default: ../shared/data). Each row has features of its
own, kept in `--cache`. The words are trained on the distractors alone: once for all rows that
leave the descriptor as it is, anew for each other descriptor. A run that was interrupted goes on
after the last row in `--json`. Intervals are 95 % of bootstrap samples of objects.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ablation import Changes
from benchmark_quality import DATA, conditions, figures
from numpy.typing import NDArray

import bovw
from bovw.evaluation import bootstrap_interval, evaluate
from bovw.extraction import extract_query
from bovw.feature_cache import FeatureCache
from bovw.features import Features, SiftExtractor, root_sift
from bovw.formats import load_ground_truth
from bovw.images import Box, Image, read_bytes, read_image
from bovw.parallel import limited_threads, ordered_map
from bovw.pictures import find_pictures

SETS = ("oxford1k/gnd", "oxford1k/gnd_rox", "smvs_dvd/gnd_all", "ukbench1000/gnd")
N_ADDED = 500
PLAIN = bovw.Settings()
Query = tuple[str, "Box | None"]
Circles = NDArray[np.float64]  # (n, 4): x, y, OpenCV's size, angle; in the pixels that were read


def sift(
    content: bytes, region: Box | None, cache: str | None, *, n: int | None = None, **changes: Any
) -> Features:
    """Extract features as bovw does, with changed settings; of these the strongest `n`."""
    found = extract_query((content, region), PLAIN.changed(**changes), cache)
    if not isinstance(found, Features):
        raise found
    keypoints, descriptors = found.keypoints[:n], found.descriptors[:n]
    return dataclasses.replace(found, keypoints=keypoints, descriptors=descriptors)


def joined(parts: list[Features]) -> Features:
    """Join features of one picture."""
    keypoints = np.concatenate([part.keypoints for part in parts])
    descriptors = np.concatenate([part.descriptors for part in parts])
    return dataclasses.replace(parts[0], keypoints=keypoints, descriptors=descriptors)


def unless_full(content: bytes, region: Box | None, cache: str | None, **changes: Any) -> Features:
    """Lower the threshold where there are less than `max_features`; elsewhere they stay."""
    found = sift(content, region, cache)
    full = len(found) == PLAIN.features.max_features
    return found if full else sift(content, region, None, **changes)


def upright_too(content: bytes, region: Box | None, cache: str | None) -> Features:
    """Describe the features both ways."""
    both = sift(content, region, cache), sift(content, region, cache, features={"upright": True})
    return joined(list(both))


def inside(xy: NDArray[np.float64], image: Image) -> NDArray[np.intp]:
    """Which positions lie in the region that was asked for, or else in the picture."""
    x0, y0, x1, y1 = image.region or (0, 0, *image.size)
    within = (xy >= (x0 - 0.5, y0 - 0.5)) & (xy < (x1 - 0.5, y1 - 0.5))
    return np.flatnonzero(within.all(axis=1))


def added(
    content: bytes, region: Box | None, cache: str | None, *, find: Callable[[Image], Circles]
) -> Features:
    """Add other keypoints, described in the same way."""
    image = read_image(content, PLAIN.images, region)
    circles = find(image)
    original = image.to_original(circles[:, :2])
    chosen = inside(original, image)
    if len(chosen) > N_ADDED:  # evenly from all
        chosen = chosen[np.linspace(0, len(chosen) - 1, N_ADDED).astype(int)]
    keypoints = []
    for x, y, size, angle in circles[chosen].tolist():
        # The octave and layer of the pyramid that SIFT would have found this size in.
        level = max(round(3 * np.log2(size / 3.2)), -2)
        octave = (((level - 1) // 3) & 255) | (((level - 1) % 3 + 1) << 8)
        described = size * PLAIN.features.region_factor
        keypoints.append(cv2.KeyPoint(x, y, described, angle, 0, octave))
    keypoints.append(cv2.KeyPoint(0, 0, 2, 0, 0, 255 | (1 << 8)))  # as SiftExtractor does
    extractor = cv2.SIFT.create(enable_precise_upscale=True)
    descriptors = np.asarray(extractor.compute(image.pixels, keypoints)[1], np.float32)[:-1]
    scales = circles[chosen, 2] / 2 / np.sqrt(image.scale[0] * image.scale[1])
    stored = np.column_stack([original[chosen], scales, circles[chosen, 3]]).astype(np.float32)
    more = Features(stored, root_sift(descriptors), image.size, image.sha256, region)
    return joined([sift(content, region, cache), more])


def dense(image: Image) -> Circles:
    """Make a grid of upright circles at two scales, the regions overlapping by half."""
    height, width = image.pixels.shape
    step = np.sqrt(height * width / (0.8 * N_ADDED))
    if image.region is not None:  # what was read is larger than the region
        sides = np.subtract(image.region[2:], image.region[:2]) * image.scale
        step = np.sqrt(sides.prod() / (0.8 * N_ADDED))
    parts = []
    for d in (step, 2 * step):
        x, y = np.meshgrid(np.arange(d / 2, width, d), np.arange(d / 2, height, d))
        # A descriptor covers 6 sizes a side, times the region factor.
        size = np.full(x.size, 2 * d / (6 * PLAIN.features.region_factor))
        parts.append(np.column_stack([x.ravel(), y.ravel(), size, np.zeros(x.size)]))
    return np.concatenate(parts)


def mser(image: Image) -> Circles:
    """Find MSERs of 20 pixels to 1 % of the picture, as circles of their area.

    Their angle is the dominant direction of the gradient, found as SIFT does. A disc is found by
    SIFT at a scale of its radius over the square root of two.
    """
    pixels = image.pixels
    largest = max(40, int(0.01 * pixels.size))
    regions = sorted(cv2.MSER.create(2, 20, largest, 0.5).detectRegions(pixels)[0], key=len)
    if not regions:
        return np.zeros((0, 4))
    xy = np.array([region.mean(axis=0) for region in regions])
    scales = np.sqrt(np.array([len(region) for region in regions]) / (2 * np.pi))
    return np.column_stack([xy, 2 * scales, orientations(pixels, xy, scales)])


def orientations(pixels: NDArray[np.uint8], xy: NDArray[Any], scales: NDArray[Any]) -> NDArray[Any]:
    """Dominant direction of the gradient within 4.5 scales, weighted by a Gaussian of 1.5."""
    pyramid = [cv2.GaussianBlur(pixels, (0, 0), 1.0)]
    patches = []
    for (x, y), scale in zip(xy.tolist(), scales.tolist(), strict=True):
        step = 9 * scale / 32
        level = max(0, round(np.log2(step)))
        while len(pyramid) <= level:
            pyramid.append(cv2.pyrDown(pyramid[-1]))
        s = step / 2**level
        corner = np.array([x, y]) / 2**level - 16 * s
        patches.append(
            cv2.warpAffine(
                pyramid[level],
                np.array([[s, 0, corner[0]], [0, s, corner[1]]]),
                (33, 33),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    dy, dx = np.gradient(np.array(patches, np.float32), axis=(1, 2))
    off = np.arange(-16, 17) / (32 / 9 * 1.5)
    weights = np.hypot(dx, dy) * np.exp(-0.5 * (off[:, None] ** 2 + off**2))
    bins = np.rint(np.degrees(np.arctan2(dy, dx)) / 10).astype(int) % 36
    flat = (np.arange(len(bins))[:, None, None] * 36 + bins).ravel()
    histogram = np.bincount(flat, weights.ravel(), 36 * len(bins)).reshape(-1, 36)
    smooth = sum(w * np.roll(histogram, k, axis=1) for w, k in ((1, -1), (2, 0), (1, 1)))
    return np.asarray(smooth.argmax(axis=1) * 10.0)


def tilted(
    content: bytes, region: Box | None, cache: str | None, *, n: int = 3000, tilts: int = 2
) -> Features:
    """Add what is found in tilted views, those of `cv2.AffineFeature` (ASIFT).

    OpenCV's own class leaves scale and angle as they are in the view; here they are those in the
    picture. All views together add as many features as make `n`, each its strongest.
    """
    parts = [sift(content, region, cache)]
    image = read_image(content, PLAIN.images, region)
    height, width = image.pixels.shape
    steps = [2 ** (i / 2) for i in range(1, tilts + 1)]
    views = [(t, phi) for t in steps for phi in np.arange(0, 180, 72 / t)]
    share = (n - PLAIN.features.max_features) // len(views)
    extractor = SiftExtractor(dataclasses.replace(PLAIN.features, max_features=2 * share))
    for tilt, phi in views:
        cos, sin = np.cos(np.radians(phi)), np.sin(np.radians(phi))
        turn = np.array([[cos, -sin], [sin, cos]])
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ turn.T
        low, side = corners.min(axis=0), np.ceil(np.ptp(corners, axis=0)).astype(int)
        view = cv2.warpAffine(
            image.pixels, np.c_[turn, -low], side.tolist(), borderMode=cv2.BORDER_REPLICATE
        )
        view = cv2.GaussianBlur(view, (0, 0), 0.8 * np.sqrt(tilt**2 - 1), sigmaY=0.01)
        squeeze = np.array([[1 / tilt, 0, 0], [0, 1.0, 0]])
        view = cv2.warpAffine(view, squeeze, (int(side[0] / tilt), int(side[1])))
        found = extractor.extract_image(
            Image(view, (1.0, 1.0), (0, 0), view.shape[::-1], image.sha256)
        )
        back = turn.T * (tilt, 1)
        original = image.to_original(found.keypoints[:, :2] @ back.T + turn.T @ low)
        angles = np.radians(found.keypoints[:, 3])
        # Of gradients, which turn as normals do.
        directions = np.column_stack([np.cos(angles), np.sin(angles)]) @ np.linalg.inv(back)
        degrees = np.degrees(np.arctan2(directions[:, 1], directions[:, 0])) % 360
        scales = found.keypoints[:, 2] * np.sqrt(tilt / (image.scale[0] * image.scale[1]))
        kept = inside(original, image)[:share]
        keypoints = np.column_stack([original, scales, degrees])[kept].astype(np.float32)
        parts.append(
            dataclasses.replace(parts[0], keypoints=keypoints, descriptors=found.descriptors[kept])
        )
    return joined(parts)


Make = Callable[[bytes, "Box | None", "str | None"], Features]


@dataclass(frozen=True)
class Row:
    """Settings, or what makes the features instead.

    `shortcut` makes the features of these settings from others that are in the cache.
    """

    changes: Changes = field(default_factory=dict)
    make: Make | None = None
    shortcut: Make | None = None
    queries_only: bool = False
    turned: bool = False


def _features(**changes: Any) -> Changes:
    return {"features": changes}


_MORE = _features(max_features=2500)
ROWS = {
    "default": Row(),
    "upright": Row(_features(upright=True)),
    "upright, query turned four ways": Row(_features(upright=True), turned=True),
    "region 1.0": Row(_features(region_factor=1.0)),
    "2,500 features": Row(_MORE),
    "contrast 0.04": Row(_features(contrast_threshold=0.04)),
    "500 MSERs added": Row(make=partial(added, find=mser)),
    "500 dense added": Row(make=partial(added, find=dense)),
    "2,000 features": Row(_features(max_features=2000), shortcut=partial(sift, n=2000, **_MORE)),
    "tilted views of the query": Row(make=tilted, queries_only=True),
    "480 pixels": Row({"images": {"max_side": 480}}),
    "contrast 0.004": Row(
        _features(contrast_threshold=0.004),
        shortcut=partial(unless_full, **_features(contrast_threshold=0.004)),
    ),
    "region 2.0": Row(_features(region_factor=2.0)),
    "oriented and upright": Row(make=upright_too),
    "700 features": Row(_features(max_features=700), shortcut=partial(sift, n=700)),
    "region 3.0": Row(_features(region_factor=3.0)),
    "640 pixels": Row({"images": {"max_side": 640}}),
}


def keep(query: Query, make: Make, settings: bovw.Settings, cache: str, folder: str) -> None:
    """Make the features of a picture, and keep them where those of `settings` are looked for."""
    content = read_bytes(query[0])
    kept = FeatureCache(folder, settings)
    if kept.load(hashlib.sha256(content).hexdigest(), query[1]) is None:
        kept.save(make(content, query[1], cache), query[1])


def seconds_ratio(row: Row) -> float:
    """Time of extraction on one core, on some pictures, as a multiple of the default's."""
    paths = [p for name in SETS[1:] for p in sorted((DATA / name).parent.rglob("*.jpg"))[5::200]]
    make = row.make or partial(sift, **row.changes)
    spent = {sift: 0.0, make: 0.0}
    with limited_threads(1):
        for content in map(read_bytes, paths):
            for function in spent:
                begun = time.process_time()  # of this process, whatever else runs
                function(content, None, None)
                spent[function] += time.process_time() - begun
    return spent[make] / spent[sift] * (4 if row.turned else 1)


def ranked_turned(engine: bovw.Engine, queries: list[Query]) -> list[list[str]]:
    """Rank for the picture of the query at four angles.

    Turned pictures count by the geometry of what they verify alone: their similarities cannot be
    compared, since the best is 1 for each.
    """
    asked: list[tuple[Any, Box | None]] = []
    for path, box in queries:
        image = read_image(path, PLAIN.images)
        pixels = image.pixels
        turned = None if box is None else tuple(v * image.scale[0] for v in box)
        for _ in range(4):
            asked.append((pixels, turned))
            if turned is not None:
                x0, y0, x1, y1 = turned
                turned = y0, pixels.shape[1] - x1, y1, pixels.shape[1] - x0
            pixels = np.rot90(pixels)
    rankings = []
    for first in range(0, len(asked), 80):
        results = engine.search_many(asked[first : first + 80], None, on_error="raise")
        for start in range(0, len(results), 4):
            best = {answer.identifier: answer.score for answer in results[start]}
            for result in results[start + 1 : start + 4]:
                for answer in result:
                    score = answer.score - answer.similarity
                    if answer.verified and score > best.get(answer.identifier, 0.0):
                        best[answer.identifier] = score
            rankings.append(sorted(best, key=lambda name, best=best: (-best[name], name)))
    return rankings


def measure(
    name: str, vocabulary: bovw.Vocabulary, options: argparse.Namespace, default: dict[str, Any]
) -> dict[str, Any]:
    """Score a row on all sets."""
    row = ROWS[name]
    settings = PLAIN.changed(**row.changes)
    cache = options.cache / name.replace(" ", "-") if row.make else options.cache
    result: dict[str, Any] = {"seconds_ratio": seconds_ratio(row), "sets": {}}
    engines: dict[str, bovw.Engine] = {}

    def prepare(queries: list[Query]) -> None:
        make = row.make or row.shortcut
        if make is not None:
            work = partial(
                keep, make=make, settings=settings, cache=str(options.cache), folder=str(cache)
            )
            list(ordered_map(work, queries, total=len(queries), n_jobs=options.jobs))

    def search(engine: bovw.Engine, queries: Any) -> Any:
        if row.turned:
            return ranked_turned(engine, queries)
        prepare(queries)
        return [ranking.identifiers for ranking in engine.rank_many(queries, cache=cache)]

    for truth_name in SETS:
        folder = (DATA / truth_name).parent
        if folder.name not in engines:
            if not row.queries_only:
                prepare([(file.path, None) for file in find_pictures(folder)])
            engines[folder.name] = bovw.Engine.build(
                folder,
                vocabulary=vocabulary,
                settings=settings,
                root=DATA,
                cache=options.cache if row.queries_only else cache,
                n_jobs=options.jobs,
            )
        engine = engines[folder.name]
        truth = load_ground_truth(DATA / f"{truth_name}.json")
        if len(truth.queries) > 100:
            truth = dataclasses.replace(truth, queries=truth.queries[:: options.every])
        paths = {record.identifier: record.path for record in engine.collection.records}
        scores = evaluate(partial(search, engine), paths, truth, folder)
        values = scores.of("ap_trapezoid")
        gains = values - (default["sets"][truth_name]["ap"] if default else values)
        own, gained = (bootstrap_interval(v, scores.groups) for v in (values, gains))
        result["sets"][truth_name] = {
            **figures(scores),
            "interval": [own.low, own.high],
            "gain": float(gains.mean()),
            "gain_interval": [gained.low, gained.high],
            "features_per_picture": len(engine.collection.words) / len(engine),
            "ap": values.tolist(),
        }
    n_features = sum(len(engine.collection.words) for engine in engines.values())
    result["features_per_picture"] = n_features / sum(map(len, engines.values()))
    return result


def main() -> None:
    """Measure and print the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    parser.add_argument(
        "--every", type=int, default=8, metavar="N", help="of sets with over 100 queries, each Nth"
    )
    parser.add_argument("--json", type=Path, help="write the figures here, after each row")
    parser.add_argument("--cache", type=Path, default=Path("runs/features"))
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()

    results: dict[str, Any] = {}
    if options.json and options.json.exists():
        results = json.loads(options.json.read_text())["rows"]
    vocabularies: dict[tuple[bool, float], bovw.Vocabulary] = {}
    print(f"{'':<34}" + "".join(f"{name:>18}" for name in SETS) + "   N-S features  time")
    for name in options.rows:
        if name not in results:
            begun = time.perf_counter()
            described = PLAIN.changed(**ROWS[name].changes).features
            key = described.upright, described.region_factor
            if key not in vocabularies:
                vocabularies[key] = bovw.train_vocabulary(
                    DATA / "distractors",
                    settings=PLAIN.changed(features={"upright": key[0], "region_factor": key[1]}),
                    root=DATA,
                    cache=options.cache,
                    n_jobs=options.jobs,
                )
            results[name] = measure(name, vocabularies[key], options, results.get("default", {}))
            results[name]["seconds"] = time.perf_counter() - begun
            if options.json:
                about = conditions("strong", [f"--every {options.every}"], PLAIN)
                about["vocabulary_trained_on"] = ["distractors"]
                text = json.dumps({"rows": results, "conditions": about}, indent=1)
                options.json.write_text(text + "\n")
        result = results[name]
        print(
            f"{name:<34}"
            + "".join(f"{result['sets'][s]['map_trapezoid']:>18.4f}" for s in SETS)
            + f" {result['sets'][SETS[-1]]['n_s']:.3f}{result['features_per_picture']:>9.0f}"
            f"{result['seconds_ratio']:>6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
