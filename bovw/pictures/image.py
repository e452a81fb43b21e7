"""A picture, ready for feature extraction: shrunk to the limit of size, and cut to its region."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..settings import ImageSettings

Box: TypeAlias = tuple[float, float, float, float]
"""A region ``x0, y0, x1, y1`` in pixels."""

# A region is read with a margin, as a fraction of its longest side: the descriptors of features
# near its border need pixels outside.
_REGION_MARGIN = 0.25
# A picture whose longer side is more than this many times the shorter may keep more pixels.
_LONG = 4.0


@dataclass(frozen=True)
class Image:
    """A picture, ready for feature extraction.

    Attributes
    ----------
    pixels : (h, w) uint8 ndarray
        Grey values of the picture, or, if a region was given, of the region with a margin.
    scale : (float, float)
        Pixels of this array per pixel of the original, along x and y.
    offset : (float, float)
        Column and row where this array begins in the whole picture, at the array's resolution.
    size : (int, int)
        Width and height of the original, after its EXIF orientation was applied.
    sha256 : str
        SHA-256 of the bytes of the file, or of the type, shape and values of an array.
    region : tuple of float or None
        The region that was given: ``x0, y0, x1, y1`` in pixels of the original.
    left_out : int
        How many further frames or pages the file has, which were not read.
    tiles : float
        How many times the usual number of pixels the picture may have: over 1 if it is very long.
    room : float
        Factor, at least 1, by which the sides could be enlarged within the limit of size.
    """

    pixels: NDArray[np.uint8]
    scale: tuple[float, float]
    offset: tuple[float, float]
    size: tuple[int, int]
    sha256: str
    region: Box | None = None
    left_out: int = 0
    tiles: float = 1.0
    room: float = 1.0

    def to_original(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Convert positions ``(n, 2)`` in `pixels` to positions in the original picture."""
        return (np.asarray(xy, np.float64) + self.offset + 0.5) / self.scale - 0.5

    def enlarged(self, factor: float) -> Image:
        """Enlarge the array (bicubic), by the largest factor up to `factor` that has room."""
        import cv2

        height, width = self.pixels.shape
        factor = min(factor, self.room)
        size = round(width * factor), round(height * factor)
        pixels = cv2.resize(self.pixels, size, interpolation=cv2.INTER_CUBIC)
        x, y = size[0] / width, size[1] / height
        return replace(
            self,
            pixels=np.asarray(pixels, np.uint8),
            scale=(self.scale[0] * x, self.scale[1] * y),
            offset=(self.offset[0] * x, self.offset[1] * y),
            room=self.room / factor,
        )


@dataclass(frozen=True)
class Decoded:
    """Grey values of a whole picture, upright; size of the original; pixels per original pixel."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    scale: tuple[float, float] = (1.0, 1.0)


def fitted(
    found: Decoded, sha256: str, left_out: int, settings: ImageSettings, region: Box | None
) -> Image:
    """Shrink to the size limit, and cut out the region with its margin."""
    import cv2

    pixels, size, decoded = found.pixels, found.size, found.scale
    height, width = pixels.shape
    sides: tuple[float, float] = (width, height)
    if region is not None:
        region = checked_region(region, size)
        sides = (region[2] - region[0]) * decoded[0], (region[3] - region[1]) * decoded[1]
    shrink = shrink_factor(*sides, settings)
    new_width, new_height = max(1, round(width * shrink)), max(1, round(height * shrink))
    if (new_width, new_height) != (width, height):
        pixels = np.asarray(
            cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_AREA), np.uint8
        )
    scale = (decoded[0] * new_width / width, decoded[1] * new_height / height)
    offset: tuple[float, float] = (0, 0)
    if region is not None:
        margin = _REGION_MARGIN * max(region[2] - region[0], region[3] - region[1])
        x0 = max(0, int(np.floor((region[0] - margin) * scale[0])))
        y0 = max(0, int(np.floor((region[1] - margin) * scale[1])))
        x1 = int(np.ceil((region[2] + margin) * scale[0])) + 1
        y1 = int(np.ceil((region[3] + margin) * scale[1])) + 1
        pixels = np.ascontiguousarray(pixels[y0:y1, x0:x1])
        offset = (x0, y0)
    tiles = _tiles(*sides, settings)
    room = max(1.0, _room(*sides, settings))
    return Image(pixels, scale, offset, size, sha256, region, left_out, tiles, room)


def shrink_factor(width: float, height: float, settings: ImageSettings) -> float:
    """Factor, at most 1, by which the sides are shrunk so that the area keeps the size limit."""
    return min(1.0, _room(width, height, settings))


def _room(width: float, height: float, settings: ImageSettings) -> float:
    """Factor between the sides and those of the largest picture of their proportion."""
    tiles = _tiles(width, height, settings)
    return settings.max_side * math.sqrt(tiles / max(width * height, 1.0))


def _tiles(width: float, height: float, settings: ImageSettings) -> float:
    """How many times the usual number of pixels a picture may have: over 1 if it is very long."""
    proportion = max(width, height) / max(min(width, height), 1.0)
    return min(max(proportion / _LONG, 1.0), settings.max_tiles)


def checked_region(region: Box, size: tuple[int, int]) -> Box:
    """Clip a region to a picture of `size` (width, height); a SettingsError if it is then empty."""
    try:
        x0, y0, x1, y1 = (float(value) for value in region)
    except (TypeError, ValueError):
        raise SettingsError(
            f"region {shown(region)}: expected four numbers x0, y0, x1, y1"
        ) from None
    clipped = max(x0, 0.0), max(y0, 0.0), min(x1, float(size[0])), min(y1, float(size[1]))
    if not (clipped[2] - clipped[0] >= 1 and clipped[3] - clipped[1] >= 1):
        raise SettingsError(
            f"region {x0:g},{y0:g},{x1:g},{y1:g}: expected x0,y0,x1,y1 with x0 < x1 and y0 < y1 "
            f"inside a picture of {size[0]} x {size[1]} pixels"
        )
    return clipped
