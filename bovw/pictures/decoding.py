"""Decodes a picture to a grey array, safely.

Pillow reads all formats, for four reasons. It tells the size of a picture before decoding it. It
reports a truncated file, where OpenCV returns the half that it could read. It shrinks JPEGs while
decoding. And the pixels do not depend on the version of OpenCV.
"""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from ..errors import ImageError, SettingsError, shown
from ..settings import ImageSettings, checked_arguments
from .arrays import CHANNELS, grey_of_array, grey_of_picture
from .deep import deep_colours, missing_bits
from .endings import register_plug_ins
from .frames import read_best
from .grey import NoValuesError
from .image import Box, Decoded, Image, checked_region, fitted, shrink_factor
from .kinds import damage, unknown
from .memory import check_area, check_size, has_room_for_frames, jxl_size
from .mending import completions, lacks_palette, mended_png
from .sources import Source, content_of, describe, read_bytes

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


@checked_arguments
def read_image(
    source: Source,
    settings: ImageSettings | None = None,
    region: Box | None = None,
    *,
    channels: str = "bgr",
    name: str | None = None,
) -> Image:
    """Read a picture as grey values, turned upright by its EXIF tag and limited in size.

    Parameters
    ----------
    source : path, bytes, file, array or picture of Pillow
        A path; the bytes of a file; an open file (anything with ``read``); an array of pixels, or
        anything with ``__array__``, such as a tensor; or a ``PIL.Image.Image``, whose present
        frame is read. An array has shape ``(h, w)`` or ``(h, w, 1, 3 or 4)`` and holds integers,
        bool or floats, in any byte order. Its colours are in the order of `channels`, with alpha
        as the fourth.
    settings : ImageSettings, optional
    region : (float, float, float, float), optional
        ``x0, y0, x1, y1`` in pixels of the original, after its EXIF orientation was applied. The
        size limit then applies to the region, so a small region of a large picture keeps its
        detail.
    channels : {"bgr", "rgb"}
        Order of the colours of an array: blue, green, red as OpenCV has them, or red, green, blue.
        An RGB array that is read as BGR gives other features. Ignored for all other sources.
    name : str, optional
        Name of the source in error messages; default: see `describe`.

    Returns
    -------
    Image

    Raises
    ------
    ImageError
        When the source is no picture, is damaged, has more than ``settings.max_pixels`` pixels,
        or would take more memory to decode than six bytes for each of these.
    SettingsError
        When the region is not four numbers, lies outside the picture, or is empty.

    Notes
    -----
    One frame of an animation is read, the first that is not flat; of several pages, the largest.
    `Image.left_out` counts the others. `bovw.pictures.grey.to_grey` says how more than eight bits,
    floats and transparent parts become grey values.
    """
    settings = settings or ImageSettings()
    if channels not in CHANNELS:
        raise SettingsError(f"channels={shown(channels)}: expected 'bgr' (as in OpenCV) or 'rgb'")
    name = name or describe(source)
    content = content_of(source)
    left_out = 0
    if isinstance(content, np.ndarray):
        pixels, sha256 = grey_of_array(content, name, channels)
        found = Decoded(pixels, (pixels.shape[1], pixels.shape[0]))
    elif isinstance(content, PillowImage.Image):
        found = _from_pillow(content, name, settings)
        sha256 = hashlib.sha256(f"grey{found.size}".encode() + found.pixels.tobytes()).hexdigest()
    else:
        if not isinstance(content, bytes):
            content = read_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        found, left_out = _decode(content, name, settings, region)
    return fitted(found, sha256, left_out, settings, region)


@contextmanager
def _named(name: str, content: bytes) -> Iterator[None]:
    """Turn whatever a decoder raises into an ImageError that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large and odd files are checked here
            yield
    except (ImageError, SettingsError):
        raise
    except PillowImage.DecompressionBombError as error:
        raise ImageError(
            name,
            f"more pixels than Pillow reads ({error})",
            "shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it",
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(name, *unknown(content)) from error
    except NoValuesError as error:
        raise ImageError(
            name, "only NaN, infinite values or no data", "take it out of the folder"
        ) from error
    except MemoryError as error:
        raise ImageError(name, "too large for the memory at hand", "shrink it") from error
    except Exception as error:  # decoders raise anything, from struct.error to SyntaxError
        if "cannot find loader" in str(error):  # Pillow knows the format, but reads no pixels of it
            raise ImageError(name, *unknown(content)) from error
        raise ImageError(
            name, damage(content, error), "put an undamaged copy in its place"
        ) from error


def _decode(
    content: bytes, name: str, settings: ImageSettings, region: Box | None
) -> tuple[Decoded, int]:
    """Decode the bytes of a file; return also how many frames or pages were left out."""
    if not content:
        raise ImageError(name, "an empty file", "remove it or put the picture back")
    register_plug_ins()
    with _named(name, content):
        size = jxl_size(content)
        if size is not None:
            check_area(*size, name, settings)
        try:
            return _open_and_read(mended_png(content), name, settings, region)
        except OSError:
            complete = _complete(content, name, settings, region)
            if complete is None:
                raise
            return complete, 0


def _complete(
    content: bytes, name: str, settings: ImageSettings, region: Box | None
) -> Decoded | None:
    """Decode a JPEG that lacks its end; None if pixels are missing too."""
    ways = completions(content)
    first: Decoded | None = None
    for way in ways:
        try:
            decoded, _ = _open_and_read(way, name, settings, region)
        except OSError:
            return None
        if first is not None and not np.array_equal(first.pixels, decoded.pixels):
            return None
        first = first or decoded
    return first


def _open_and_read(
    content: bytes, name: str, settings: ImageSettings, region: Box | None
) -> tuple[Decoded, int]:
    with PillowImage.open(io.BytesIO(content)) as image:
        if image.format in _PROGRAMS:
            raise ImageError(name, "PostScript, a program that draws a picture", "convert it")
        check_size(image, content, name, settings)
        if image.format == "PCX" and image.mode == "L" and lacks_palette(content):
            raise OSError("truncated: its palette is missing")
        if image.format == "JPEG":
            return _read_jpeg(image, settings, region), 0

        def read(frame: PillowImage.Image) -> NDArray[np.uint8]:
            check_size(frame, content, name, settings)
            turned_before = _orientation(frame) if frame.format == "TIFF" else 1
            frame.load()
            orientation = _orientation(frame)
            pixels = _upright(grey_of_picture(frame), orientation)
            missing = missing_bits(frame, content)
            if missing == 0:
                return pixels
            pixels = pixels << np.uint8(missing)
            deep = deep_colours(frame, content)
            # Some versions of OpenCV turn a TIFF, others leave that to us.
            ways = [] if deep is None else [deep, _upright(deep, max(turned_before, orientation))]
            ways = [way for way in ways if way.shape == pixels.shape]
            return min(ways, key=lambda way: _distance(way, pixels), default=pixels)

        pixels, left_out = read_best(image, read, has_room_for_frames(image, settings))
    return Decoded(pixels, (pixels.shape[1], pixels.shape[0])), left_out


def _read_jpeg(image: PillowImage.Image, settings: ImageSettings, region: Box | None) -> Decoded:
    """Decode a JPEG, shrunk by the decoder as far as the size limit allows."""
    width, height = image.size
    orientation = _orientation(image)
    size = (height, width) if orientation in _TRANSPOSED else (width, height)
    sides: tuple[float, float] = size
    if region is not None:  # keep enough resolution for the region alone to reach the size limit
        x0, y0, x1, y1 = checked_region(region, size)
        sides = x1 - x0, y1 - y0
    shrink = shrink_factor(*sides, settings)
    if shrink < 1:
        image.draft("L", (math.ceil(width * shrink), math.ceil(height * shrink)))
    image.load()
    pixels = grey_of_picture(image)
    image.close()
    # The decoder shrinks by a power of 2 and rounds sizes up, so their ratio is not exact.
    factor = max(1, 2 ** round(np.log2(max(width, height) / max(pixels.shape))))
    return Decoded(_upright(pixels, orientation), size, (1.0 / factor, 1.0 / factor))


def _orientation(image: PillowImage.Image) -> int:
    """Return the orientation that is still to be applied: 1 when the decoder has applied it."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged EXIF data do not damage the pixels
        return 1
    return orientation if isinstance(orientation, int) and orientation in _ORIENTATIONS else 1


def _distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.mean(np.maximum(one, other) - np.minimum(one, other)))


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation == 1:
        return pixels
    transpose, flip_rows, flip_columns = _ORIENTATIONS[orientation]
    if transpose:
        pixels = pixels.T
    return np.ascontiguousarray(pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])


def _from_pillow(image: PillowImage.Image, name: str, settings: ImageSettings) -> Decoded:
    """Read the present frame of a picture of Pillow, which may have been opened and not loaded."""
    with _named(name, b""):
        check_area(*image.size, name, settings)
        image.load()
        pixels = _upright(grey_of_picture(image), _orientation(image))
    return Decoded(pixels, (pixels.shape[1], pixels.shape[0]))
