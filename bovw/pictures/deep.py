"""Colours of sixteen bits, of which Pillow keeps the upper eight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from .arrays import grey_of_array, grey_of_picture
from .grey import bits_in_use

_PNG_DEPTH = 24  # position of the bits of a sample in a PNG
_BITS_OF_SAMPLES = 258
# With fewer than fifteen bits in use, the upper eight are below this.
_FEW_BITS = 1 << 6
# OpenCV takes over six bytes a pixel here. In larger pictures the upper bits must do.
_LARGEST = 25_000_000


def deep_colours(image: PillowImage.Image, content: bytes) -> tuple[NDArray[np.uint8], bool] | None:
    """Return grey values of colours that have 10, 12 or 14 bits in samples of sixteen.

    None for any other picture. Also return whether they come from the pixels of `image`, which
    its decoder may have turned upright, and not from the file.

    Parameters
    ----------
    image : PIL.Image.Image
        The first page, loaded.
    content : bytes
        The file.
    """
    if image.mode not in ("RGB", "RGBA") or not _has_sixteen_bits(image, content):
        return None
    extrema: Any = image.getextrema()
    largest = max(high for _, high in extrema[:3])
    if not 0 < largest < _FEW_BITS:
        return None
    if getattr(image, "n_frames", 1) == 1 and image.width * image.height <= _LARGEST:
        import cv2

        array: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        if array is not None and array.dtype == np.uint16:
            return grey_of_array(array, "")[0], False
    grey = grey_of_picture(image)
    return grey << np.uint8(16 - bits_in_use(largest << 8)), True


def _has_sixteen_bits(image: PillowImage.Image, content: bytes) -> bool:
    if image.format == "PNG":
        return content[_PNG_DEPTH] == 16
    tags = getattr(image, "tag_v2", {})
    return 16 in tags.get(_BITS_OF_SAMPLES, ())
