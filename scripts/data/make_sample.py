#!/usr/bin/env python3
"""Draw `data/sample`: made-up posters, labels, logos and covers, each "photographed" five times.

Everything is drawn with OpenCV from a seed, so the pictures are free of anybody's rights and the
script gives the same objects again.

    python scripts/data/make_sample.py [--output data/sample] [--seed 7]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

PHOTOS = 5
PER_KIND = 6
WORDS = (
    "NORTH HARBOUR|Golden Finch|MIDNIGHT EXPRESS|Alpine Honey|Velvet Orbit|RIVER & STONE|"
    "Copper Kettle|BLUE MERIDIAN|Paper Lantern|Wild Juniper|IRON ORCHARD|Silver Tide|"
    "Crimson Atlas|OLD QUARRY|Lemon Grove|Echo Valley|TIN SOLDIER|Morning Ferry|"
    "Amber Comet|GREEN ANVIL|Salt & Cedar|Tulip Market|STORM PETREL|Fox & Fiddle"
).split("|")
LINES = (
    "international festival|cold pressed since 1894|a novel in three parts|live at the old mill|"
    "product of the highlands|limited edition No. 7|the complete recordings|open every sunday|"
    "shaken, not stirred|hand picked and dried|season of light|second printing"
).split("|")
FONTS = (
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def colour(rng: np.random.Generator, dark: bool) -> tuple[int, int, int]:
    """A dark or a light colour (blue, green, red)."""
    hue = rng.integers(0, 180)
    value = rng.integers(40, 120) if dark else rng.integers(200, 256)
    saturation = rng.integers(120, 256) if dark else rng.integers(20, 130)
    pixel = np.uint8([[[hue, saturation, value]]])
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0]
    return int(blue), int(green), int(red)


def write(canvas: np.ndarray, text: str, y: int, width: int, font: int, ink: tuple) -> None:
    """Write a line of text, centred at height `y` and `width` pixels wide."""
    (unit, _), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = width / unit
    thickness = max(1, round(scale * 2.2))
    (w, h), _ = cv2.getTextSize(text, font, scale, thickness)
    origin = ((canvas.shape[1] - w) // 2, y + h // 2)
    cv2.putText(canvas, text, origin, font, scale, ink, thickness, cv2.LINE_AA)


def grain(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> np.ndarray:
    """Smooth noise between 0 and 1 with features of about `cell` pixels."""
    small = rng.random((max(2, shape[0] // cell), max(2, shape[1] // cell))).astype(np.float32)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def pattern(rng: np.random.Generator, canvas: np.ndarray, ink: tuple) -> None:
    """Cover the canvas with one of several regular textures."""
    h, w = canvas.shape[:2]
    kind = rng.integers(0, 4)
    step = int(rng.integers(26, 60))
    if kind == 0:
        for x in range(-h, w, step):
            cv2.line(canvas, (x, 0), (x + h, h), ink, max(2, step // 6), cv2.LINE_AA)
    elif kind == 1:
        for y in range(0, h, step):
            for x in range(y // step % 2 * step // 2, w, step):
                cv2.circle(canvas, (x, y), step // 5, ink, -1, cv2.LINE_AA)
    elif kind == 2:
        for radius in range(step, h + w, step):
            cv2.circle(canvas, (w // 3, h // 4), radius, ink, step // 7 + 1, cv2.LINE_AA)
    else:
        for _ in range(90):
            centre = tuple(int(v) for v in rng.integers(0, (w, h)))
            axes = tuple(int(v) for v in rng.integers(4, step, 2))
            cv2.ellipse(canvas, centre, axes, int(rng.integers(180)), 0, 360, ink, 2, cv2.LINE_AA)


def emblem(rng: np.random.Generator, canvas: np.ndarray, centre: tuple, radius: int) -> None:
    """Draw a made-up sign: a disc with a star, a mountain or a wave, and small shapes around."""
    x, y = centre
    dark, light = colour(rng, True), colour(rng, False)
    cv2.circle(canvas, centre, radius, dark, -1, cv2.LINE_AA)
    cv2.circle(canvas, centre, int(radius * 0.88), light, 3, cv2.LINE_AA)
    kind = rng.integers(0, 4)
    if kind == 0:
        points = int(rng.integers(5, 9))
        angles = np.arange(2 * points) * np.pi / points + rng.random()
        lengths = np.where(np.arange(2 * points) % 2, 0.35, 0.75) * radius
        star = np.stack([x + lengths * np.cos(angles), y + lengths * np.sin(angles)], 1)
        cv2.fillPoly(canvas, [star.astype(np.int32)], light, cv2.LINE_AA)
    elif kind == 1:
        for shift, height in ((-0.35, 0.5), (0.3, 0.65), (0.0, 0.35)):
            peak = np.array([[-0.35, 0.45], [0.0, 0.45 - height * 1.4], [0.35, 0.45]])
            peak = (peak + np.array([shift, 0.0])) * radius * 0.95 + centre
            cv2.fillPoly(canvas, [peak.astype(np.int32)], colour(rng, False), cv2.LINE_AA)
    elif kind == 2:
        for row in range(-3, 4):
            t = np.linspace(-0.6, 0.6, 60)
            wave = np.stack([t, 0.18 * row + 0.07 * np.sin(t * 14 + row)], 1) * radius + centre
            cv2.polylines(canvas, [wave.astype(np.int32)], False, light, 5, cv2.LINE_AA)
    else:
        letter = chr(int(rng.integers(65, 91)))
        scale = radius / 17
        (w, h), _ = cv2.getTextSize(letter, FONTS[0], scale, int(scale * 3))
        at = (x - w // 2, y + h // 2)
        cv2.putText(canvas, letter, at, FONTS[0], scale, light, int(scale * 3), cv2.LINE_AA)
    for angle in np.arange(0, 2 * np.pi, 2 * np.pi / int(rng.integers(8, 20))):
        spot = int(x + radius * 1.13 * np.cos(angle)), int(y + radius * 1.13 * np.sin(angle))
        cv2.circle(canvas, spot, max(3, radius // 18), dark, -1, cv2.LINE_AA)


def skyline(rng: np.random.Generator, canvas: np.ndarray, top: int) -> None:
    """Draw houses with windows from height `top` to the lower edge."""
    h, w = canvas.shape[:2]
    x = 0
    while x < w:
        width, rise = int(rng.integers(50, 110)), int(rng.integers(0, (h - top) // 2))
        wall = colour(rng, True)
        cv2.rectangle(canvas, (x, top + rise), (x + width, h), wall, -1)
        for wy in range(top + rise + 12, h - 14, 26):
            for wx in range(x + 9, x + width - 14, 22):
                if rng.random() < 0.75:
                    lamp = (90, 220, 250) if rng.random() < 0.6 else (60, 60, 60)
                    cv2.rectangle(canvas, (wx, wy), (wx + 11, wy + 14), lamp, -1)
        x += width


def poster(rng: np.random.Generator, title: str, line: str) -> np.ndarray:
    """A tall sheet with a large title, an emblem and a skyline."""
    canvas = np.full((840, 600, 3), colour(rng, False), np.uint8)
    tone = tuple(int(v * 0.86) for v in canvas[0, 0])
    pattern(rng, canvas, tone)
    skyline(rng, canvas, 600)
    emblem(rng, canvas, (300, 370), int(rng.integers(120, 165)))
    ink = colour(rng, True)
    write(canvas, title, 90, 540, FONTS[rng.integers(3)], ink)
    write(canvas, line, 165, 400, FONTS[rng.integers(4)], ink)
    write(
        canvas,
        f"{rng.integers(1, 29)}.{rng.integers(1, 13)}.  hall {rng.integers(1, 9)}",
        560,
        300,
        FONTS[1],
        ink,
    )
    return canvas


def label(rng: np.random.Generator, title: str, line: str) -> np.ndarray:
    """A bottle's label: frames, an emblem, a title, small print and a bar code."""
    canvas = np.full((640, 560, 3), colour(rng, False), np.uint8)
    ink = colour(rng, True)
    for inset, thickness in ((14, 8), (30, 2), (38, 2)):
        cv2.rectangle(canvas, (inset, inset), (560 - inset, 640 - inset), ink, thickness)
    emblem(rng, canvas, (280, 170), 92)
    write(canvas, title, 335, 450, FONTS[rng.integers(4)], ink)
    write(canvas, line, 400, 330, FONTS[1], ink)
    cv2.line(canvas, (90, 440), (470, 440), ink, 3)
    for row in range(4):
        text = " ".join(rng.choice(LINES, 2))[:46]
        cv2.putText(canvas, text, (70, 470 + 22 * row), FONTS[1], 0.5, ink, 1, cv2.LINE_AA)
    x = 330
    while x < 480:
        bar = int(rng.integers(2, 7))
        cv2.rectangle(canvas, (x, 555), (x + bar, 600), (20, 20, 20), -1)
        x += bar + int(rng.integers(2, 7))
    write(canvas[:, :300], f"{rng.integers(20, 100)}0 ml", 578, 120, FONTS[0], ink)
    return canvas


def logo(rng: np.random.Generator, title: str, line: str) -> np.ndarray:
    """A sign board: overlapping shapes and a name."""
    canvas = np.full((460, 680, 3), colour(rng, False), np.uint8)
    for _ in range(14):
        points = rng.integers((20, 20), (660, 300), (int(rng.integers(3, 6)), 2)).astype(np.int32)
        layer = canvas.copy()
        cv2.fillPoly(layer, [cv2.convexHull(points)], colour(rng, bool(rng.integers(2))))
        cv2.addWeighted(layer, 0.7, canvas, 0.3, 0, canvas)
        cv2.polylines(canvas, [cv2.convexHull(points)], True, colour(rng, True), 3, cv2.LINE_AA)
    emblem(rng, canvas, (int(rng.integers(150, 530)), 160), 88)
    ink = colour(rng, True)
    cv2.rectangle(canvas, (0, 315), (680, 460), colour(rng, False), -1)
    write(canvas, title, 360, 600, FONTS[rng.integers(3)], ink)
    write(canvas, line, 425, 420, FONTS[rng.integers(4)], ink)
    cv2.rectangle(canvas, (4, 4), (675, 455), ink, 8)
    return canvas


def cover(rng: np.random.Generator, title: str, line: str) -> np.ndarray:
    """A book's or record's cover: a landscape, a pattern and a title band."""
    canvas = np.zeros((640, 640, 3), np.uint8)
    above, below = np.array(colour(rng, False)), np.array(colour(rng, True))
    fade = np.linspace(0, 1, 640)[:, None, None]
    canvas[:] = above * (1 - fade) + below * fade
    cv2.circle(
        canvas,
        tuple(int(v) for v in rng.integers((120, 120), (520, 260))),
        int(rng.integers(50, 100)),
        colour(rng, False),
        -1,
        cv2.LINE_AA,
    )
    for depth in range(5):
        ridge = 300 + 60 * depth + 110 * (grain(rng, (1, 640), 30 + 12 * depth)[0] - 0.5)
        land = np.vstack([np.stack([np.arange(640), ridge], 1), [[640, 640], [0, 640]]])
        cv2.fillPoly(canvas, [land.astype(np.int32)], colour(rng, True), cv2.LINE_AA)
        for _ in range(16):
            x = int(rng.integers(0, 640))
            foot, size = int(ridge[x]) + 8, int(rng.integers(14, 38))
            tree = np.array([[x - size // 3, foot], [x, foot - size], [x + size // 3, foot]])
            cv2.fillPoly(canvas, [tree], colour(rng, True), cv2.LINE_AA)
    band = int(rng.integers(420, 540))
    cv2.rectangle(canvas, (0, band - 55), (640, band + 62), colour(rng, False), -1)
    ink = colour(rng, True)
    write(canvas, title, band - 8, 560, FONTS[rng.integers(4)], ink)
    write(canvas, line, band + 42, 340, FONTS[1], ink)
    return canvas


KINDS: dict[str, Callable[[np.random.Generator, str, str], np.ndarray]] = {
    "poster": poster,
    "label": label,
    "logo": logo,
    "cover": cover,
}


def surface(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A table or wall to photograph on: wood, plaster or tiles, with clutter."""
    base = np.array(colour(rng, bool(rng.integers(2))), np.float32)
    kind = rng.integers(0, 3)
    if kind == 0:
        stripes = grain(rng, (h, w), 9).mean(axis=1, keepdims=True)
        texture = 0.6 * np.sin(40 * stripes + 6 * grain(rng, (h, w), 120)) + grain(rng, (h, w), 4)
    else:
        texture = grain(rng, (h, w), 3) + grain(rng, (h, w), 24)
    canvas = base + 40 * (texture - texture.mean())[:, :, None]
    canvas = canvas.clip(0, 255).astype(np.uint8)
    if kind == 2:
        tile = int(rng.integers(50, 110))
        for at in range(0, max(h, w), tile):
            cv2.line(canvas, (at, 0), (at, h), (90, 95, 100), 3)
            cv2.line(canvas, (0, at), (w, at), (90, 95, 100), 3)
    for _ in range(int(rng.integers(4, 12))):
        clutter(rng, canvas, tuple(int(v) for v in rng.integers((0, 0), (w, h))))
    return canvas


def clutter(rng: np.random.Generator, canvas: np.ndarray, at: tuple) -> None:
    """Draw a coin, a pen or a slip of paper."""
    kind = rng.integers(0, 3)
    tone = colour(rng, bool(rng.integers(2)))
    if kind == 0:
        cv2.circle(canvas, at, 24, tone, -1, cv2.LINE_AA)
        cv2.circle(canvas, at, 19, (60, 60, 60), 2, cv2.LINE_AA)
        text = str(rng.integers(1, 99))
        cv2.putText(canvas, text, (at[0] - 12, at[1] + 8), FONTS[1], 0.7, (50, 50, 50), 2)
    elif kind == 1:
        turn = rng.random() * 2 * np.pi
        tip = int(at[0] + 130 * np.cos(turn)), int(at[1] + 130 * np.sin(turn))
        cv2.line(canvas, at, tip, tone, 11, cv2.LINE_AA)
        cv2.circle(canvas, tip, 4, (30, 30, 30), -1, cv2.LINE_AA)
    else:
        box = cv2.boxPoints((at, (90, 60), float(rng.integers(0, 90)))).astype(np.int32)
        cv2.fillPoly(canvas, [box], tone, cv2.LINE_AA)
        for row in range(3):
            start = (int(at[0] - 28), int(at[1] - 14 + 13 * row))
            cv2.line(canvas, start, (start[0] + 55, start[1]), (90, 90, 90), 2)


def photograph(rng: np.random.Generator, drawn: np.ndarray, hard: float) -> np.ndarray:
    """Photograph an object; `hard` from 0 to 1 says how badly."""
    w, h = (640, 480) if rng.random() < 0.5 else (480, 640)
    canvas = surface(rng, h, w)
    dh, dw = drawn.shape[:2]
    size = (0.88 - 0.4 * hard * rng.random()) * min(w / dw, h / dh)
    turn = np.deg2rad(rng.normal(0, 4 + 14 * hard))
    if hard > 0.8:
        turn += rng.choice([0, np.pi / 2, -np.pi / 2])
        size *= 0.85
    corners = np.array([[-dw, -dh], [dw, -dh], [dw, dh], [-dw, dh]]) / 2 * size
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners *= 1 + rng.uniform(-0.16, 0.16, (4, 2)) * hard
    corners += (w / 2, h / 2) + rng.uniform(-0.06, 0.06, 2) * (w, h)
    matrix = cv2.getPerspectiveTransform(
        np.float32([[0, 0], [dw, 0], [dw, dh], [0, dh]]), corners.astype(np.float32)
    )
    mask = cv2.warpPerspective(np.full((dh, dw), 255, np.uint8), matrix, (w, h))
    shadow = cv2.GaussianBlur(np.roll(mask, (7, 9), (0, 1)), (0, 0), 8)[:, :, None] / 255
    canvas = (canvas * (1 - 0.5 * shadow)).astype(np.uint8)
    warped = cv2.warpPerspective(drawn, matrix, (w, h), flags=cv2.INTER_AREA)
    blend = cv2.GaussianBlur(mask, (3, 3), 0)[:, :, None] / 255
    canvas = (warped * blend + canvas * (1 - blend)).astype(np.uint8)
    for _ in range(rng.binomial(4, 0.25 + 0.5 * hard)):
        clutter(rng, canvas, tuple(int(v) for v in rng.normal((w / 2, h / 2), (w / 5, h / 5))))
    y, x = np.mgrid[0:h, 0:w] / max(h, w)
    direction = rng.random() * 2 * np.pi
    light = 1 + (0.15 + 0.4 * hard) * (
        (x - 0.5) * np.cos(direction) + (y - 0.5) * np.sin(direction)
    )
    tint = 1 + rng.uniform(-0.1, 0.1, 3) * hard
    picture = canvas * light[:, :, None] * tint * rng.uniform(1 - 0.35 * hard, 1.1)
    if rng.random() < 0.3 + 0.4 * hard:
        centre = rng.uniform((0.25, 0.25), (0.75, 0.75)) * (w / max(h, w), h / max(h, w))
        glare = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 0.008)
        picture += 110 * hard * glare[:, :, None]
    picture = cv2.GaussianBlur(picture, (0, 0), 0.4 + 1.0 * hard * rng.random())
    picture += rng.normal(0, 2 + 7 * hard, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def main() -> None:
    """Draw all pictures and their ground truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("data/sample"))
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    groups = []
    for kind_number, (kind, draw) in enumerate(KINDS.items()):
        for number in range(PER_KIND):
            serial = kind_number * PER_KIND + number
            rng = np.random.default_rng((options.seed, serial))
            drawn = draw(rng, WORDS[serial], LINES[serial % len(LINES)])
            names = []
            for shot in range(PHOTOS):
                picture = photograph(rng, drawn, shot / (PHOTOS - 1))
                name = f"{kind}s/{kind}_{number + 1:02d}_{shot + 1}.jpg"
                path = options.output / name
                path.parent.mkdir(parents=True, exist_ok=True)
                quality = int(rng.integers(60, 93))
                cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
                names.append(name)
            groups.append(names)
    queries = [
        {
            "image": name,
            "bbox": None,
            "positive": [other for other in names if other != name],
            "junk": [name],
            "object": names[0].rsplit("_", 1)[0],
        }
        for names in groups
        for name in names
    ]
    truth = {
        "note": "each photograph against the four others of its object; queries ignore themselves",
        "images": [name for names in groups for name in names],
        "queries": queries,
    }
    (options.output / "gnd.json").write_text(json.dumps(truth, indent=1) + "\n")
    print(f"{sum(map(len, groups))} pictures of {len(groups)} objects in {options.output}")


if __name__ == "__main__":
    main()
