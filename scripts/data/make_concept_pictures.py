#!/usr/bin/env python3
"""Draw the pictures of docs/concepts.md, of sample pictures: one for each stage of a search.

python scripts/data/make_concept_pictures.py docs/images/concepts
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

import bovw
from bovw.pictures import read_image, read_preview
from bovw.vocabulary import hamming_distances

mpl.use("Agg")
from matplotlib import pyplot as plt

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
QUERY, ANSWER, OTHER = "labels/label_03_4.jpg", "labels/label_03_2.jpg", "labels/label_04_2.jpg"
YELLOW, BLUE, RED = "#ffd23f", "#2a9d8f", "#d1495b"
SETTINGS = bovw.Settings().changed(features={"max_features": 600}, vocabulary={"n_words": 2000})


def shown(ax: Any, name: str, title: str = "") -> tuple[int, int]:
    """Show a sample picture; return its width and height."""
    picture = read_preview(SAMPLE / name, 1000).picture
    ax.imshow(picture)
    ax.set_autoscale_on(False)  # what is drawn over it may reach beyond
    ax.set_axis_off()
    ax.set_title(title, fontsize=10)
    return picture.width, picture.height


def save(figure: Any, path: Path) -> None:
    """Write a figure as WebP, small enough for a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, facecolor="white")
    plt.close(figure)
    Image.open(buffer).convert("RGB").save(path, quality=75, method=6)


def keypoints(features: bovw.Features) -> Any:
    """Some keypoints as circles with their angle; all of them would hide the picture."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    shown(axes[0], QUERY, "the picture")
    shown(axes[1], QUERY, "some of its keypoints: position, scale, angle")
    for x, y, scale, angle in features.keypoints[:: max(1, len(features) // 120)]:
        axes[1].add_patch(plt.Circle((x, y), 3 * scale, fill=False, color=YELLOW, linewidth=0.9))
        end = np.deg2rad(angle)
        axes[1].plot(
            [x, x + 3 * scale * np.cos(end)], [y, y + 3 * scale * np.sin(end)],
            color=YELLOW, linewidth=0.9,
        )  # fmt: skip
    return figure


def words(engine: bovw.Engine) -> Any:
    """Patches of words that several pictures have: a row for each word."""
    held = {name: engine.indexed_features(name) for name in engine.identifiers}
    where: dict[int, list[tuple[str, Any]]] = {}
    for name, found in held.items():
        _, first = np.unique(found.words, return_index=True)
        for at in first:
            if 2.5 < found.keypoints[at, 2] < 12:
                where.setdefault(int(found.words[at]), []).append((name, found.keypoints[at]))
    common = sorted(where, key=lambda word: (-len(where[word]), word))[10:130:30]
    figure, axes = plt.subplots(len(common), 9, figsize=(9, 4.2), layout="constrained")
    for row, word in zip(axes, common, strict=True):
        for ax in row:
            ax.set_axis_off()
        step = max(1, len(where[word]) // 9)
        for ax, (name, (x, y, scale, angle)) in zip(row, where[word][::step], strict=False):
            ax.imshow(_patch(name, x, y, scale, angle), cmap="gray")
        row[0].set_title(f"word {word}", fontsize=9, loc="left")
    return figure


def _patch(name: str, x: float, y: float, scale: float, angle: float) -> Any:
    """What a descriptor describes: turned by its angle, scaled by its scale."""
    import cv2

    pixels = read_image(SAMPLE / name).pixels
    side, reach = 48, 12 * 2.5 * scale / 2
    grow = side / (2 * reach)
    turn = np.deg2rad(-angle)
    a, b = grow * np.cos(turn), grow * np.sin(turn)
    matrix = np.array([[a, -b, side / 2 - a * x + b * y], [b, a, side / 2 - b * x - a * y]])
    return cv2.warpAffine(pixels, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def histograms(engine: bovw.Engine) -> Any:
    """Three histograms over the words that the query has."""
    rows = engine.histograms().toarray()
    of = {name: rows[engine.identifiers.index(name)] for name in (QUERY, ANSWER, OTHER)}
    has = np.argsort(-of[QUERY], kind="stable")[:70]
    titles = ("the query", "the same label", "another label")
    figure, axes = plt.subplots(3, 1, figsize=(9, 4.2), layout="constrained", sharey=True)
    for ax, row, title in zip(axes, of.values(), titles, strict=True):
        shared = (row[has] > 0) & (of[QUERY][has] > 0)
        ax.bar(np.arange(len(has)), row[has], color=np.where(shared, BLUE, "#bbbbbb"))
        cosine = float(row @ of[QUERY])
        ax.set_title(f"{title}: cosine {cosine:.2f}", fontsize=10, loc="left")
        ax.set_xticks([])
        ax.spines[["top", "right"]].set_visible(False)
    axes[2].set_xlabel("the 70 words that weigh most in the query")
    return figure


def side_by_side(ax: Any, one: str, two: str) -> int:
    """Show two pictures in one drawing; return where the second begins."""
    left, right = (np.asarray(read_preview(SAMPLE / name, 1000).picture) for name in (one, two))
    sheet = np.full(
        (max(len(left), len(right)), left.shape[1] + 20 + right.shape[1], 3), 255, np.uint8
    )
    sheet[: len(left), : left.shape[1]] = left
    sheet[: len(right), left.shape[1] + 20 :] = right
    ax.imshow(sheet)
    ax.set_axis_off()
    return left.shape[1] + 20


def lines(ax: Any, start: int, one: Any, two: Any, color: str) -> None:
    """Connect points of the first picture with points of the second."""
    xs, ys = np.stack([one[:, 0], two[:, 0] + start]), np.stack([one[:, 1], two[:, 1]])
    ax.plot(xs, ys, color=color, linewidth=0.6, alpha=0.75, marker="o", markersize=1.5)


def tentative(engine: bovw.Engine, most: int) -> tuple[Any, Any]:
    """Pairs of features that have the same word, and signatures at most so many bits apart."""
    one, two = (engine.indexed_features(name) for name in (QUERY, ANSWER))
    left, right = np.nonzero(one.words[:, None] == two.words[None])
    near = hamming_distances(one.signatures[left], two.signatures[right]) <= most
    return one.keypoints[left[near], :2], two.keypoints[right[near], :2]


def signatures(engine: bovw.Engine) -> Any:
    """Matches by words alone, and by words and signatures."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.7), layout="constrained")
    for ax, most, title in zip(
        axes, (64, 20), ("same word", "and similar signatures"), strict=True
    ):
        one, two = tentative(engine, most)
        lines(ax, side_by_side(ax, QUERY, ANSWER), one, two, RED)
        ax.set_title(f"{title}: {len(one)} matches", fontsize=10)
    return figure


def verification(engine: bovw.Engine) -> Any:
    """What geometry keeps of the matches, and the outline that it finds."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.7), layout="constrained")
    one, two = tentative(engine, 20)
    lines(axes[0], side_by_side(axes[0], QUERY, ANSWER), one, two, RED)
    axes[0].set_title(f"{len(one)} matches", fontsize=10)
    answer = engine.explain(SAMPLE / QUERY, ANSWER).answer
    start = side_by_side(axes[1], QUERY, ANSWER)
    lines(axes[1], start, answer.query_points, answer.points, BLUE)
    for quad, at in ((answer.query_quadrilateral, 0), (answer.quadrilateral, start)):
        closed = np.vstack([quad, quad[:1]]) + np.array([at, 0])
        axes[1].plot(*closed.T, color=YELLOW, linewidth=2)
    axes[1].set_title(f"{answer.inliers} inliers agree on one transform", fontsize=10)
    return figure


def expansion(engine: bovw.Engine) -> Any:
    """Where features of verified answers fall in the query."""
    result = engine.search(SAMPLE / QUERY, 6, expand="none")
    mapped = []
    for answer in result:
        if answer.decision == "match" and answer.identifier != QUERY:
            held = engine.indexed_features(answer.identifier).keypoints[:, :2]
            back = np.linalg.inv(answer.transform)
            moved = np.column_stack([held, np.ones(len(held))]) @ back.T
            mapped.append(moved[:, :2] / moved[:, 2:])
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    own = engine.indexed_features(QUERY).keypoints
    added = np.concatenate(mapped)
    for ax, points, color, title in (
        (axes[0], own, YELLOW, f"{len(own)} features of the query"),
        (axes[1], added, BLUE, f"features of {len(mapped)} verified answers, moved to the query"),
    ):
        width, height = shown(ax, QUERY, title)
        inside = ((points[:, :2] >= 0) & (points[:, :2] < [width, height])).all(axis=1)
        ax.scatter(*points[inside, :2].T, s=4, color=color)
    return figure


def decision(engine: bovw.Engine) -> Any:
    """The first answers, each with its decision."""
    result = engine.search(SAMPLE / QUERY, 7)
    figure, axes = plt.subplots(1, 7, figsize=(9, 1.9), layout="constrained")
    colors = {"match": BLUE, "possible": "#e09f3e", "no": RED}
    for ax, answer in zip(axes, result, strict=True):
        shown(ax, answer.identifier)
        ax.set_title(
            f"{answer.rank}  {answer.decision}\n{answer.inliers} inliers",
            fontsize=9, color=colors[answer.decision],
        )  # fmt: skip
    return figure


def main() -> None:
    """Index the labels, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    engine = bovw.Engine.build(SAMPLE / "labels", root=SAMPLE, settings=SETTINGS, n_jobs=1)
    features = bovw.SiftExtractor(SETTINGS.features).extract(SAMPLE / QUERY)
    save(keypoints(features), folder / "keypoints.webp")
    for draw in (words, histograms, signatures, verification, expansion, decision):
        save(draw(engine), folder / f"{draw.__name__}.webp")


if __name__ == "__main__":
    main()
