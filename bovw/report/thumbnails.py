"""Small pictures of bounded size in bytes, as files or as data URIs in a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import features

from ..errors import BovwError, ImageError
from ..pictures import Preview, Source, read_preview
from ..search import Answer, SharedWord, derivative

PATCH = 56
"""Side of a patch in pixels."""
# A descriptor describes a square of this many times the scale (12 times 2.5, `FeatureSettings`).
_DESCRIBED = 30.0
_FINEST = 8  # how many times finer a patch is cut out, at most
_APART = 0.06  # least distance of two patches, as a share of the extent of the inliers
_QUALITIES = (80, 70, 60, 50, 40, 30)


def preview_or_reason(source: Source, side: int) -> Preview | str:
    """Read a picture to look at; see `read_preview`. Without one, say why there is none."""
    if isinstance(source, str) and not source:
        return "no path of a file is known; give it in sources"
    try:
        return read_preview(source, side)
    except ImageError as error:
        if isinstance(source, str) and source.startswith("<"):  # the name of an array
            return "it was no file: give it in sources"
        return f"{error.found}; {error.advice}"
    except BovwError as error:
        return str(error)


def encoded(picture: PillowImage.Image, side: int, most: int) -> tuple[bytes, str, tuple[int, int]]:
    """Encode a picture as WebP (JPEG where Pillow has no WebP), in a bounded size.

    Parameters
    ----------
    picture : PIL.Image.Image
        Mode RGB.
    side : int
        Longest side of what is encoded.
    most : int
        Largest number of bytes of the encoded picture. Its quality, then its size, is lowered
        until it fits.

    Returns
    -------
    bytes
    str
        Its media type.
    (int, int)
        Width and height in pixels.
    """
    kind = "WEBP" if features.check("webp") else "JPEG"
    small = picture
    while True:
        if max(small.size) > side:
            factor = side / max(small.size)
            size = (max(1, round(small.width * factor)), max(1, round(small.height * factor)))
            small = picture.resize(size, PillowImage.Resampling.LANCZOS, reducing_gap=3.0)
        for quality in _QUALITIES:
            file = io.BytesIO()
            small.save(file, kind, quality=quality)
            if file.tell() <= most:
                return file.getvalue(), f"image/{kind.lower()}", small.size
        side = max(small.size) * 4 // 5


def data_uri(picture: PillowImage.Image, side: int, most: int) -> tuple[str, tuple[int, int]]:
    """Encode a picture as `encoded` does, as a data URI; return it, and width and height."""
    content, kind, size = encoded(picture, side, most)
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}", size


def words_with_patches(answer: Answer, most: int) -> list[tuple[SharedWord, int]]:
    """Choose the words that count most among those of the inliers, each in a place of its own.

    Parameters
    ----------
    answer : Answer
    most : int
        How many words at most.

    Returns
    -------
    list of (SharedWord, int)
        The largest contribution first; with each word the number of an inlier that has it.
    """
    if answer.words is None or answer.shared_words is None:
        return []
    first: dict[int, int] = {}
    for number, word in enumerate(answer.words.tolist()):
        first.setdefault(word, number)
    assert answer.query_points is not None  # it has inliers
    chosen: list[tuple[SharedWord, int]] = []
    for shared in answer.shared_words:
        if shared.word not in first or len(chosen) == most:
            continue
        number = first[shared.word]
        at = answer.query_points[[other for _, other in chosen]] - answer.query_points[number]
        spread = float(np.ptp(answer.query_points, axis=0).max())
        if not (np.hypot(*at.T) < _APART * spread).any():
            chosen.append((shared, number))
    return chosen


def patches(
    answer: Answer, chosen: list[int], query: Preview | None, picture: Preview | None
) -> PillowImage.Image | None:
    """Cut out what some inliers show: the query's in the upper row, the answer's in the lower.

    A patch is the square that the descriptor describes in the query, and the same square moved to
    the answer by the transform, so that both lie in the same direction.

    Parameters
    ----------
    answer : Answer
    chosen : list of int
        Numbers of inliers.
    query, picture : Preview or None
        None where there is no picture.

    Returns
    -------
    PIL.Image.Image or None
        ``len(chosen)`` squares of `PATCH` pixels a row.
    """
    if query is None or picture is None or not chosen or answer.transform is None:
        return None
    assert answer.query_points is not None and answer.points is not None
    assert answer.scales is not None  # it has inliers
    sheet = PillowImage.new("RGB", (PATCH * len(chosen), PATCH * 2))
    for column, number in enumerate(chosen):
        side = _DESCRIBED * float(answer.scales[number])
        asked = answer.query_points[number].astype(np.float64)
        moved = derivative(answer.transform, asked)
        for row, (preview, middle, turn) in enumerate(
            (
                (query, asked, np.eye(2)),
                (picture, answer.points[number].astype(np.float64), moved),
            )
        ):
            patch = cut(preview, middle, turn * (side / PATCH))
            sheet.paste(patch, (column * PATCH, row * PATCH))
    return sheet


def cut(
    preview: Preview, middle: NDArray[np.float64], step: NDArray[np.float64]
) -> PillowImage.Image:
    """Cut a patch out of a picture, `PATCH` pixels wide and high.

    Parameters
    ----------
    preview : Preview
    middle : (2,) float64 ndarray
        Position in the original.
    step : (2, 2) float64 ndarray
        Where a step of one pixel to the right, and one down, in the patch leads in the original.
    """
    shrink = np.array(preview.picture.size) / np.array(preview.size)
    matrix = step * shrink[:, None]
    # A large patch is cut out finer than it is shown, and then shrunk.
    finer = int(np.clip(np.ceil(np.linalg.norm(matrix, 2)), 1, _FINEST))
    matrix, side = matrix / finer, PATCH * finer
    # Pillow maps a pixel's centre, at a half, itself; a position of ours is that of a centre.
    offset = (middle + 0.5) * shrink - matrix @ np.full(2, side / 2)
    data = (matrix[0, 0], matrix[0, 1], offset[0], matrix[1, 0], matrix[1, 1], offset[1])
    return preview.picture.transform(
        (side, side),
        PillowImage.Transform.AFFINE,
        tuple(map(float, data)),
        resample=PillowImage.Resampling.BILINEAR,
        fillcolor=(128, 128, 128),
    ).reduce(finer)
