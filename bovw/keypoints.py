"""Keypoints in six bytes: places in two times 16 bits, scale and angle in a byte each.

Places are fractions of the longest side of the picture, so that a step is an eightieth of a pixel
at 800 pixels, and a quarter of one at 16,384. Scales are logarithms, in steps of 3 %; angles in
steps of 1.4 degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PLACES = (1 << 16) - 1
_LEVELS = 255
# Scales from 2 ** -12 of the longest side to all of it; SIFT's are well within.
_OCTAVES = 12.0
_TURN = np.float32(360 / 256)


def pack_keypoints(
    keypoints: NDArray[np.floating], size: tuple[int, int]
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Quantise the keypoints of a picture.

    Parameters
    ----------
    keypoints : (n, 4) floating ndarray
        ``x, y, scale, angle``; see `Features.keypoints`.
    size : (int, int)
        Width and height of the picture.

    Returns
    -------
    points : (n, 2) uint16 ndarray
    shapes : (n, 2) uint8 ndarray
        Scale and angle.
    """
    side = float(max(size))
    keypoints = np.asarray(keypoints, np.float64)
    points = np.rint((keypoints[:, :2] + 0.5) * (_PLACES / side)).clip(0, _PLACES)
    octaves = np.log2(np.maximum(keypoints[:, 2], 1e-9) / side) + _OCTAVES
    scales = np.rint(octaves * (_LEVELS / _OCTAVES)).clip(0, _LEVELS)
    angles = np.rint(keypoints[:, 3] / _TURN) % 256
    return points.astype(np.uint16), np.stack([scales, angles], axis=1).astype(np.uint8)


def unpack_keypoints(
    points: NDArray[np.uint16], shapes: NDArray[np.uint8], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return keypoints ``(n, 4)``; see `pack_keypoints`."""
    side = float(max(size))
    keypoints = np.empty((len(points), 4), np.float32)
    keypoints[:, :2] = points * (side / _PLACES) - 0.5
    keypoints[:, 2] = side * _SCALES[shapes[:, 0]]
    keypoints[:, 3] = unpack_angles(shapes[:, 1])
    return keypoints


def unpack_angles(angles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return angles in degrees, from 0 to below 360."""
    return np.asarray(angles * _TURN, np.float32)


_SCALES = np.exp2(np.arange(_LEVELS + 1) * (_OCTAVES / _LEVELS) - _OCTAVES)
