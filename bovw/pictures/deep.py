"""Colours of sixteen bits, of which Pillow keeps the upper eight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from .arrays import grey_of_array
from .grey import bits_in_use

_PNG_DEPTH = 24  # where a PNG says how many bits a sample has
_BITS_OF_SAMPLES = 258
# OpenCV takes over six bytes a pixel here. In larger pictures the upper bits must do.
_LARGEST = 25_000_000


def missing_bits(image: PillowImage.Image, content: bytes) -> int:
    """How many of the sixteen bits of each colour are unused: 2, 4 or 6 (14, 12 or 10 in use).

    0 for any other picture; 7 when none of the upper eight bits is in use.

    Parameters
    ----------
    image : PIL.Image.Image
        A picture, loaded.
    content : bytes
        The file.
    """
    if image.mode not in ("RGB", "RGBA") or not _has_sixteen_bits(image, content):
        return 0
    extrema: Any = image.getextrema()
    largest = max(high for _, high in extrema[:3])
    return 16 - bits_in_use(largest << 8) if largest else 7


def deep_colours(image: PillowImage.Image, content: bytes) -> NDArray[np.uint8] | None:
    """Return grey values made of all bits of the colours; None if that takes too much memory.

    None, too, if the file has several frames or OpenCV does not read sixteen bits in it. Whether
    the orientation is applied depends on the version of OpenCV.
    """
    if getattr(image, "n_frames", 1) > 1 or image.width * image.height > _LARGEST:
        return None
    import cv2

    array: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return None if array is None or array.dtype != np.uint16 else grey_of_array(array, "")[0]


def _has_sixteen_bits(image: PillowImage.Image, content: bytes) -> bool:
    if image.format == "PNG":
        return content[_PNG_DEPTH] == 16
    tags = getattr(image, "tag_v2", {})
    return 16 in tags.get(_BITS_OF_SAMPLES, ())
