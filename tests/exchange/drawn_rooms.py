"""Draws photographs of corners of rooms, as a camera that walks along would take them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (480, 360)
_FOCAL = 430.0


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Something with many corners: blots, lines and letters."""
    picture = np.full((400, 400), int(rng.integers(90, 180)), np.uint8)
    for _ in range(220):
        x, y = (int(value) for value in rng.integers(0, 400, 2))
        shade = int(rng.integers(0, 256))
        kind = rng.integers(0, 3)
        if kind == 0:
            cv2.circle(picture, (x, y), int(rng.integers(3, 16)), shade, -1)
        elif kind == 1:
            u, v = (int(value) for value in rng.integers(-40, 40, 2))
            cv2.line(picture, (x, y), (x + u, y + v), shade, int(rng.integers(1, 5)))
        else:
            text = chr(int(rng.integers(65, 91)))
            cv2.putText(picture, text, (x, y), 0, float(rng.uniform(0.5, 1.5)), shade, 2)
    return picture


def draw_room(folder: Path, name: str, n: int, seed: int) -> None:
    """Draw `n` photographs of a corner with three textured sides, NAME_0.png, NAME_1.png, ..."""
    rng = np.random.default_rng(seed)
    # The sides of a corner: origin, and the two edges along the texture.
    sides = [
        ((0, 0, 0), (2, 0, 0), (0, 2, 0)),
        ((0, 0, 0), (0, 0, 2), (0, 2, 0)),
        ((0, 2, 0), (2, 0, 0), (0, 0, 2)),
    ]
    textures = [_texture(rng) for _ in sides]
    camera = np.array([[_FOCAL, 0, SIZE[0] / 2], [0, _FOCAL, SIZE[1] / 2], [0, 0, 1]])
    for i in range(n):
        turn = np.radians(25 + 40 * i / max(1, n - 1))
        distance = 4.4 + 0.25 * np.sin(i)
        eye = np.array(
            [distance * np.cos(turn), 0.1 + 0.1 * np.cos(2 * i), distance * np.sin(turn)]
        )
        forward = np.array([0.5, 1.1, 0.5]) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross([0, -1.0, 0], forward)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        picture = np.full(SIZE[::-1], 30, np.uint8)
        for (origin, along, down), texture in zip(sides, textures, strict=True):
            plane = np.stack([along, down, np.subtract(origin, eye)], axis=1)
            plane[:, :2] /= 400  # texels
            shape = camera @ rotation @ plane
            warped = cv2.warpPerspective(texture, shape, SIZE, flags=cv2.INTER_AREA)
            inside = cv2.warpPerspective(np.full_like(texture, 255), shape, SIZE)
            picture = np.where(inside > 127, warped, picture)
        noise = rng.normal(0, 2, picture.shape)
        shot = np.clip(picture + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}_{i}.png"), shot)
