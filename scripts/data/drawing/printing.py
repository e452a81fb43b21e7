"""Ink on paper: text in many scripts, engravings, halftone, signs and sheets that join them.

Letters come from DejaVu, STIX and Computer Modern, free fonts that matplotlib brings, and from the
font "uni" that OpenCV 5 brings (Chinese, Japanese, Korean).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .noise import OUTLINES, dead_leaves, fractal, outline, palette, paste

_SANS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique")
_ALL = (
    *_SANS,
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSansMono-Bold"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
)
_LATIN_ONLY = ("cmr10", "cmb10", "cmss10", "cmti10", "cmtt10")
# First and last letters, and the fonts that have them.
SCRIPTS: dict[str, tuple[tuple[tuple[int, int], ...], tuple[str, ...]]] = {
    "latin": (((0x61, 0x7A),), _ALL + _LATIN_ONLY),
    "capitals": (((0x41, 0x5A),), _ALL + _LATIN_ONLY),
    "digits": (((0x30, 0x39),), _ALL),
    "accents": (((0xC0, 0xD6), (0xE0, 0xF6)), _ALL),
    "greek": (((0x391, 0x3A1), (0x3B1, 0x3C9)), _ALL),
    "cyrillic": (((0x410, 0x44F),), _ALL),
    "armenian": (((0x531, 0x556), (0x561, 0x586)), _SANS[:2]),
    "georgian": (((0x10D0, 0x10F0),), _SANS[:2]),
    "hebrew": (((0x5D0, 0x5EA),), _SANS[:2]),
    "arabic": (((0x628, 0x63A), (0x641, 0x64A)), _SANS[:2]),
    "lao": (((0xE81, 0xE82), (0xE94, 0xE97), (0xE99, 0xE9F)), _SANS[:2]),
    "kana": (((0x3041, 0x3093), (0x30A1, 0x30F3)), ()),
    "hangul": (((0xAC00, 0xC7A3),), ()),
    "han": (((0x4E00, 0x7FFF),), ()),
}
_FREQUENT = ("latin", "latin", "latin", "capitals", "capitals", "capitals", "digits", "cyrillic")


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts/ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def line_of_text(rng: np.random.Generator, script: str, n: int, font: str, size: int) -> np.ndarray:
    """Some words of `n` letters together, as ink (1) on nothing (0), cut to its size."""
    ranges, _ = SCRIPTS[script]
    letters = [chr(c) for first, last in ranges for c in range(first, last + 1)]
    text, left = "", n
    while left > 0:
        word = "".join(rng.choice(letters, min(left, int(rng.integers(2, 10)))))
        if script == "latin" and rng.random() < 0.3:
            word = word.capitalize()
        text, left = f"{text} {word}".strip(), left - len(word)
    if not font:
        canvas = np.zeros((2 * size, int(1.6 * size * len(text)) + size, 3), np.uint8)
        face = cv2.FontFace("uni")
        weight = int(rng.choice([300, 400, 800]))
        cv2.putText(canvas, text, (4, int(1.4 * size)), (255, 255, 255), face, size, weight)
        drawn = canvas[:, :, 0]
    else:
        box = _font(font, size).getbbox(text)
        picture = Image.new("L", (int(box[2]) + 8, int(box[3]) + 8))
        ImageDraw.Draw(picture).text((4, 4), text, 255, _font(font, size))
        drawn = np.asarray(picture)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if len(rows) == 0:
        return np.zeros((size, size), np.float32)
    part = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return part.astype(np.float32) / 255


def put(canvas: np.ndarray, ink: np.ndarray, x: int, y: int, tone: float) -> None:
    """Lay ink of a tone on a canvas, with its top left corner at `x`, `y`."""
    h, w = canvas.shape
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + ink.shape[1], w), min(y + ink.shape[0], h)
    if x0 < x1 and y0 < y1:
        part = canvas[y0:y1, x0:x1]
        part += ink[y0 - y : y1 - y, x0 - x : x1 - x] * (tone - part)


def text_block(
    rng: np.random.Generator, canvas: np.ndarray, box: tuple[int, int, int, int], tone: float
) -> None:
    """Fill a box ``x0, y0, x1, y1`` with lines of text of one size and script."""
    x0, y0, x1, y1 = box
    script = str(rng.choice(_FREQUENT if rng.random() < 0.7 else list(SCRIPTS)))
    fonts = SCRIPTS[script][1]
    font = str(rng.choice(fonts)) if fonts else ""
    size = int(np.exp(rng.uniform(np.log(9), np.log(max(14, min(90, (y1 - y0) * 0.9))))))
    spacing, centred = rng.uniform(1.15, 1.7), rng.random() < 0.4
    y = y0
    while y + size < y1:
        n = max(1, int((x1 - x0) / (size * 0.6) * rng.uniform(0.7, 1)))
        ink = line_of_text(rng, script, n, font, size)
        if ink.shape[1] > x1 - x0:
            ink = ink[:, : x1 - x0]
        put(canvas, ink, x0 + (x1 - x0 - ink.shape[1]) // 2 if centred else x0, y, tone)
        y += int(size * spacing)


def title(
    rng: np.random.Generator, canvas: np.ndarray, box: tuple[int, int, int, int], tone: float
) -> None:
    """Write a few large letters as wide as a box: plain, outlined, with shadow, or bent."""
    x0, y0, x1, y1 = box
    script = str(rng.choice(_FREQUENT if rng.random() < 0.75 else list(SCRIPTS)))
    fonts = SCRIPTS[script][1]
    ink = line_of_text(
        rng, script, int(rng.integers(3, 14)), str(rng.choice(fonts)) if fonts else "", 96
    )
    size = (
        x1 - x0,
        int(np.clip((x1 - x0) * ink.shape[0] / ink.shape[1] * rng.uniform(0.8, 2), 8, y1 - y0)),
    )
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:  # bent along an arc
        x = np.linspace(-1, 1, size[0], dtype=np.float32)[None].repeat(size[1], 0)
        y = np.arange(size[1], dtype=np.float32)[:, None] + rng.uniform(-0.3, 0.3) * size[1] * x**2
        columns = np.arange(size[0], dtype=np.float32)[None].repeat(size[1], 0)
        ink = cv2.remap(ink, columns, y, cv2.INTER_LINEAR)
    kind = rng.integers(4)
    if kind == 0:
        put(canvas, ink, x0 + 3, y0 + 3, 1 - tone)
    elif kind == 1:
        wide = cv2.dilate(ink, np.ones((5, 5), np.uint8))
        put(canvas, wide, x0, y0, 1 - tone)
    put(canvas, ink, x0, y0, tone)


def engraved(rng: np.random.Generator, tones: np.ndarray) -> np.ndarray:
    """Draw grey tones by lines whose width follows the tone, in one to three directions."""
    y, x = np.mgrid[: tones.shape[0], : tones.shape[1]].astype(np.float32)
    paper = np.ones(tones.shape, np.float32)
    turn, period = rng.random() * np.pi, rng.uniform(3.5, 9)
    bend = fractal(rng, tones.shape, 2) * rng.uniform(0, 2)
    for layer in range(int(rng.integers(1, 4))):
        angle = turn + layer * rng.uniform(0.5, 1.5)
        wave = np.cos((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period + bend)
        dark = np.clip(1.3 - tones - 0.3 * layer, 0, 1)
        paper *= 1 - 1 / (1 + np.exp(-(wave - 1 + 2 * dark) * period))
    return paper


def halftone(rng: np.random.Generator, tones: np.ndarray) -> np.ndarray:
    """Draw grey tones by dots of a screen."""
    y, x = np.mgrid[: tones.shape[0], : tones.shape[1]].astype(np.float32)
    turn, period = rng.random() * np.pi, rng.uniform(3, 8)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    screen = (np.cos(u * 2 * np.pi / period) * np.cos(v * 2 * np.pi / period) + 1) / 2
    return np.asarray(1 / (1 + np.exp((screen - tones) * 3 * period)), np.float32)


def bar_code(rng: np.random.Generator, canvas: np.ndarray, x: int, y: int, w: int, h: int) -> None:
    """Draw a bar code, or a square code."""
    if rng.random() < 0.3:
        cells = (rng.random((21, 21)) < 0.5).astype(np.float32)
        code = cv2.resize(cells, (min(w, h), min(w, h)), interpolation=cv2.INTER_NEAREST)
        put(canvas, np.ones_like(code), x, y, 1.0)
        put(canvas, code, x, y, 0.05)
        return
    bars = np.repeat(np.arange(60) % 2, rng.integers(1, 4, 60))[None].astype(np.float32)
    put(canvas, np.ones((h, w), np.float32), x, y, 1.0)
    put(
        canvas,
        cv2.resize(bars, (w - 8, h - 8), interpolation=cv2.INTER_NEAREST),
        x + 4,
        y + 4,
        0.05,
    )


def sign(rng: np.random.Generator, canvas: np.ndarray, x: float, y: float, size: float) -> None:
    """Draw an invented mark: shapes within shapes, some of them around a centre."""
    tone, fold = rng.random(), int(rng.integers(1, 9))
    for ring in range(int(rng.integers(2, 6))):
        points = outline(rng, str(rng.choice(OUTLINES)), size * rng.uniform(0.15, 0.5))
        tone = float((tone + rng.uniform(0.3, 0.7)) % 1)
        away = 0.0 if ring == 0 else size * rng.uniform(0, 0.35)
        for turn in np.arange(fold) * 2 * np.pi / fold:
            c, s = np.cos(turn), np.sin(turn)
            turned = (points + np.array((away, 0))) @ np.array([[c, s], [-s, c]])
            paste(canvas, (turned + np.array((x, y))).astype(np.float32), tone)


def picture(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Tones for a printed picture: shapes, a landscape, or rounded things like faces."""
    if rng.random() < 0.5:
        textures = palette(rng, 2, 160)
        size = rng.uniform(0.02, 0.1) * min(h, w)
        return dead_leaves(
            rng, (h, w), n=250, smallest=size, largest=max(h, w) / 2, textures=textures
        )
    tones = np.linspace(rng.uniform(0.5, 1), rng.random(), h, dtype=np.float32)[:, None].repeat(
        w, 1
    )
    for depth in range(int(rng.integers(3, 9))):
        ridge = h * (0.3 + 0.09 * depth) + h * 0.12 * fractal(rng, (1, w), 1.6)[0]
        ground = np.concatenate([np.stack([np.arange(w), ridge], 1), [[w, h], [0, h]]])
        paste(tones, ground.astype(np.float32), float(rng.random()))
    for _ in range(int(rng.integers(2, 9))):
        at, radius = rng.uniform((0, 0), (w, h)), rng.uniform(0.05, 0.3) * min(h, w)
        tone = float(rng.random())
        for shrink in (1.0, 0.8, 0.55, 0.3):
            blob = outline(rng, "blob", radius) * shrink + at
            paste(
                tones, blob.astype(np.float32), float(np.clip(tone + (1 - shrink) * 0.4, 0, 1)), 3.0
            )
    return np.clip(tones + 0.05 * fractal(rng, (h, w), 1.2), 0, 1)


def sheet(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A printed page: cover, label, newspaper, engraving or poster."""
    dark = rng.random() < 0.35
    paper = rng.uniform(0.05, 0.4) if dark else rng.uniform(0.6, 1)
    ink = float(rng.uniform(0.7, 1) if dark else rng.uniform(0, 0.3))
    canvas = np.full((h, w), paper, np.float32)
    if rng.random() < 0.4:
        canvas = np.clip(0.6 * canvas + 0.4 * picture(rng, h, w), 0, 1)
    for _ in range(int(rng.integers(1, 4))):  # printed pictures
        ph, pw = int(h * rng.uniform(0.15, 0.7)), int(w * rng.uniform(0.2, 0.9))
        tones = picture(rng, ph, pw)
        kind = rng.integers(4)
        tones = engraved(rng, tones) if kind == 0 else halftone(rng, tones) if kind == 1 else tones
        x, y = int(rng.uniform(0, w - pw)), int(rng.uniform(0, h - ph))
        canvas[y : y + ph, x : x + pw] = tones
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform((0.1 * w, 0.1 * h), (0.9 * w, 0.9 * h))
        sign(rng, canvas, x, y, rng.uniform(0.1, 0.5) * min(h, w))
    for _ in range(int(rng.integers(1, 6))):
        x0, y0 = int(rng.uniform(0, 0.6) * w), int(rng.uniform(0, 0.9) * h)
        x1 = min(w - 4, x0 + int(rng.uniform(0.2, 0.95) * w))
        y1 = min(h - 4, y0 + int(rng.uniform(0.06, 0.35) * h))
        if x1 - x0 < 24 or y1 - y0 < 12:
            continue
        if rng.random() < 0.5:  # a band behind the text
            canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * 0.2 + 0.8 * (1 - ink)
        (title if rng.random() < 0.5 else text_block)(rng, canvas, (x0 + 4, y0 + 4, x1, y1), ink)
    if rng.random() < 0.3:
        bar_code(
            rng, canvas, int(rng.uniform(0, 0.7) * w), int(rng.uniform(0, 0.8) * h), w // 5, h // 9
        )
    if rng.random() < 0.4:
        for inset in rng.integers(3, 30, int(rng.integers(1, 4))):
            cv2.rectangle(
                canvas,
                (int(inset),) * 2,
                (w - int(inset), h - int(inset)),
                ink,
                int(rng.integers(1, 6)),
            )
    return canvas
