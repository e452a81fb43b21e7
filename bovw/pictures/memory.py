"""How much memory the decoding of a picture takes, estimated from its header."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image as PillowImage

from ..errors import ImageError
from ..settings import ImageSettings

PER_PIXEL = 6
"""Bytes of memory that decoding may take for each of ``images.max_pixels``, besides the file."""

# A smaller number would refuse ordinary photographs in formats that take much memory to decode.
_LEAST_PIXELS = 25_000_000
# Bytes a pixel that a decoded picture of Pillow takes, by its mode (4 for those not named).
_STORED = {"1": 1, "L": 1, "P": 1}
# Bytes a pixel at the peak of decoding, for formats that need more than the decoded picture and the
# grey values; measured as the peak memory of a process. Frames behind the first take more.
_DECODING = {"AVIF": 14, "DDS": 9, "HEIF": 12, "JXL": 14, "PPM": 8, "QOI": 9, "SGI": 8, "WEBP": 18}
_FRAMES = 20
_JXL_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ORIENTATION, _STRIP_ROWS, _TILE_WIDTH, _TILE_ROWS = 274, 278, 322, 323  # tags of a TIFF


def check_size(
    image: PillowImage.Image, content: bytes, name: str, settings: ImageSettings
) -> None:
    """Raise an ImageError when a picture has too many pixels, or takes too much memory."""
    width, height = image.size
    check_area(width, height, name, settings)
    needed, allowed = bytes_needed(image, content), bytes_allowed(settings)
    if needed > allowed:
        raise ImageError(
            name,
            f"{width} x {height} pixels as {image.format}, which take some "
            f"{needed / 1e9:.1f} GB to decode; max_pixels={settings.max_pixels} allows "
            f"{allowed / 1e9:.1f} GB",
            "shrink it, save it as PNG or JPEG, or raise max_pixels if you trust it",
        )


def check_area(width: int, height: int, name: str, settings: ImageSettings) -> None:
    """Raise an ImageError when a picture has more than ``max_pixels``."""
    if width * height > settings.max_pixels:
        raise ImageError(
            name,
            f"{width} x {height} pixels, more than max_pixels={settings.max_pixels}",
            "shrink it, or raise max_pixels if you trust it",
        )


def bytes_allowed(settings: ImageSettings) -> int:
    """Bytes that the decoding of a picture may take."""
    return PER_PIXEL * max(settings.max_pixels, _LEAST_PIXELS)


def has_room_for_frames(image: PillowImage.Image, settings: ImageSettings) -> bool:
    """Whether frames behind the first may be decoded."""
    return image.width * image.height * _FRAMES <= bytes_allowed(settings)


def bytes_needed(image: PillowImage.Image, content: bytes) -> int:
    """Estimate the bytes that decoding takes, from what is known before it."""
    area = image.width * image.height
    stored = _STORED.get(image.mode, 2 if image.mode.startswith("I;16") else 4)
    if image.format == "TIFF":
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        turned = stored if tags.get(_ORIENTATION, 1) != 1 else 0  # Pillow turns the whole picture
        return area * max(stored + 1, stored + turned) + _tiff_part(image, tags, stored)
    if image.format == "JPEG2000":
        bands = len(image.getbands())
        return area * (stored + 1) + min(area, _jp2_tile(content) or area) * 5 * bands
    if image.format == "JPEG" and image.info.get("progressive"):
        return area * (stored + 1 + 2 * len(image.getbands()))  # coefficients of 16 bits
    return area * max(stored + 1, _DECODING.get(image.format or "", 0))


def _tiff_part(image: PillowImage.Image, tags: Any, stored: int) -> int:
    """Bytes of a strip or tile of a TIFF, which libtiff unpacks as a whole."""
    rows, width = tags.get(_TILE_ROWS), tags.get(_TILE_WIDTH)
    if isinstance(rows, int) and isinstance(width, int):
        return rows * width * stored  # a tile may be larger than its picture
    rows = tags.get(_STRIP_ROWS) or image.height
    return min(rows, image.height) * image.width * stored if isinstance(rows, int) else 0


def _jp2_tile(content: bytes) -> int | None:
    """Pixels of a tile, from the SIZ segment of a JPEG 2000."""
    found = re.search(rb"\xff\x4f\xff\x51.{20}(.{4})(.{4})", content, re.DOTALL)
    if found is None:
        return None
    return int.from_bytes(found[1], "big") * int.from_bytes(found[2], "big")


def jxl_size(content: bytes) -> tuple[int, int] | None:
    """Width and height from the header of a JPEG XL; its plug-in decodes when it opens a file."""
    if content[:2] == b"\xff\x0a":
        start = 2
    elif content[4:8] == b"JXL ":
        start = content.find(b"\xff\x0a", 12) + 2
    else:
        return None
    bits = int.from_bytes(content[start : start + 16], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return (take(5) + 1) * 8 if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    numerator, denominator = _JXL_RATIOS[ratio]
    return height * numerator // denominator, height
