"""Grey values of arrays and of pictures that Pillow has decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from ..errors import ImageError
from .grey import NoValuesError, Strip, Values, rows, to_grey

CHANNELS = ("bgr", "rgb")
"""Orders of the colours of an array."""

_NO_DATA = 42113  # tag of a TIFF, by GDAL: a number as a text
_SAMPLE_FORMAT, _PHOTOMETRIC = 339, 262
_GREY_OF_BLUE_GREEN_RED = (0.114, 0.587, 0.299)  # as OpenCV


def grey_of_array(
    array: NDArray[Any], name: str, channels: str = "bgr"
) -> tuple[NDArray[np.uint8], str]:
    """Return grey values (h, w) of an array, and the SHA-256 of its type, shape and values.

    Parameters
    ----------
    array : (h, w) or (h, w, 1, 3 or 4) ndarray
    name : str
        What messages call it.
    channels : {"bgr", "rgb"}
        Order of its colours.
    """
    if isinstance(array, np.ma.MaskedArray):
        # What is masked has no value, and NaN is how floats say that.
        masked = np.ma.getmaskarray(array)
        array = (
            np.where(masked, np.nan, array.data.astype(np.float64)) if masked.any() else array.data
        )
    array = np.asarray(array)
    if array.dtype.kind not in "uifb":
        raise ImageError(name, "not a type of pixels", "give integers, bool or floats")
    count = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    if count not in (1, 3, 4) or 0 in array.shape:
        advice = "give (h, w) or (h, w, 1, 3 or 4)"
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            advice += ": array.transpose(1, 2, 0) moves channels to the end"
        elif array.ndim == 4:
            advice += ": one picture at a time"
        raise ImageError(name, "not the shape of a picture", advice)
    if array.ndim == 3 and count == 1:
        planes: NDArray[Any] = array[:, :, 0]
    else:
        planes = array
    height, width = array.shape[:2]

    def strips() -> Iterator[Strip]:
        for where in rows(height, width):
            part = _native(planes[where])
            if part.ndim == 2:
                yield where, part, None
            else:
                alpha = part[:, :, 3] if count == 4 else None
                yield where, _grey_of_colours(part[:, :, :3], channels), alpha

    largest = None
    if count >= 3 and array.dtype.kind in "ui" and array.dtype.itemsize > 1:
        largest = int(array[:, :, :3].max())
    dtype = _grey_of_colours(np.zeros((1, 1, 3), _native(planes[:1, :1]).dtype), "bgr").dtype
    values = Values((height, width), dtype, strips, has_alpha=count == 4, largest=largest)
    try:
        grey = to_grey(values)
    except NoValuesError:
        raise ImageError(name, "only NaN or infinite values", "give numbers") from None
    return grey, _hash(array, channels if count >= 3 else "bgr")


def _native(part: NDArray[Any]) -> NDArray[Any]:
    """Values in the byte order of this machine; bool as 0 and 255, half floats as float32."""
    if part.dtype.kind == "b":
        return part.astype(np.uint8) * np.uint8(255)
    if part.dtype.kind == "f":
        return part.astype(np.float64 if part.dtype.itemsize > 4 else np.float32)
    return part.astype(part.dtype.newbyteorder("="))


def _grey_of_colours(colours: NDArray[Any], channels: str) -> NDArray[Any]:
    """Grey values (h, w) of colours (h, w, 3), in their type."""
    import cv2

    if channels == "rgb":
        colours = colours[:, :, ::-1]
    if colours.dtype in (np.uint8, np.uint16, np.float32):
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_BGR2GRAY))
    mixed = colours.astype(np.float64) @ np.array(_GREY_OF_BLUE_GREEN_RED)
    return np.asarray(mixed if colours.dtype.kind == "f" else np.rint(mixed), colours.dtype)


def _hash(array: NDArray[Any], channels: str) -> str:
    described = f"{array.dtype.str}{array.shape}" + ("" if channels == "bgr" else channels)
    digest = hashlib.sha256(described.encode())
    for where in rows(array.shape[0], int(np.prod(array.shape[1:]))):
        digest.update(np.ascontiguousarray(array[where]).tobytes())
    return digest.hexdigest()


def grey_of_picture(image: PillowImage.Image) -> NDArray[np.uint8]:
    """Return grey values (h, w) of a decoded picture, strip by strip, without a second copy of it.

    Raises
    ------
    NoValuesError
        When all values are NaN, infinite or no data.
    """
    width, height = image.size
    tags = getattr(image, "tag_v2", {})
    unsigned = image.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1

    def strips() -> Iterator[Strip]:
        for where in rows(height, width):
            part = image.crop((0, where.start, width, where.stop))
            part.info = image.info
            values, alpha = _values(part)
            yield where, values.view(np.uint32) if unsigned and tags else values, alpha

    # One pixel tells the type of all.
    probe = image.crop((0, 0, 1, 1))
    probe.info = image.info
    values, alpha = _values(probe)
    dtype = np.dtype(np.uint32) if unsigned and tags else values.dtype
    return to_grey(
        Values(
            (height, width),
            dtype,
            strips,
            has_alpha=alpha is not None,
            no_data=_no_data(tags) if len(image.getbands()) == 1 and image.mode != "P" else None,
            # Pillow inverts such pictures only up to eight bits.
            inverted=bool(tags) and tags.get(_PHOTOMETRIC) == 0 and dtype != np.uint8,
        )
    )


def _values(strip: PillowImage.Image) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Values of a strip, and how opaque they are (None: all are opaque)."""
    mode, transparent = strip.mode, strip.info.get("transparency")
    if mode == "P" and strip.palette is not None and strip.palette.mode == "RGBA":
        transparent = b""
    if mode.startswith("I") or mode == "F":
        values = _native(np.asarray(strip))
        if isinstance(transparent, int):
            return values, np.asarray(values != transparent, np.uint8) * np.uint8(255)
        return values, None
    if mode == "LAB":
        return _GREY_OF_LIGHTNESS[np.asarray(strip.getchannel(0))], None
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or transparent is not None:
        strip = strip.convert("LA") if mode == "La" else strip.convert("RGBA")
        return np.asarray(strip.convert("L")), np.asarray(strip.getchannel("A"))
    return np.asarray(strip if mode == "L" else strip.convert("L")), None


def _no_data(tags: Any) -> float | None:
    try:
        return float(str(tags[_NO_DATA]).strip(" \0"))
    except (KeyError, ValueError):
        return None


def _grey_of_lightness() -> NDArray[np.uint8]:
    """Grey value of sRGB for each lightness L* of CIELAB, 0 to 255 (IEC 61966-2-1)."""
    lightness = np.arange(256) / 255 * 100
    linear = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(curved.clip(0, 1) * 255), np.uint8)


_GREY_OF_LIGHTNESS = _grey_of_lightness()
