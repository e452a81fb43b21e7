"""Keypoints in six bytes: 14 bits for each coordinate, ten for the scale, ten for the angle.

Coordinates are stored as fractions of the longest side of the picture. One step is a twentieth of
a pixel when that side has 800 pixels, and a quarter when it has 4,096. Scales are stored as
logarithms, in steps of 0.8 %, and angles in steps of a third of a degree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PLACES = (1 << 14) - 1
_LEVELS = 1 << 10
# Scales can be from 2 ** -12 of the longest side up to the whole side; those of SIFT are within.
_OCTAVES = 12.0
_TURN = np.float32(360 / _LEVELS)
_SCALES = np.exp2(np.arange(_LEVELS) * (_OCTAVES / (_LEVELS - 1)) - _OCTAVES)


def pack_keypoints(keypoints: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.uint16]:
    """Quantise the keypoints of a picture.

    Parameters
    ----------
    keypoints : (n, 4) floating ndarray
        ``x, y, scale, angle``; see `Features.keypoints`.
    size : (int, int)
        Width and height of the picture.

    Returns
    -------
    (n, 3) uint16 ndarray
        The first two numbers hold a coordinate each in their upper 14 bits. Their lowest two bits
        are the upper two bits of the scale and of the angle. The two bytes of the third number
        are the lower eight bits of the scale and of the angle.
    """
    side = float(max(size))
    keypoints = np.asarray(keypoints, np.float64)
    points = np.rint((keypoints[:, :2] + 0.5) * (_PLACES / side)).clip(0, _PLACES).astype(int)
    octaves = np.log2(np.maximum(keypoints[:, 2], 1e-9) / side) + _OCTAVES
    scales = np.rint(octaves * ((_LEVELS - 1) / _OCTAVES)).clip(0, _LEVELS - 1).astype(int)
    angles = np.rint(keypoints[:, 3] / _TURN).astype(int) % _LEVELS
    packed = np.empty((len(keypoints), 3), np.uint16)
    packed[:, 0] = points[:, 0] << 2 | scales >> 8
    packed[:, 1] = points[:, 1] << 2 | angles >> 8
    packed[:, 2] = (scales & 255) << 8 | angles & 255
    return packed


def unpack_keypoints(
    packed: NDArray[np.uint16], size: tuple[int, int] | NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return the keypoints ``(n, 4)`` that `pack_keypoints` packed.

    `size` is the width and height of the picture, or ``(n, 2)`` sizes, one for each keypoint.
    """
    side = np.asarray(size, np.float64).max(axis=-1)
    keypoints = np.empty((len(packed), 4), np.float32)
    for column in (0, 1):
        keypoints[:, column] = (packed[:, column] >> 2) * (side / _PLACES) - 0.5
    keypoints[:, 2] = side * _SCALES[(packed[:, 0] & 3) << 8 | packed[:, 2] >> 8]
    keypoints[:, 3] = unpack_angles(packed)
    return keypoints


def unpack_angles(packed: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return angles in degrees ``(n,)``, from 0 to below 360."""
    return np.asarray(((packed[:, 1] & 3) << 8 | packed[:, 2] & 255) * _TURN, np.float32)
