"""Pictures in colour, for people to look at; features are computed from grey values only."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from ..settings import ImageSettings, checked_arguments
from .decoding import read_image
from .endings import register_plug_ins
from .frames import frame_count
from .mending import mended_png
from .sources import Source, content_of, describe, read_bytes

# Mean difference of grey values up to which a picture in colour is the one that was read as grey.
_ALIKE = 10.0
_FRAMES = 100  # as many as `frames.py` looks at


@dataclass(frozen=True, eq=False)
class Preview:
    """A picture to look at.

    Attributes
    ----------
    picture : PIL.Image.Image
        Mode RGB, upright, shrunk.
    size : (int, int)
        Width and height of the original, after its EXIF orientation was applied.
    """

    picture: PillowImage.Image
    size: tuple[int, int]


@checked_arguments
def read_preview(
    source: Source,
    side: int = 1024,
    settings: ImageSettings | None = None,
    *,
    channels: str = "bgr",
) -> Preview:
    """Read a picture in colour, upright, and shrunk to at most ``side * side`` pixels.

    It is the same frame or page, in the same orientation, as `read_image` gives. Where its colours
    cannot be had (more than eight bits, no colours), or differ from what was read as grey values,
    it is grey.

    Parameters
    ----------
    source : path, bytes, file, array or picture of Pillow
        See `read_image`.
    side : int
        Side of a square with as many pixels as the preview may have.
    settings : ImageSettings, optional
        Limits of what is read; its `max_side` is replaced by `side`.
    channels : {"bgr", "rgb"}
        Order of the colours of an array.

    Raises
    ------
    ImageError
        When the source cannot be read.
    SettingsError
        When `side` is less than 1.
    """
    name, content = describe(source), content_of(source)
    if isinstance(content, (str, os.PathLike)):
        content = read_bytes(content)
    limits = replace(settings or ImageSettings(), max_side=side, max_tiles=1)
    image = read_image(content, limits, channels=channels, name=name)
    grey = PillowImage.fromarray(image.pixels)
    values = image.pixels.astype(np.int16)
    best, least = grey.convert("RGB"), _ALIKE
    try:
        for frame in _frames(content, grey.size, channels):
            colours = frame.resize(grey.size, PillowImage.Resampling.BOX, reducing_gap=2.0)
            distance = float(np.abs(np.asarray(colours.convert("L"), np.int16) - values).mean())
            if distance < least:
                best, least = colours, distance
            if least < 1:
                break
    except Exception:  # its grey values were read, and are shown: decoders raise anything
        pass
    return Preview(best, image.size)


def _frames(
    content: bytes | np.ndarray | PillowImage.Image, size: tuple[int, int], channels: str
) -> Iterator[PillowImage.Image]:
    """Give what may be the picture in colour: its frames, on white and on black ground."""
    if isinstance(content, np.ndarray):
        if content.dtype == np.uint8 and content.ndim == 3 and content.shape[2] >= 3:
            colours = content[:, :, :3] if channels == "rgb" else content[:, :, 2::-1]
            alpha = content[:, :, 3:]
            stacked = np.ascontiguousarray(np.concatenate([colours, alpha], axis=2))
            yield from _on_grounds(PillowImage.fromarray(stacked))
        return
    if isinstance(content, PillowImage.Image):
        yield from _on_grounds(ImageOps.exif_transpose(content))
        return
    register_plug_ins()
    with PillowImage.open(io.BytesIO(mended_png(content))) as picture:
        if picture.format == "JPEG":
            side = max(size)
            picture.draft("RGB", (side, side))
        for number in range(min(frame_count(picture), _FRAMES)):
            if number:
                picture.seek(number)
            yield from _on_grounds(ImageOps.exif_transpose(picture))


def _on_grounds(picture: PillowImage.Image) -> Iterator[PillowImage.Image]:
    if picture.mode[0] in "IF":  # more than eight bits
        return
    if not picture.has_transparency_data:
        yield picture.convert("RGB")
        return
    layer = picture.convert("RGBA")
    for ground in ("white", "black"):
        page = PillowImage.new("RGBA", layer.size, ground)
        yield PillowImage.alpha_composite(page, layer).convert("RGB")
