"""Fields with the statistics of natural pictures: fractal noise and dead leaves.

Dead leaves: shapes of all sizes, as many of each size as keeps the statistics the same at every
scale, fall on each other (Lee, Mumford & Huang, IJCV 2001). Learning from such pictures instead of
photographs: Baradad et al., "Learning to see by looking at noise", NeurIPS 2021.
"""

from __future__ import annotations

import cv2
import numpy as np

OUTLINES = ("ellipse", "box", "triangle", "polygon", "star", "leaf", "blob")


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], slope: float = 1.2, stretch: float = 1.0
) -> np.ndarray:
    """Noise whose amplitude falls as ``frequency ** -slope``, with mean 0 and deviation 1.

    With a `stretch` above 1 it runs along the rows, as the grain of wood.
    """
    h, w = shape
    frequency = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None] * stretch)
    frequency[0, 0] = np.inf
    phase = np.exp(2j * np.pi * rng.random(frequency.shape))
    field = np.fft.irfft2(frequency**-slope * phase, s=shape)
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-9), np.float32)


def grating(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Stripes, checks or a weave of any direction and period, with mean 0 and deviation 1."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    turn, period = rng.random() * np.pi, float(np.exp(rng.uniform(np.log(4), np.log(60))))
    along = (x * np.cos(turn) + y * np.sin(turn)) * (2 * np.pi / period)
    across = (y * np.cos(turn) - x * np.sin(turn)) * (2 * np.pi / period)
    bend = fractal(rng, shape, 1.8) * rng.choice([0.0, 0.3, 1.5])
    waves = np.sin(along + bend)
    kind = rng.integers(4)
    if kind == 1:
        waves = waves * np.sin(across + bend)
    elif kind == 2:
        waves = np.maximum(waves, np.sin(across * rng.uniform(0.3, 1) + bend))
    if rng.random() < 0.5:
        waves = np.tanh(waves * rng.uniform(1, 8))
    return np.asarray((waves - waves.mean()) / max(float(waves.std()), 1e-6), np.float32)


def palette(rng: np.random.Generator, n: int = 4, side: int = 320) -> list[np.ndarray]:
    """Some textures ``(side, side)`` with mean 0 and deviation 1."""
    found = []
    for _ in range(n):
        if rng.random() < 0.65:
            stretch = float(rng.choice([1.0, 1.0, 3.0, 8.0]))
            texture = fractal(rng, (side, side), rng.uniform(0.5, 1.7), stretch)
            texture = texture if rng.random() < 0.6 else np.ascontiguousarray(texture.T)
        else:
            texture = grating(rng, (side, side))
        found.append(texture)
    return found


def outline(rng: np.random.Generator, kind: str, radius: float) -> np.ndarray:
    """Corners ``(n, 2)`` of a shape around the origin."""
    turn = rng.random() * 2 * np.pi
    flat = rng.uniform(0.25, 1.0)
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    if kind == "ellipse":
        points = np.stack([np.cos(t), flat * np.sin(t)], 1)
    elif kind == "box":
        points = np.array([[-1, -flat], [1, -flat], [1, flat], [-1, flat]]) * 0.8
        turn = turn if rng.random() < 0.5 else rng.normal(0, 0.04)
    elif kind == "triangle":
        points = rng.uniform(-1, 1, (3, 2))
    elif kind == "polygon":
        some = np.sort(rng.random(int(rng.integers(4, 9)))) * 2 * np.pi
        points = np.stack([np.cos(some), np.sin(some)], 1)
    elif kind == "star":
        t = np.linspace(0, 2 * np.pi, 2 * int(rng.integers(3, 9)), endpoint=False)
        length = np.where(np.arange(len(t)) % 2, rng.uniform(0.2, 0.7), 1.0)
        points = np.stack([np.cos(t), np.sin(t)], 1) * length[:, None]
    elif kind == "leaf":
        x = np.linspace(-1, 1, 12)
        bow = flat * 0.5 * (1 - x**2)
        points = np.concatenate([np.stack([x, bow], 1), np.stack([x[::-1], -bow[::-1]], 1)])
    else:
        length = 1 + sum(
            rng.normal(0, 0.35 / k) * np.cos(k * t + rng.random() * 7) for k in (2, 3, 5)
        )
        points = np.stack([np.cos(t), np.sin(t)], 1) * length[:, None]
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(points @ turned * radius, np.float32)


def paste(
    canvas: np.ndarray, points: np.ndarray, fill: np.ndarray | float, softness: float = 0.0
) -> None:
    """Fill a polygon ``(n, 2)`` with a grey value, or a texture, mirrored where it is too small."""
    h, w = canvas.shape
    margin = 2 + int(3 * softness)
    x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
    x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin + 1, (w, h))
    if x0 >= x1 or y0 >= y1:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [np.rint((points - (x0, y0)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = mask.astype(np.float32) / 255
    if softness > 0:
        share = cv2.GaussianBlur(share, (0, 0), softness)
    if not isinstance(fill, float):
        fill = fill[: y1 - y0, : x1 - x0]
        lacking = [(0, y1 - y0 - fill.shape[0]), (0, x1 - x0 - fill.shape[1])]
        fill = np.pad(fill, lacking, mode="symmetric")
    part = canvas[y0:y1, x0:x1]
    part += share * (fill - part)


def dead_leaves(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    n: int = 900,
    smallest: float = 3,
    largest: float = 160,
    outlines: tuple[str, ...] = OUTLINES,
    textures: list[np.ndarray] | None = None,
) -> np.ndarray:
    """Shapes with texture and shading that hide each other; sizes fall as ``radius ** -3``.

    At most `n` fall; fewer when they are so large that these would cover the picture four times.
    """
    h, w = shape
    textures = textures or palette(rng)
    side = min(len(t) for t in textures)
    canvas = np.clip(0.5 + 0.2 * fractal(rng, shape, 1.4), 0, 1)
    drawn = rng.random(n)
    radii = (drawn * (largest**-2 - smallest**-2) + smallest**-2) ** -0.5
    radii = radii[np.cumsum(2 * radii**2) < 4 * h * w]
    # Each size comes at any time, but large shapes must not hide all that was drawn before.
    order = np.argsort(-radii * rng.lognormal(0, 0.9, len(radii)))
    shadow = rng.normal(0, 0.15, 2) if rng.random() < 0.6 else None
    contrast = rng.uniform(0.02, 0.2)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    for radius in radii[order]:
        points = outline(rng, str(rng.choice(outlines)), float(radius))
        centre = rng.uniform((0, 0), (w, h))
        texture = textures[rng.integers(len(textures))]
        x, y = rng.integers(0, max(1, side - int(2.6 * radius)), 2)
        fill = rng.beta(1.2, 1.2) + contrast * rng.random() * texture[y:, x:]
        if rng.random() < 0.5:  # rounded, or lit from one side
            scale = rng.normal(0, 0.25) * side / max(2 * radius, 8)
            slope = np.clip(ramp * scale, -0.4, 0.4)
            fill = fill + (slope[y:, None] if rng.random() < 0.5 else slope[None, x:])
        if shadow is not None and radius > 6:
            paste(
                canvas,
                points + centre + shadow * radius,
                float(rng.uniform(0, 0.25)),
                1 + radius / 12,
            )
        paste(
            canvas,
            points + centre,
            np.asarray(fill, np.float32),
            0.0 if rng.random() < 0.8 else 1.5,
        )
    return canvas.clip(0, 1)


def foliage(rng: np.random.Generator, shape: tuple[int, int], size: float) -> np.ndarray:
    """Leaves of about one size, dark between them, lit in clumps."""
    h, w = shape
    canvas = np.full(shape, rng.uniform(0.02, 0.2), np.float32)
    light = fractal(rng, (h // 8 + 1, w // 8 + 1), 1.5)
    n = int(min(2600, 1.6 * h * w / size**2))
    kind = str(rng.choice(["leaf", "leaf", "ellipse", "polygon"]))
    for depth in np.linspace(0.2, 1, n):
        x, y = rng.uniform((0, 0), (w, h))
        bright = 0.42 + 0.16 * light[int(y) // 8, int(x) // 8] + rng.normal(0, 0.13)
        points = outline(rng, kind, size * rng.lognormal(0, 0.3)) + np.array((x, y))
        paste(canvas, points.astype(np.float32), float(np.clip(bright * depth, 0, 1)))
    return canvas


def branches(rng: np.random.Generator, canvas: np.ndarray, foot: tuple[float, float]) -> None:
    """Draw a tree without leaves that grows from `foot`."""
    tone = float(rng.uniform(0, 0.3))
    rise = rng.uniform(0.15, 0.3) * canvas.shape[0]
    waiting = [(foot, -np.pi / 2 + rng.normal(0, 0.1), rise, rng.uniform(5, 16))]
    for _ in range(260):
        if not waiting:
            break
        at, turn, length, thick = waiting.pop(0)
        end = at[0] + length * np.cos(turn), at[1] + length * np.sin(turn)
        a, b = (tuple(int(16 * v) for v in place) for place in (at, end))
        cv2.line(canvas, a, b, tone, max(1, round(thick)), cv2.LINE_8, 4)
        if length > 5:
            for _ in range(int(rng.integers(2, 4))):
                bent = turn + rng.normal(0, 0.55)
                waiting.append((end, bent, length * rng.uniform(0.6, 0.9), thick * 0.65))
