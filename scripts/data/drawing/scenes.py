"""Scenes: buildings in a street or park, things on a table, sheets; and a camera."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .noise import branches, dead_leaves, foliage, fractal, grating, outline, palette, paste
from .printing import sheet, text_block
from .relief import facade


def warp_into(canvas: np.ndarray, source: np.ndarray, corners: np.ndarray) -> None:
    """Draw `source` into the quadrilateral ``(4, 2)``, from the top left corner clockwise."""
    h, w = source.shape
    place = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
    matrix = cv2.getPerspectiveTransform(place, np.float32(corners))
    size = canvas.shape[::-1]
    drawn = cv2.warpPerspective(source, matrix, size, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.ones((h, w), np.float32), matrix, size)
    canvas += mask * (drawn - canvas)


def street(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Buildings under a sky, with roofs, trees and ground."""
    sky = np.linspace(rng.uniform(0.4, 0.95), rng.uniform(0.6, 1), h, dtype=np.float32)[:, None]
    canvas = np.clip(sky + rng.uniform(0, 0.08) * fractal(rng, (h, w), 1.7, 0.6), 0, 1)
    horizon = h * rng.uniform(0.6, 1.0)
    for _ in range(int(rng.integers(1, 4))):
        front = facade(rng, int(rng.integers(420, 900)), int(rng.integers(420, 900)))
        left = w * rng.uniform(-0.3, 0.5)
        right = left + w * rng.uniform(0.45, 1.2)
        tops = h * rng.uniform(-0.35, 0.35) + np.array([0, h * rng.normal(0, 0.18)])
        feet = horizon + np.array([0, h * rng.normal(0, 0.06)]) + h * rng.uniform(0, 0.15)
        lean = w * rng.normal(0, 0.03)  # verticals converge when a camera looks up
        corners = [
            [left + lean, tops[0]],
            [right - lean, tops[1]],
            [right, feet[1]],
            [left, feet[0]],
        ]
        _roof(rng, canvas, np.array(corners))
        warp_into(canvas, front, np.array(corners))
    ground = np.array([[0, horizon], [w, horizon + h * rng.normal(0, 0.03)], [w, h], [0, h]])
    lawn = np.clip(
        rng.uniform(0.15, 0.7) + rng.uniform(0.02, 0.15) * fractal(rng, (h, w), 0.7, 0.4), 0, 1
    )
    paste(canvas, ground.astype(np.float32), lawn[int(min(max(horizon - 60, 0), h - 2)) :])
    for _ in range(rng.binomial(3, 0.4)):
        _tree(rng, canvas, horizon)
    for _ in range(rng.binomial(8, 0.3)):
        _passer(rng, canvas, horizon)
    return canvas


def _roof(rng: np.random.Generator, canvas: np.ndarray, corners: np.ndarray) -> None:
    a, b = corners[:2]
    wide = b - a
    kind = rng.integers(4)
    tone = float(rng.uniform(0.1, 0.6))
    if kind == 0:  # a gable or slope, tiled
        ridge = (a + b) / 2 - (0, np.linalg.norm(wide) * rng.uniform(0.1, 0.5))
        tiles = np.clip(tone + 0.12 * grating(rng, canvas.shape), 0, 1)
        paste(canvas, np.float32([a, ridge, b]), tiles)
    elif kind == 1:  # battlements
        n = int(rng.integers(6, 20))
        for i in range(n):
            foot = a + wide * (i / n)
            size = np.linalg.norm(wide) / n * 0.55
            box = np.float32([[0, 4], [size, 4], [size, -size], [0, -size]]) + np.float32(foot)
            paste(canvas, box, tone)
    elif kind == 2:  # pinnacles and a tower
        for share in rng.random(int(rng.integers(2, 9))):
            foot, tall = a + wide * share, np.linalg.norm(wide) * rng.uniform(0.05, 0.4)
            half = tall * rng.uniform(0.06, 0.2)
            spire = [
                [-half, 4],
                [-half * 0.8, -tall * 0.3],
                [0, -tall],
                [half * 0.8, -tall * 0.3],
                [half, 4],
            ]
            paste(canvas, np.float32(spire) + np.float32(foot), float(rng.uniform(0.1, 0.7)))
        for share in rng.random(2):
            foot = a + wide * share
            blob = outline(rng, "ellipse", np.linalg.norm(wide) * 0.08) + foot
            paste(canvas, blob.astype(np.float32), tone)


def _tree(rng: np.random.Generator, canvas: np.ndarray, horizon: float) -> None:
    h, w = canvas.shape
    x = rng.uniform(0, w)
    if rng.random() < 0.35:
        branches(rng, canvas, (x, horizon + rng.uniform(0, 0.2) * h))
        return
    leaves = foliage(rng, (h, w), float(rng.uniform(2.5, 9)))
    for _ in range(int(rng.integers(3, 12))):
        crown = outline(rng, "blob", h * rng.uniform(0.06, 0.22))
        at = x + rng.normal(0, 0.08) * w, horizon - h * rng.uniform(0, 0.5)
        crown = crown + np.array(at)
        x0, y0 = np.maximum(crown.min(axis=0).astype(int) - 8, 0)
        paste(canvas, crown.astype(np.float32), leaves[min(y0, h - 1) :, min(x0, w - 1) :], 1.0)


def _passer(rng: np.random.Generator, canvas: np.ndarray, horizon: float) -> None:
    h, w = canvas.shape
    tall = h * rng.uniform(0.04, 0.3)
    x, y = rng.uniform(0, w), horizon + rng.uniform(-0.02, 0.15) * h
    for share, up in ((0.3, 0.25), (0.28, 0.62), (0.13, 0.92)):
        blob = outline(rng, "ellipse", tall * share) * (0.6, 1) + (x, y - tall * up)
        paste(canvas, blob.astype(np.float32), float(rng.beta(0.8, 0.8)), 0.8)


def ground(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A table, carpet, floor or wall."""
    kind = rng.integers(5)
    base = rng.uniform(0.2, 0.8)
    if kind == 0:  # wood
        grain = np.sin(fractal(rng, (h, w), 1.4, 12) * rng.uniform(3, 9))
        return np.clip(base + 0.08 * grain + 0.03 * fractal(rng, (h, w), 0.8, 6), 0, 1)
    if kind == 1:
        return np.clip(base + rng.uniform(0.03, 0.15) * grating(rng, (h, w)), 0, 1)
    if kind == 2:
        size = np.exp(rng.uniform(np.log(4), np.log(30)))
        return dead_leaves(rng, (h, w), n=800, smallest=size, largest=200)
    return np.clip(
        base + rng.uniform(0.01, 0.15) * fractal(rng, (h, w), rng.uniform(0.4, 1.8)), 0, 1
    )


def _corners(rng: np.random.Generator, centre: np.ndarray, w: float, h: float) -> np.ndarray:
    turn = rng.normal(0, 0.35) if rng.random() < 0.8 else rng.random() * 7
    c, s = np.cos(turn), np.sin(turn)
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    corners = corners @ np.array([[c, s], [-s, c]]) * (1 + rng.uniform(-0.12, 0.12, (4, 2)))
    return corners + centre


def table(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Printed sheets, boxes, bottles and round things on a surface."""
    canvas = ground(rng, h, w)
    for _ in range(int(rng.integers(1, 5))):
        centre = rng.normal((w / 2, h / 2), (w / 6, h / 6))
        size = min(h, w) * rng.uniform(0.3, 0.95)
        shadow = outline(rng, "ellipse", size * 0.5) + centre + size * 0.1
        paste(canvas, shadow.astype(np.float32), float(rng.uniform(0, 0.3)), size / 12)
        kind = rng.integers(5)
        if kind < 2:
            _flat(rng, canvas, centre, size)
        elif kind == 2:
            _box(rng, canvas, centre, size)
        elif kind == 3:
            _bottle(rng, canvas, centre, size)
        else:
            _round(rng, canvas, centre, size)
    return canvas


def _flat(rng: np.random.Generator, canvas: np.ndarray, centre: np.ndarray, size: float) -> None:
    ratio = rng.uniform(0.5, 1.0)
    printed = sheet(rng, 620, int(620 * ratio))
    warp_into(canvas, printed, _corners(rng, centre, size * ratio, size))


def _box(rng: np.random.Generator, canvas: np.ndarray, centre: np.ndarray, size: float) -> None:
    w, h, deep = size * rng.uniform(0.3, 0.6, 3)
    a = centre + np.array([[-w, -h], [w * 0.3, -h * 0.8], [w * 0.3, h], [-w, h * 0.7]])
    up = np.array([deep * rng.uniform(0.3, 0.9), -deep * rng.uniform(0.2, 0.7)])
    faces = (a, [a[1], a[1] + up, a[2] + up, a[2]], [a[0], a[0] + up, a[1] + up, a[1]])
    for corners, light in zip(faces, rng.uniform(0.45, 1, 3), strict=True):
        warp_into(canvas, sheet(rng, 400, 360) * light, np.array(corners))


def _bottle(rng: np.random.Generator, canvas: np.ndarray, centre: np.ndarray, size: float) -> None:
    """A cylinder with a label around it, darker at its sides, with highlights."""
    n = 400
    around = np.arcsin(np.linspace(-0.999, 0.999, n)) / np.pi + 0.5
    body = np.full((600, n), rng.uniform(0.05, 0.6), np.float32)
    label, top = sheet(rng, 380, 640), int(rng.integers(60, 200))
    columns = (around * 639).astype(np.float32)[None].repeat(380, 0)
    rows = np.arange(380, dtype=np.float32)[:, None].repeat(n, 1)
    body[top : top + 380] = cv2.remap(label, columns, rows, cv2.INTER_LINEAR)
    x = np.linspace(-1, 1, n, dtype=np.float32)
    shade = 0.35 + 0.65 * np.sqrt(1 - x**2) * (1 + 0.3 * x * rng.choice([-1, 1]))
    body = np.clip(body * shade + 0.4 * np.exp(-((x - rng.uniform(-0.6, 0.6)) ** 2) / 0.004), 0, 1)
    tall = size * rng.uniform(1, 1.5)
    warp_into(canvas, body, _corners(rng, centre, size * 0.5, tall))


def _round(rng: np.random.Generator, canvas: np.ndarray, centre: np.ndarray, size: float) -> None:
    """A ball, fruit, stone or toy: textured blobs, shaded as if round."""
    h, w = canvas.shape
    texture = palette(rng, 1, max(h, w))[0]
    for _ in range(int(rng.integers(1, 6))):
        radius = size * rng.uniform(0.12, 0.4)
        at = centre + rng.normal(0, size / 5, 2)
        blob = outline(rng, str(rng.choice(["ellipse", "blob", "polygon"])), radius)
        x0, y0 = np.maximum((blob.min(axis=0) + at).astype(int) - 2, 0)
        y, x = np.mgrid[y0 : y0 + int(2.5 * radius) + 8, x0 : x0 + int(2.5 * radius) + 8]
        away = np.hypot(x - at[0] + radius * 0.3, y - at[1] + radius * 0.3) / radius
        fill = rng.uniform(0.3, 1) * np.sqrt(np.clip(1.2 - 0.6 * away**2, 0.02, 1))
        part = texture[: fill.shape[0], : fill.shape[1]]
        if part.shape == fill.shape:
            fill = fill * (1 + rng.uniform(0.02, 0.3) * part)
        fill = fill + 0.5 * np.exp(-(away**2) / 0.02) * (rng.random() < 0.4)
        paste(canvas, (blob + at).astype(np.float32), fill.clip(0, 1).astype(np.float32), 0.6)


def room(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Things behind each other, with texture: indoors, a shelf, a market, a heap."""
    smallest, largest = np.exp(rng.uniform(np.log(4), np.log(40))), rng.uniform(80, 350)
    outlines = ("box", "box", "ellipse", "polygon", "blob") if rng.random() < 0.5 else None
    kinds = {"outlines": outlines} if outlines else {}
    return dead_leaves(rng, (h, w), n=1500, smallest=smallest, largest=largest, **kinds)


def plants(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Leaves of several sizes, far and near, with sky between."""
    canvas = np.clip(rng.uniform(0.3, 0.9) + 0.1 * fractal(rng, (h, w), 1.6), 0, 1)
    for size in sorted(np.exp(rng.uniform(np.log(3), np.log(28), int(rng.integers(1, 4))))):
        leaves = foliage(rng, (h, w), float(size))
        where = fractal(rng, (h, w), 1.6) > rng.uniform(-1, 0.3)
        mask = cv2.GaussianBlur(where.astype(np.float32), (0, 0), 1.0)
        canvas += mask * (leaves - canvas)
    return canvas


def print_close(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A sheet that fills the picture, or a page of text."""
    if rng.random() < 0.8:
        return sheet(rng, h, w)
    page = np.full((h, w), rng.uniform(0.7, 1), np.float32)
    for x in range(20, w - 100, w // int(rng.integers(1, 5)) + 1):
        text_block(rng, page, (x, 20, min(w - 10, x + w // 3), h - 20), float(rng.uniform(0, 0.3)))
    return page


def natural(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Ground, rock, water, clouds: fractal noise with edges, lit as a relief."""
    field = fractal(rng, (h, w), rng.uniform(1.0, 1.8), float(rng.choice([0.4, 1, 1, 3])))
    if rng.random() < 0.5:
        field = np.abs(field) if rng.random() < 0.5 else np.tanh(field * rng.uniform(1, 6))
    gx, gy = cv2.Sobel(field, cv2.CV_32F, 1, 0), cv2.Sobel(field, cv2.CV_32F, 0, 1)
    turn = rng.random() * 7
    lit = gx * np.cos(turn) + gy * np.sin(turn)
    mix = rng.random()
    picture = mix * field / 4 + (1 - mix) * lit / max(4 * float(lit.std()), 1e-6)
    return np.clip(rng.uniform(0.3, 0.7) + picture + 0.03 * fractal(rng, (h, w), 0.6), 0, 1)


def wall(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A facade from near by, seen somewhat from the side."""
    canvas = ground(rng, h, w)
    spread = rng.uniform(0, 0.25, (4, 2)) * (w, h)
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]]) + spread * [
        [-1, -1],
        [1, -1],
        [1, 1],
        [-1, 1],
    ]
    warp_into(
        canvas, facade(rng, int(rng.integers(350, 800)), int(rng.integers(350, 900))), corners
    )
    if rng.random() < 0.3:
        _tree(rng, canvas, h * 0.9)
    return canvas


def photographed(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """Expose a scene (h, w) as a camera would; return grey bytes."""
    h, w = scene.shape
    y, x = np.mgrid[:h, :w].astype(np.float32) / max(h, w) - 0.5
    turn = rng.random() * 7
    light = 1 + rng.uniform(0, 0.5) * (x * np.cos(turn) + y * np.sin(turn))
    light = light * (1 - rng.uniform(0, 0.6) * (x**2 + y**2))
    seen = np.clip(scene, 0, 1) * light
    if rng.random() < 0.15:  # a light source in the lens
        at = rng.uniform(-0.4, 0.4, 2)
        seen = seen + rng.uniform(0.1, 0.6) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 0.02)
    blur = rng.gamma(2, 0.35)
    if blur > 0.3:
        seen = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), float(blur))
    if rng.random() < 0.08:  # the camera moved
        kernel = np.zeros((9, 9), np.float32)
        shift = rng.integers(-4, 5, 2)
        cv2.line(kernel, (4, 4), (int(4 + shift[0]), int(4 + shift[1])), 1.0)
        seen = cv2.filter2D(seen.astype(np.float32), -1, kernel / max(float(kernel.sum()), 1.0))
    if rng.random() < 0.4:  # sharpened by the camera
        soft = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 1.2)
        seen = seen + rng.uniform(0.2, 1.2) * (seen - soft)
    low, high = np.quantile(seen, [0.01, 0.99])
    seen = np.clip((seen - low) / max(float(high - low), 0.05), 0, 1) ** rng.uniform(0.6, 1.5)
    dark, bright = rng.uniform(0, 0.2), rng.uniform(0.75, 1)
    seen = dark + seen * (bright - dark)
    seen = seen + rng.normal(0, 1, seen.shape).astype(np.float32) * rng.gamma(1.5, 0.008)
    return np.asarray(np.rint(seen.clip(0, 1) * 255), np.uint8)


SCENES: dict[str, tuple[float, Callable[[np.random.Generator, int, int], np.ndarray]]] = {
    "street": (0.3, street),
    "wall": (0.15, wall),
    "table": (0.2, table),
    "print": (0.13, print_close),
    "room": (0.12, room),
    "plants": (0.05, plants),
    "natural": (0.05, natural),
}
"""How each kind of scene is drawn, and its share of all pictures."""
