"""Facades: relief of stone, lit from one side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np

from .noise import fractal, outline


class Relief:
    """A wall as heights (in pixels, towards the eye) and as how much light it reflects (0 to 1)."""

    def __init__(self, rng: np.random.Generator, h: int, w: int) -> None:
        self.rng = rng
        self.height = np.zeros((h, w), np.float32)
        self.albedo = np.full((h, w), rng.uniform(0.35, 0.85), np.float32)

    def fill(self, points: np.ndarray, height: float, albedo: float | None = None) -> None:
        """Set the height (and the albedo) of a polygon."""
        corners = [np.rint(np.asarray(points)).astype(np.int32)]
        cv2.fillPoly(self.height, corners, height)
        if albedo is not None:
            cv2.fillPoly(self.albedo, corners, albedo)

    def box(
        self, x0: float, y0: float, x1: float, y1: float, height: float, albedo: float | None = None
    ) -> None:
        """Set the height (and the albedo) of a rectangle."""
        self.fill(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), height, albedo)

    def courses(self, joint: float) -> None:
        """Divide the wall into stones or bricks."""
        rng, (h, w) = self.rng, self.height.shape
        row = float(rng.choice([7, 10, 14, 20, 30, 44]))
        column, y, odd = row * rng.uniform(1.4, 3), 0.0, 0
        uneven = rng.choice([0.02, 0.12, 0.3])
        tone = rng.uniform(0.02, 0.1)
        while y < h:
            below = y + row * rng.lognormal(0, uneven / 2)
            x = -column * (0.5 * (odd % 2) + uneven * rng.random())
            while x < w:
                beyond = x + column * rng.lognormal(0, uneven)
                shade = float(np.clip(rng.normal(self.albedo[0, 0], tone), 0.1, 1))
                self.box(x + 1, y + 1, beyond - 1, below - 1, joint * rng.uniform(0.6, 1.2), shade)
                x = beyond
            y, odd = below, odd + 1

    def band(self, y: float, tall: float, out: float, dentils: bool) -> None:
        """Add a cornice: mouldings of several depths, and perhaps a row of blocks."""
        steps = self.rng.integers(2, 6)
        for step in range(steps):
            top = y + tall * step / steps
            self.box(0, top, self.height.shape[1], y + tall, out * (1 - step / steps))
        if dentils:
            wide = max(3.0, tall * self.rng.uniform(0.25, 0.6))
            for x in np.arange(0, self.height.shape[1], 2 * wide):
                self.box(x, y + tall, x + wide, y + 1.5 * tall, out * 0.8)

    def column(self, x: float, y0: float, y1: float, wide: float, out: float) -> None:
        """Add a half column or a pilaster with base and capital."""
        left, right = max(int(x - wide / 2), 0), min(int(x + wide / 2), self.height.shape[1])
        if right - left < 3:
            return
        across = (np.arange(left, right) + 0.5 - x) / (wide / 2)
        profile = out * np.sqrt(np.clip(1 - across**2, 0, 1))
        if self.rng.random() < 0.4:  # fluted
            profile = profile + out * 0.1 * np.cos(across * np.pi * self.rng.integers(4, 9))
        elif self.rng.random() < 0.4:
            profile = np.full_like(profile, out * 0.6)
        self.height[int(y0) : int(y1), left:right] = profile.astype(np.float32)
        for end, up in ((y0, 1), (y1, -1)):
            for step in range(3):
                wider = wide * (0.5 + 0.08 * (3 - step))
                a, b = sorted((end, end + up * wide * 0.25 * (step + 1)))
                self.box(x - wider, a, x + wider, b, out * (1.15 - 0.15 * step))

    def ornament(self, x: float, y: float, size: float, out: float) -> None:
        """Add a rosette, a shield, or carving that is the same on both sides."""
        rng = self.rng
        if rng.random() < 0.4:
            petals = int(rng.integers(4, 13))
            for part, raised in ((1.0, 0.5), (0.75, 1.0), (0.3, 0.4), (0.15, 1.2)):
                t = np.linspace(0, 2 * np.pi, 72)
                length = size / 2 * part * (1 + 0.18 * np.cos(petals * t))
                self.fill(
                    np.stack([x + length * np.cos(t), y + length * np.sin(t)], 1), out * raised
                )
            return
        side = int(size) // 2 * 2
        x0, y0 = int(x - side / 2), int(y - side / 2)
        h, w = self.height.shape
        if side < 8 or x0 < 0 or y0 < 0 or x0 + side > w or y0 + side > h:
            return
        field = fractal(rng, (side, side), rng.uniform(1.2, 2))
        field = (field + field[:, ::-1]) * out * 0.5
        field = np.where(field > 0, field + out * 0.5, 0)
        part = self.height[y0 : y0 + side, x0 : x0 + side]
        np.maximum(part, field, out=part)

    def statue(self, x: float, y0: float, y1: float, wide: float, out: float) -> None:
        """Add a figure: rounded parts above each other, in folds."""
        y = y0
        for share in (0.14, 0.3, 0.56):
            tall = (y1 - y0) * share
            blob = outline(self.rng, "ellipse", 1.0)
            blob = blob / np.abs(blob).max(axis=0) * (wide * (0.22 + share / 3), tall / 2)
            for shrink in (1.0, 0.8, 0.55):
                self.fill(blob * shrink + (x, y + tall / 2), out * (1.3 - shrink))
            y += tall
        left, right = int(max(x - wide / 2, 0)), int(x + wide / 2)
        part = self.height[int(y0) : int(y1), left:right]
        if min(part.shape) > 4:
            part += fractal(self.rng, part.shape, 1.5, 0.3) * out * 0.06

    def window(self, x0: float, y0: float, x1: float, y1: float, style: dict[str, float]) -> None:
        """Cut a window or a door: frame, recess, bars, glass that mirrors something, a gable."""
        rng = self.rng
        wide, tall, depth = x1 - x0, y1 - y0, style["depth"]
        frame = style["frame"] * wide
        grown = head(x0 - frame, y0 - frame, x1 + frame, y1 + frame * 0.5, style["arch"])
        self.fill(grown, depth * 0.35)
        if style["steps"]:
            inner = head(x0 - frame / 2, y0 - frame / 2, x1 + frame / 2, y1, style["arch"])
            self.fill(inner, depth * 0.1)
        self.fill(head(x0, y0, x1, y1, style["arch"]), -depth, float(rng.uniform(0.02, 0.3)))
        a, b, c, d = (int(v) for v in (y0, y1, x0, x1))
        glass = self.albedo[max(a, 0) : b, max(c, 0) : d]
        if min(glass.shape) > 3:
            mirrored = 0.08 * fractal(rng, glass.shape, 1.3) * rng.random()
            if rng.random() < 0.3:  # a blind or a curtain
                mirrored[: int(len(mirrored) * rng.random())] += rng.uniform(0.1, 0.5)
            glass += mirrored * (self.height[max(a, 0) : b, max(c, 0) : d] < 0)
            np.clip(glass, 0, 1, out=glass)
        bar, pale = max(1.0, wide * 0.04), float(rng.uniform(0.4, 0.95)) if style["pale"] else None
        for share in np.arange(1, style["columns"]) / style["columns"]:
            at = x0 + wide * share
            self.box(at - bar / 2, y0 + tall * 0.1, at + bar / 2, y1, -depth * 0.5, pale)
        for share in np.arange(1, style["rows"]) / style["rows"]:
            at = y0 + tall * share
            self.box(x0, at - bar / 2, x1, at + bar / 2, -depth * 0.5, pale)
        if style["tracery"]:
            self._tracery(x0, y0, x1, depth)
        if style["sill"]:
            self.box(x0 - frame * 1.6, y1, x1 + frame * 1.6, y1 + frame * 0.8, depth * 0.6)
        if style["gable"]:
            top = y0 - frame * 1.4
            roof = [[x0 - 2 * frame, top], [(x0 + x1) / 2, top - wide * 0.3], [x1 + 2 * frame, top]]
            self.fill(np.array(roof), depth * 0.7)
            small = np.array(roof) * 0.8 + 0.2 * np.mean(roof, axis=0)
            self.fill(small, depth * 0.3)

    def _tracery(self, x0: float, y0: float, x1: float, depth: float) -> None:
        wide, t = x1 - x0, np.linspace(0, 2 * np.pi, 40)
        thick = max(2, int(wide * 0.05))
        for x, y, radius in ((0.5, 0.1, 0.2), (0.28, 0.5, 0.22), (0.72, 0.5, 0.22)):
            centre = np.array([x0 + x * wide, y0 + y * wide])
            lobes = int(self.rng.integers(3, 7))
            ring = wide * radius * (1 + 0.2 * np.cos(lobes * t))
            points = np.stack([centre[0] + ring * np.cos(t), centre[1] + ring * np.sin(t)], 1)
            for array, value in ((self.height, -0.3 * depth), (self.albedo, 0.55)):
                cv2.polylines(array, [np.rint(points).astype(np.int32)], True, value, thick)

    def lit(self) -> np.ndarray:
        """Return the wall as the eye sees it: light from one side, shadows, dirt and weather."""
        rng, height = self.rng, cv2.GaussianBlur(self.height, (0, 0), 0.7)
        shape = height.shape
        turn, low = rng.uniform(0, np.pi), rng.uniform(0.25, 1.1)
        dx, dy, up = np.cos(turn) * np.cos(low), -np.sin(turn) * np.cos(low), np.sin(low)
        gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
        gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
        bright = np.clip((up - gx * dx - gy * dy) / np.sqrt(1 + gx**2 + gy**2), 0, None)
        lit = np.ones(shape, np.float32)
        if rng.random() < 0.65:  # sun; otherwise the sky is covered
            for step in range(1, 15):
                moved = np.float32([[1, 0, -dx * step * 1.5], [0, 1, -dy * step * 1.5]])
                other = cv2.warpAffine(height, moved, shape[::-1], borderMode=cv2.BORDER_REPLICATE)
                lit[other > height + step * 1.5 * up] = 0
            lit = cv2.GaussianBlur(lit, (0, 0), 0.8)
        hollow = np.clip(1 - 0.05 * (cv2.GaussianBlur(height, (0, 0), 9) - height), 0.3, 1.3)
        albedo = self.albedo * (1 + rng.uniform(0.02, 0.12) * fractal(rng, shape, 0.9))
        albedo = albedo * (1 - rng.uniform(0, 0.2) * np.clip(fractal(rng, shape, 1.6, 0.2), 0, 2))
        ambient = rng.uniform(0.25, 0.6)
        return np.asarray(albedo * (ambient * hollow + bright * lit * 0.9), np.float32).clip(0, 1)


def head(x0: float, y0: float, x1: float, y1: float, arch: float) -> np.ndarray:
    """Corners of an opening: straight above (0), round (1) or pointed (2)."""
    middle, half = (x0 + x1) / 2, (x1 - x0) / 2
    if arch == 0:
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    t = np.linspace(0, 1, 14)
    if arch == 1:
        x, y = middle - half * np.cos(np.pi * t), y0 + half * (1 - np.sin(np.pi * t))
    else:  # two arcs whose centres are the opposite feet
        rise = np.sqrt(3) * half
        right = np.pi - np.pi / 3 * t[t <= 1]
        x = np.concatenate([x1 + 2 * half * np.cos(right), (x0 - 2 * half * np.cos(right))[::-1]])
        y = np.concatenate([2 * half * np.sin(right), (2 * half * np.sin(right))[::-1]])
        y = y0 + rise - y
    return np.concatenate([np.stack([x, y], 1), [[x1, y1], [x0, y1]]])


def facade(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """A wall with storeys of windows, cornices, columns and carving."""
    wall = Relief(rng, h, w)
    depth = rng.uniform(3, 12)
    if rng.random() < 0.75:
        wall.courses(depth * rng.uniform(0.05, 0.25))
    bays = int(rng.integers(2, 9))
    pitch = w / bays
    for top, bottom in _storeys(rng, h):
        tall = bottom - top
        style = _window_style(rng, depth)
        width = pitch * rng.uniform(0.3, 0.65)
        height = min(tall * rng.uniform(0.45, 0.75), width * 3.5)
        head_room = (tall - height) * rng.uniform(0.4, 0.7)
        decoration = rng.choice(["none", "columns", "rosettes", "statues", "panels"])
        for bay in range(bays):
            x = pitch * (bay + 0.5)
            y = top + head_room
            wall.window(x - width / 2, y, x + width / 2, y + height, style)
            between = pitch * bay
            if decoration == "columns":
                wall.column(between, top + tall * 0.1, bottom - 2, pitch * 0.14, depth)
            elif decoration == "rosettes":
                wall.ornament(
                    between, (top + bottom) / 2, min(pitch * 0.3, tall * 0.5), depth * 0.6
                )
            elif decoration == "statues":
                wall.statue(between, top + tall * 0.2, bottom - 4, pitch * 0.25, depth)
            elif decoration == "panels":
                wall.ornament(
                    x, top + head_room * 0.5, min(pitch * 0.5, head_room * 0.8), depth * 0.5
                )
        if rng.random() < 0.8:
            wall.band(top, tall * rng.uniform(0.04, 0.12), depth * 0.9, bool(rng.random() < 0.4))
    return wall.lit()


def _window_style(rng: np.random.Generator, depth: float) -> dict[str, float]:
    return {
        "depth": depth,
        "frame": rng.uniform(0.05, 0.25),
        "arch": int(rng.choice([0, 0, 1, 2])),
        "columns": int(rng.integers(1, 5)),
        "rows": int(rng.integers(1, 7)),
        "steps": int(rng.random() < 0.5),
        "pale": int(rng.random() < 0.7),
        "tracery": int(rng.random() < 0.2),
        "sill": int(rng.random() < 0.6),
        "gable": int(rng.random() < 0.25),
    }


def _storeys(rng: np.random.Generator, h: int) -> Iterator[tuple[float, float]]:
    n = int(rng.integers(1, 6))
    bounds = np.concatenate([[0], np.cumsum(rng.lognormal(0, 0.25, n))])
    bounds *= h / bounds[-1]
    yield from pairwise(bounds)
