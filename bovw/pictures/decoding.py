"""Decodes a picture to a grey array, safely.

Pillow reads all formats, for four reasons. It tells the size of a picture before decoding it. It
reports a truncated file, where OpenCV returns the half that it could read. It shrinks JPEGs while
decoding. And the pixels do not depend on the version of OpenCV.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from ..errors import ImageError, SettingsError
from ..settings import ImageSettings

Source: TypeAlias = "str | os.PathLike[str] | bytes | NDArray[np.generic]"
Box: TypeAlias = "tuple[float, float, float, float]"

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".gif", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""File name endings (in lower case) of pictures; in a folder, other files are ignored."""

_INPUT = ("/dev/stdin", *(f"/dev/fd/{number}" for number in range(256)))
# EXIF orientation -> (transpose first, then flip rows, flip columns)
_ORIENTATIONS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
_TRANSPOSED = (5, 6, 7, 8)
# Pillow runs Ghostscript for these formats, and a picture file must not run as a program.
_PROGRAMS = ("EPS",)
_EXIF_ORIENTATION = 0x0112
# A region is read with a margin, as a fraction of its longest side: the descriptors of features
# near its border need pixels outside.
_REGION_MARGIN = 0.25


@dataclass(frozen=True)
class Image:
    """A picture, ready for feature extraction.

    Attributes
    ----------
    pixels : (h, w) uint8 ndarray
        Grey values of the picture, or, if a region was given, of the region with a margin.
    scale : (float, float)
        Pixels of this array per pixel of the original, along x and y.
    offset : (int, int)
        Column and row where this array begins in the whole picture, at the array's resolution.
    size : (int, int)
        Width and height of the original, after its EXIF orientation was applied.
    sha256 : str
        SHA-256 of the bytes of the file, or of the type, shape and values of an array.
    region : tuple of float or None
        The region that was given: ``x0, y0, x1, y1`` in pixels of the original.
    """

    pixels: NDArray[np.uint8]
    scale: tuple[float, float]
    offset: tuple[int, int]
    size: tuple[int, int]
    sha256: str
    region: Box | None = None

    def to_original(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Convert positions ``(n, 2)`` in `pixels` to positions in the original picture."""
        return (np.asarray(xy, np.float64) + self.offset + 0.5) / self.scale - 0.5


def describe(source: Source) -> str:
    """Return a name of a source for messages: its path, or what kind of data it is."""
    if isinstance(source, bytes):
        return f"<{len(source)} bytes>"
    if isinstance(source, np.ndarray):
        return f"<array {source.shape} {source.dtype}>"
    return os.fsdecode(source)


def read_image(
    source: Source,
    settings: ImageSettings | None = None,
    region: Box | None = None,
    *,
    name: str | None = None,
) -> Image:
    """Read a picture as grey values, turned upright by its EXIF tag and limited in size.

    Parameters
    ----------
    source : path, bytes or ndarray
        A file, the bytes of a file, or an array of pixels. An array has shape ``(h, w)`` or
        ``(h, w, 1, 3 or 4)`` and holds uint8, uint16, bool, or floats between 0 and 1; colours
        are in OpenCV's order (blue, green, red, alpha).
    settings : ImageSettings, optional
    region : (float, float, float, float), optional
        ``x0, y0, x1, y1`` in pixels of the original, after its EXIF orientation was applied. The
        size limit then applies to the region, so a small region of a large picture keeps its
        detail.
    name : str, optional
        Name of the source in error messages; default: see `describe`.

    Returns
    -------
    Image

    Raises
    ------
    ImageError
        When the source is no picture, is damaged, or has more than ``settings.max_pixels``
        pixels.
    SettingsError
        When the region lies outside the picture, or is empty.

    Notes
    -----
    Only the first frame of an animation is read. Transparent parts become white. Grey pictures
    with 16 bits lose the lower eight bits. Grey pictures with 32 bits or floats are scaled from
    their own smallest and largest value to 0 to 255.
    """
    settings = settings or ImageSettings()
    if isinstance(source, np.ndarray):
        pixels, sha256 = _from_array(source)
        size = (pixels.shape[1], pixels.shape[0])
        decoded = (1.0, 1.0)
    else:
        content = source if isinstance(source, bytes) else read_bytes(source)
        sha256 = hashlib.sha256(content).hexdigest()
        pixels, size, decoded = _decode(content, name or describe(source), settings, region)
    return _fit(pixels, size, decoded, sha256, settings, region)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a file; raise an ImageError when it cannot be read or is not a regular file."""
    try:
        mode = Path(path).stat().st_mode
        is_input = stat.S_ISFIFO(mode) and os.fspath(path) in _INPUT
        # Reading any other pipe could block for ever, and a device may have no end.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or is_input):
            raise ImageError(describe(path), "not a regular file", "take it out of the folder")
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = (
            "check the path" if isinstance(error, FileNotFoundError) else "give a readable file"
        )
        raise ImageError(describe(path), reason, advice) from error
    except MemoryError as error:
        raise ImageError(
            describe(path), "a file too large for the memory at hand", "shrink it"
        ) from error


def _from_array(array: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    import cv2

    name = describe(array)
    channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    if channels not in (1, 3, 4) or 0 in array.shape:
        raise ImageError(name, "not the shape of a picture", "give (h, w) or (h, w, 1, 3 or 4)")
    if array.dtype == np.uint16:
        values = (array.astype(np.uint16) >> 8).astype(np.uint8)
    elif array.dtype == np.bool_:
        values = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ImageError(name, "floats outside 0 to 1", "scale them, or give uint8")
        values = np.rint(array * 255).astype(np.uint8)
    elif array.dtype == np.uint8:
        values = np.ascontiguousarray(array).astype(np.uint8, copy=False)
    else:
        raise ImageError(name, "not a type of pixels", "give uint8, uint16, bool or floats")
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    if channels == 4:
        alpha = values[:, :, 3:].astype(np.float32) / 255
        values = np.rint(values[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    if channels >= 3:
        values = np.asarray(cv2.cvtColor(values, cv2.COLOR_BGR2GRAY), np.uint8)
    return values.reshape(values.shape[:2]), digest.hexdigest()


def _decode(
    content: bytes, name: str, settings: ImageSettings, region: Box | None
) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[float, float]]:
    """Decode to grey; return pixels, size of the original, pixels per original pixel."""
    if not content:
        raise ImageError(name, "an empty file", "remove it or put the picture back")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large and odd files are checked here
            with PillowImage.open(io.BytesIO(content)) as image:
                if image.format in _PROGRAMS:
                    raise ImageError(
                        name, "PostScript, a program that draws a picture", "convert it"
                    )
                width, height = image.size
                if width * height > settings.max_pixels:
                    raise ImageError(
                        name,
                        f"{width} x {height} pixels, more than max_pixels={settings.max_pixels}",
                        "shrink it, or raise max_pixels if you trust it",
                    )
                orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
                size = (height, width) if orientation in _TRANSPOSED else (width, height)
                target = settings.max_side
                if region is not None:
                    # Keep enough resolution for the region alone to reach the size limit.
                    x0, y0, x1, y1 = checked_region(region, size)
                    target = int(np.ceil(target * max(size) / max(x1 - x0, y1 - y0)))
                if image.format == "JPEG" and max(width, height) > target:
                    shrink = target / max(width, height)
                    image.draft("L", (round(width * shrink), round(height * shrink)))
                pixels = _grey(image)
    except (ImageError, SettingsError):
        raise
    except PillowImage.DecompressionBombError as error:
        raise ImageError(
            name,
            f"more pixels than Pillow reads ({error})",
            "shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it",
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            name, f"no picture in a known format (begins with {content[:8]!r})", "convert it"
        ) from error
    except MemoryError as error:
        raise ImageError(name, "too large for the memory at hand", "shrink it") from error
    except Exception as error:  # decoders raise anything, from struct.error to SyntaxError
        raise ImageError(
            name,
            f"damaged ({type(error).__name__}: {' '.join(str(error).split())})",  # in one line
            "put an undamaged copy in its place",
        ) from error
    # Reduced JPEG decoding rounds up to whole blocks, so the exact factor is a power of 2.
    decoded_height, decoded_width = pixels.shape
    factor = max(1, 2 ** round(np.log2(max(width, height) / max(decoded_width, decoded_height))))
    scale = 1.0 / factor
    if orientation in _ORIENTATIONS:
        transpose, flip_rows, flip_columns = _ORIENTATIONS[orientation]
        if transpose:
            pixels = pixels.T
        pixels = np.ascontiguousarray(
            pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
        )
    return pixels, size, (scale, scale)


def _grey(image: PillowImage.Image) -> NDArray[np.uint8]:
    """Convert the first frame to grey values; transparent parts become white."""
    if image.mode.startswith("I;16"):
        return (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        low, high = float(values.min()), float(values.max())
        return np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = PillowImage.new("RGBA", rgba.size, "white")
        image = PillowImage.alpha_composite(white, rgba)
    return np.array(image.convert("L"), dtype=np.uint8)


def _fit(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    decoded: tuple[float, float],
    sha256: str,
    settings: ImageSettings,
    region: Box | None,
) -> Image:
    """Shrink to the size limit, and cut out the region with its margin."""
    import cv2

    height, width = pixels.shape
    longest: float = max(width, height)
    if region is not None:
        region = checked_region(region, size)
        sides = region[2] - region[0], region[3] - region[1]
        longest = max(sides[0] * decoded[0], sides[1] * decoded[1])
    shrink = min(1.0, settings.max_side / longest)
    new_width, new_height = max(1, round(width * shrink)), max(1, round(height * shrink))
    if (new_width, new_height) != (width, height):
        pixels = np.asarray(
            cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_AREA), np.uint8
        )
    scale = (decoded[0] * new_width / width, decoded[1] * new_height / height)
    offset = (0, 0)
    if region is not None:
        margin = _REGION_MARGIN * max(region[2] - region[0], region[3] - region[1])
        x0 = max(0, int(np.floor((region[0] - margin) * scale[0])))
        y0 = max(0, int(np.floor((region[1] - margin) * scale[1])))
        x1 = int(np.ceil((region[2] + margin) * scale[0])) + 1
        y1 = int(np.ceil((region[3] + margin) * scale[1])) + 1
        pixels = np.ascontiguousarray(pixels[y0:y1, x0:x1])
        offset = (x0, y0)
    return Image(pixels, scale, offset, size, sha256, region)


def checked_region(region: Box, size: tuple[int, int]) -> Box:
    """Clip a region to a picture of `size` (width, height); a SettingsError if it is then empty."""
    if len(region) != 4:
        raise SettingsError(f"region {region!r}: expected four numbers x0, y0, x1, y1")
    x0, y0, x1, y1 = (float(value) for value in region)
    clipped = max(x0, 0.0), max(y0, 0.0), min(x1, float(size[0])), min(y1, float(size[1]))
    if not (clipped[2] - clipped[0] >= 1 and clipped[3] - clipped[1] >= 1):
        raise SettingsError(
            f"region {x0:g},{y0:g},{x1:g},{y1:g}: expected x0,y0,x1,y1 with x0 < x1 and y0 < y1 "
            f"inside a picture of {size[0]} x {size[1]} pixels"
        )
    return clipped
