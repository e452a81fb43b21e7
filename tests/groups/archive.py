"""A drawn archive: pictures, altered copies of them, and other photographs of the same things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..support import SAMPLE

Pixels = np.ndarray


def crop(image: Pixels, share: float) -> Pixels:
    """The middle of a picture, a little to one side."""
    height, width = (round(side * share**0.5) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 3, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def slanted(image: Pixels) -> Pixels:
    """Turned by seven degrees, without the corners that are empty then."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 7, 1)
    edge = round(min(height, width) * 0.08)
    return cv2.warpAffine(image, turn, (width, height))[edge:-edge, edge:-edge]


def overlaid(image: Pixels) -> Pixels:
    """With text across it and a plate in a corner."""
    found, (height, width) = image.copy(), image.shape[:2]
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(found, "SAMPLE", (width // 20, height // 2), font, width / 200, (255,) * 3, 4)
    low, high = (
        (round(width * 0.7), round(height * 0.75)),
        (round(width * 0.97), round(height * 0.95)),
    )
    cv2.rectangle(found, low, high, (0, 0, 200), -1)
    return found


def saved(image: Pixels, quality: int) -> Pixels:
    done = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(done, cv2.IMREAD_COLOR))


ALTERATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "recompressed": lambda image: saved(image, 25),
    "halved": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "cropped": lambda image: crop(image, 0.6),
    "turned": lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    "slanted": slanted,
    "mirrored": lambda image: image[:, ::-1],
    "overlaid": overlaid,
    "framed": lambda image: cv2.copyMakeBorder(
        image, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(235,) * 3
    ),
}


def draw_archive(folder: Path) -> dict[str, list[str]]:
    """Write the archive; return the names of each picture's copies, itself first.

    Beside them lie other photographs of the same things, pictures without features of which two
    are identical, and nothing else.
    """
    (folder / "originals").mkdir(parents=True)
    (folder / "more").mkdir()
    copies: dict[str, list[str]] = {}
    for name in ("posters/poster_01", "posters/poster_02", "labels/label_01", "covers/cover_02"):
        image = cv2.imread(str(SAMPLE / f"{name}_1.jpg"))
        short = name.partition("/")[2]
        original = f"originals/{short}.png"
        cv2.imwrite(str(folder / original), image)
        copies[short] = [original]
        for what, alter in ALTERATIONS.items():
            cv2.imwrite(str(folder / "more" / f"{short}_{what}.jpg"), alter(image))
            copies[short].append(f"more/{short}_{what}.jpg")
        for number in (2, 3):
            (folder / "more" / f"{short}_photo_{number}.jpg").write_bytes(
                (SAMPLE / f"{name}_{number}.jpg").read_bytes()
            )
    flat = np.full((60, 80, 3), 128, np.uint8)
    for name in ("flat", "flat_again"):
        cv2.imwrite(str(folder / "more" / f"{name}.png"), flat)
    cv2.imwrite(str(folder / "more" / "dark.png"), flat // 8)
    return copies
