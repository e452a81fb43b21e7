"""Turns values of any type and range into grey values of eight bits.

Values come in strips of rows, so that there is never a second copy of a large picture. The strips
are read several times: for the range of the values, for the ground behind transparent parts, and
for the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Which rows, their values (h, w), and how opaque each is (h, w), or None when all are.
Strip: TypeAlias = "tuple[slice, NDArray[Any], NDArray[Any] | None]"

# These percentiles become 0 and 255, if floats are not between 0 and 1: outliers lie outside.
_PERCENTILES = (0.1, 99.9)
_SAMPLE = 1 << 20  # values looked at for percentiles; more would not change them
_STRIP = 1 << 20  # pixels of a strip
# A value far from all others means "no data" when more than this part of all pixels has it. The
# percentiles cut off what is rarer.
_MANY = 0.001


class NoValuesError(ValueError):
    """All values of a picture are NaN, infinite, or no data."""


@dataclass(frozen=True)
class Values:
    """The values of a picture, before they are grey values of eight bits.

    Attributes
    ----------
    shape : (int, int)
        Height and width.
    dtype : numpy dtype
        Type of the values: an integer or a float.
    strips : callable
        Returns a new iterator over the strips each time it is called.
    has_alpha : bool
        Whether strips say how opaque their pixels are.
    no_data : float, optional
        The value of pixels of which nothing is known.
    largest : int, optional
        Largest integer in the colours from which the values were made; default: the largest value.
    inverted : bool
        Whether 0 is white.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    strips: Callable[[], Iterator[Strip]]
    has_alpha: bool = False
    no_data: float | None = None
    largest: int | None = None
    inverted: bool = False


@dataclass(frozen=True)
class _Stretch:
    """How values become 0 to 255, and which of them mean nothing."""

    low: float = 0.0
    factor: float = 1.0
    shift: int | None = None
    left_out: tuple[float, ...] = ()

    def __call__(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        if values.dtype == np.uint8:
            return np.asarray(values, np.uint8)
        if self.shift is not None:
            shifted = np.maximum(values, 0) >> self.shift
            return np.asarray(shifted.clip(0, 255), np.uint8)
        scaled = (values.astype(np.float64) - self.low) * self.factor
        return np.asarray(np.rint(np.nan_to_num(scaled, nan=0.0).clip(0, 255)), np.uint8)


def rows(height: int, width: int) -> Iterator[slice]:
    """Divide a picture into strips of about a million pixels."""
    step = max(1, _STRIP // max(width, 1))
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def bits_in_use(largest: int) -> int:
    """Return the smallest of 8, 10, 12, 14, 16, ... bits that hold a value."""
    needed = max(8, largest.bit_length())
    return needed + needed % 2


@np.errstate(all="ignore")  # values may be as large as floats are
def to_grey(picture: Values) -> NDArray[np.uint8]:
    """Return grey values (h, w) as uint8.

    Raises
    ------
    NoValuesError
        When all values are NaN, infinite or no data.

    Notes
    -----
    Values of eight bits stay as they are. Larger integers are divided so that the bits in use (the
    smallest of 8, 10, 12, 14, 16, ... that hold the largest value) become eight. Floats between
    0 and 1 are multiplied by 255. Other floats, and integers below 0, are stretched between their
    0.1 and 99.9 percentiles. NaN, infinite values and no data count as transparent. Transparent
    parts become black or white, whichever leaves the other parts more contrast. The largest alpha
    of the picture counts as opaque; when it is 0, alpha is ignored.
    """
    opaque = 0.0
    if picture.has_alpha:
        opaque = max(float(_clean(alpha).max(initial=0)) for _, _, alpha in picture.strips())
    stretch = _stretch(picture, opaque)
    all_count = not opaque and picture.dtype.kind != "f" and not stretch.left_out
    ground = 0 if all_count else _ground(picture, stretch, opaque)
    grey: NDArray[np.uint8] = np.empty(picture.shape, np.uint8)
    for where, values, alpha in picture.strips():
        part = stretch(values)
        weights = None if all_count else _weights(values, alpha, stretch.left_out, opaque)
        if weights is not None:
            part = np.rint(part * weights + ground * (1 - weights)).astype(np.uint8)
        grey[where] = part
    return 255 - grey if picture.inverted else grey


def _clean(alpha: NDArray[Any] | None) -> NDArray[np.float32]:
    assert alpha is not None
    return np.nan_to_num(alpha.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _weights(
    values: NDArray[Any], alpha: NDArray[Any] | None, left_out: tuple[float, ...], opaque: float
) -> NDArray[np.float32] | None:
    """How much of each pixel is visible, 0 to 1; None when all pixels are fully visible."""
    weights = np.ones(values.shape, np.float32)
    if opaque:
        weights = np.clip(_clean(alpha) / np.float32(opaque), 0, 1)
    if values.dtype.kind == "f":
        weights[~np.isfinite(values)] = 0
    for value in left_out:
        # In the type of the picture: -3.4e38 in a text is not quite the float32 in the pixels.
        with np.errstate(over="ignore"):
            same = values.dtype.type(value) if values.dtype.kind == "f" else value
        weights[values == same] = 0
    return None if (weights == 1).all() else weights


def _ground(picture: Values, stretch: _Stretch, opaque: float) -> int:
    """Choose black or white: the one further from the mean of what is seen."""
    seen = brightness = 0.0
    for _, values, alpha in picture.strips():
        weights = _weights(values, alpha, stretch.left_out, opaque)
        part = stretch(values)
        seen += part.size if weights is None else float(weights.sum(dtype=np.float64))
        brightness += float((part if weights is None else part * weights).sum(dtype=np.float64))
    return 255 if brightness * 2 <= seen * 255 else 0


def _stretch(picture: Values, opaque: float) -> _Stretch:
    left_out = () if picture.no_data is None else (picture.no_data,)
    if picture.dtype == np.uint8:
        return _Stretch(left_out=left_out)
    integers = picture.dtype.kind in "ui"
    low, high, sample = _survey(picture, left_out, opaque)
    for _ in range(2):  # one at each end
        alone = None
        if low < 0 or (high > 1 and not integers):
            alone = _alone(low, high, sample)
        if alone is None:
            break
        left_out = (*left_out, alone)
        low, high, sample = _survey(picture, left_out, opaque)
    if integers and low >= 0:
        top = int(high) if picture.largest is None or left_out else picture.largest
        return _Stretch(shift=bits_in_use(top) - 8, left_out=left_out)
    if low >= 0 and high <= 1:
        return _Stretch(factor=255.0, left_out=left_out)
    ends = np.percentile(sample, _PERCENTILES)
    if ends[0] < ends[1]:
        low, high = float(ends[0]), float(ends[1])
    return _Stretch(low=low, factor=255 / max(high - low, 1e-30), left_out=left_out)


def _survey(
    picture: Values, left_out: tuple[float, ...], opaque: float
) -> tuple[float, float, NDArray[np.float64]]:
    """Smallest and largest visible value, and a sample of about a million visible values."""
    low, high, samples = np.inf, -np.inf, []
    step = max(1, picture.shape[0] * picture.shape[1] // _SAMPLE)
    for _, values, alpha in picture.strips():
        weights = _weights(values, alpha, left_out, opaque)
        good = values.ravel() if weights is None else values[weights > 0]
        if good.size:
            low, high = min(low, float(good.min())), max(high, float(good.max()))
            samples.append(good[::step].astype(np.float64))
    if not samples:
        raise NoValuesError
    return low, high, np.concatenate(samples)


def _alone(low: float, high: float, sample: NDArray[np.float64]) -> float | None:
    """Find a value such as -9999 that many pixels have, and that is far from all others.

    A negative value below all others must be further from them than nearly all others are from each
    other. A value above all others must be four times as far, because a bright object on a dark
    ground is also far from the rest.
    """
    ends = [(high, sample[sample < high], 4)]
    if low < 0:
        ends.insert(0, (low, sample[sample > low], 1))
    for value, others, factor in ends:
        if others.size and (sample == value).mean() > _MANY:
            near, far = np.percentile(others, _PERCENTILES)
            if np.abs(others - value).min() > factor * (far - near) > 0:
                return value
    return None
