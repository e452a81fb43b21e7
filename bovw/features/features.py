"""The features of one picture: keypoints and descriptors, ours or from any other extractor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import SettingsError, shown
from ..pictures import Box

# (n, d) uint8 or float32; NumPy's types cannot say that of one array.
Descriptors: TypeAlias = NDArray[Any]

# Bytes of packed descriptors (ORB and BRIEF, AKAZE, BRISK and FREAK): as numbers they would mean
# nothing, so it must be said what they are.
_PACKED_LENGTHS = (16, 32, 61, 64)
# Positions may be this many pixels outside: detectors refine them beyond the last pixel.
_OUTSIDE = 1.5
_LARGEST_SIDE = 1 << 24
MOST_DIMENSIONS = 4096
"""Largest number of values of a descriptor: sums of them stay exact in float32 (see signatures)."""


@dataclass(frozen=True)
class Features:
    """The features of one picture.

    Attributes
    ----------
    keypoints : (n, 4) float32 ndarray
        Columns ``x, y, scale, angle``. ``x, y`` are in pixels of the original after its EXIF
        orientation was applied; the centre of the top-left pixel is (0, 0). ``scale`` is half of
        OpenCV's ``size``, in the same pixels. ``angle`` is in degrees, clockwise in the picture,
        and 0 for upright features.
    descriptors : (n, d) uint8 or float32 ndarray
        128 uint8 values each, if they are those of `SiftExtractor`.
    size : (int, int)
        Width and height of the original in pixels.
    sha256 : str
        SHA-256 of the bytes of the picture; of features from elsewhere, see `from_arrays`.
    region : tuple of float or None
        ``x0, y0, x1, y1``: the part of the picture that the features come from.
    left_out : int
        How many further frames or pages the file has, which were not read.
    """

    keypoints: NDArray[np.float32]
    descriptors: Descriptors
    size: tuple[int, int]
    sha256: str
    region: Box | None = None
    left_out: int = 0

    @classmethod
    def from_arrays(
        cls,
        keypoints: ArrayLike | Sequence[Any],
        descriptors: ArrayLike | None,
        size: tuple[int, int],
        *,
        binary: bool | None = None,
        sha256: str | None = None,
    ) -> Features:
        """Make features of what any extractor gave for a picture.

        Parameters
        ----------
        keypoints : (n, 2), (n, 3) or (n, 4) array of numbers, or sequence of cv2.KeyPoint
            Columns ``x, y``, then ``scale``, then ``angle``, as in `Features.keypoints`: the
            centre of the top-left pixel is (0, 0), and an angle is in degrees, clockwise. A
            missing scale is 1, and a missing angle 0. Geometric verification then expects that
            two pictures show a thing at about the same size, or the same way up, because one pair
            of features must be enough for a first guess.
        descriptors : (n, d) array of uint8 or floating-point numbers, or None
            Floating-point numbers are stored as float32; the vocabulary quantises them (see
            `Vocabulary`). None is for a picture without features.
        size : (int, int)
            Width and height of the picture in pixels.
        binary : bool, optional
            Whether the bytes of uint8 descriptors are packed bits, as of ORB, BRISK and AKAZE. Each
            bit then becomes a value of 0 or 255, so that squared Euclidean distances are exactly
            255 ** 2 times the Hamming distances. For rows of 16, 32, 61 or 64 bytes, which can be
            either, it must be given.
        sha256 : str, optional
            64 hexadecimal digits that say which picture it is; equal ones count as copies.
            Default: the hash of these arrays.

        Raises
        ------
        SettingsError
            When the arrays do not fit each other, hold NaN, or lie outside of the picture.

        Examples
        --------
        >>> import numpy as np
        >>> points, values = np.array([[12.0, 30.5]]), np.ones((1, 256), np.float16)
        >>> Features.from_arrays(points, values, (640, 480))
        Features(1 features of a picture of 640 x 480)
        """
        if binary is not None and not isinstance(binary, (bool, np.bool_)):
            raise SettingsError(f"binary={shown(binary)}: expected true, false or None")
        width, height = _checked_size(size)
        points = _checked_keypoints(keypoints, (width, height))
        values = _checked_descriptors(descriptors, len(points), binary)
        if sha256 is None:
            digest = hashlib.sha256(repr((width, height, values.dtype.str, values.shape)).encode())
            for array in (points, values):
                digest.update(np.ascontiguousarray(array).tobytes())
            sha256 = digest.hexdigest()
        elif not _is_hash(sha256):
            raise SettingsError(f"sha256={shown(sha256)}: expected 64 hexadecimal digits")
        return cls(points, values, (width, height), sha256)

    def __len__(self) -> int:
        return len(self.keypoints)

    def __repr__(self) -> str:
        return f"Features({len(self)} features of a picture of {self.size[0]} x {self.size[1]})"


def _is_hash(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")


def _checked_size(size: Any) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in size)
        exact = tuple(size) == (width, height)
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or not (0 < width < _LARGEST_SIDE and 0 < height < _LARGEST_SIDE):
        raise SettingsError(f"size={shown(size)}: expected the width and the height in pixels")
    return width, height


def _numbers(values: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{name}={shown(values)}: expected rows of numbers, all of one length"
        ) from error
    if (
        array.dtype.kind not in "fiu"
        or array.ndim not in (1, 2)
        or (array.ndim == 1 and array.size)
    ):
        raise SettingsError(
            f"{name} of shape {array.shape} and type {array.dtype}: expected rows of numbers, "
            "one row for each feature"
        )
    return array if array.ndim == 2 else array.reshape(0, 0)


def _checked_keypoints(keypoints: Any, size: tuple[int, int]) -> NDArray[np.float32]:
    if isinstance(keypoints, (list, tuple)) and keypoints and hasattr(keypoints[0], "pt"):
        # OpenCV: the diameter of the region, and an angle of -1 for "not known".
        keypoints = [(*k.pt, k.size / 2, max(k.angle, 0.0)) for k in keypoints]
    given = _numbers(keypoints, "keypoints")
    if len(given) and given.shape[1] not in (2, 3, 4):
        raise SettingsError(
            f"keypoints of {given.shape[1]} columns: expected x, y, or x, y, scale, or x, y, "
            "scale, angle"
        )
    points: NDArray[np.float32] = np.zeros((len(given), 4), np.float32)
    points[:, 2] = 1
    if len(given):
        with np.errstate(over="ignore"):
            points[:, : given.shape[1]] = given
    if not np.isfinite(points).all():
        raise SettingsError("keypoints hold NaN or infinite numbers: leave those features out")
    if (points[:, 2] <= 0).any():
        raise SettingsError(
            f"a scale of {points[:, 2].min()}: expected the radius of the feature in pixels, over 0"
        )
    far = np.abs(points[:, :2] - (np.array(size) - 1) / 2) > np.array(size) / 2 + _OUTSIDE
    if far.any():
        x, y = points[far.any(axis=1)][0, :2]
        turned = points[:, :2].max(axis=0) <= np.array(size[::-1]) + _OUTSIDE
        hint = ": is this height, width?" if turned.all() else " in pixels of the full size"
        raise SettingsError(
            f"a keypoint at x={x:.1f}, y={y:.1f} lies outside of the picture of "
            f"{size[0]} x {size[1]} pixels: expected the size as width, height{hint}"
        )
    points[:, 3] %= 360
    return points


def _checked_descriptors(descriptors: Any, n: int, binary: bool | None) -> Descriptors:
    values = _numbers([] if descriptors is None else descriptors, "descriptors")
    if len(values) != n or (n and values.shape[1] == 0):
        hint = "; give their transpose" if values.shape[1:] == (n,) else ""
        raise SettingsError(
            f"{n} keypoints and descriptors of shape {values.shape}: expected ({n}, d), one "
            f"descriptor for each keypoint{hint}"
        )
    if n == 0:
        return np.zeros((0, values.shape[1]), np.uint8)
    if values.shape[1] * (8 if binary else 1) > MOST_DIMENSIONS:
        raise SettingsError(
            f"descriptors of {values.shape[1]} values: expected at most {MOST_DIMENSIONS}; reduce "
            "them (PCA)"
        )
    if values.dtype.kind == "f":
        if binary:
            raise SettingsError("binary=True, but the descriptors are floats: expected uint8")
        return finite_floats(values)
    if values.dtype != np.uint8:
        raise SettingsError(
            f"descriptors of type {values.dtype}: expected uint8 or floating-point numbers; "
            "convert them with astype"
        )
    if binary is None and values.shape[1] in _PACKED_LENGTHS:
        raise SettingsError(
            f"descriptors of {values.shape[1]} bytes: are these {8 * values.shape[1]} packed bits "
            f"(ORB, BRISK, AKAZE) or {values.shape[1]} numbers? Give binary=True or binary=False"
        )
    if binary:
        return np.unpackbits(np.ascontiguousarray(values), axis=1) * np.uint8(255)
    return np.ascontiguousarray(values)


def finite_floats(descriptors: NDArray[Any]) -> NDArray[np.float32]:
    """Descriptors as float32; a SettingsError when some are no finite numbers."""
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(descriptors, np.float32)
    if not np.isfinite(numbers).all():
        raise SettingsError(
            "descriptors hold NaN, infinity, or numbers too large for float32: leave those "
            "features out"
        )
    return numbers
