"""Chooses one frame of an animation, or one page of a file that has several."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

# A frame is flat when its grey values differ by less than this: SIFT finds nothing in it.
_FLAT = 16
# How many frames are searched for one that is not flat: some four seconds of film.
_LOOKED_AT = 100
_PAGES = ("MPO", "TIFF")  # formats whose pages may have different sizes
_SUBFILE, _REDUCED_OR_MASK = 254, 1 | 4  # a tag of a TIFF, and its bits


def frame_count(image: PillowImage.Image) -> int:
    """How many frames or pages a picture has; at least 2 when they cannot be counted."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # the file is damaged behind its first frame
        return 2


def read_best(
    image: PillowImage.Image,
    read: Callable[[PillowImage.Image], NDArray[np.uint8]],
    room: bool,
) -> tuple[NDArray[np.uint8], int]:
    """Read the first of the largest pages or frames that is not flat.

    Parameters
    ----------
    image : PIL.Image.Image
        Not loaded.
    read : callable
        Decodes the present frame.
    room : bool
        Whether there is enough memory to decode frames behind the first.

    Returns
    -------
    (h, w) uint8 ndarray
    int
        How many frames or pages were not read. Smaller copies and masks, which a TIFF marks as
        such, are not counted.
    """
    count = frame_count(image)
    if count == 1:
        return read(image), 0
    here = image.tell()
    order, left_out = [*range(here, count), *range(here)], count - 1
    if image.format in _PAGES:
        order, left_out = _largest(image, count)
        image.seek(order[0])
    pixels = read(image)
    if room and _is_flat(pixels):
        for other in _others(image, order[1:_LOOKED_AT], read):
            if not _is_flat(other):
                return other, left_out
    return pixels, left_out


def _is_flat(pixels: NDArray[np.uint8]) -> bool:
    return int(pixels.max()) - int(pixels.min()) < _FLAT


def _others(
    image: PillowImage.Image,
    order: list[int],
    read: Callable[[PillowImage.Image], NDArray[np.uint8]],
) -> Iterator[NDArray[np.uint8]]:
    """Read further frames, as far as they can be read."""
    for position in order:
        try:
            image.seek(position)
            yield read(image)
        except Exception:  # what was read before is whole
            return


def _largest(image: PillowImage.Image, count: int) -> tuple[list[int], int]:
    """Positions of the largest pages in order, and how many others there are."""
    areas: dict[int, int] = {}
    copies = 0
    for position in range(count):
        try:
            image.seek(position)
        except Exception:  # no page that can be read
            continue
        areas[position] = image.width * image.height
        kind = getattr(image, "tag_v2", {}).get(_SUBFILE, 0)
        copies += isinstance(kind, int) and bool(kind & _REDUCED_OR_MASK)
    largest = max(areas.values())
    chosen = [position for position, area in areas.items() if area == largest]
    return chosen, max(0, count - 1 - copies)
