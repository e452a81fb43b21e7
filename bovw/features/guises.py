"""The features of a picture in another guise, mirrored or negative, without another extraction.

A SIFT descriptor is a grid of 4 x 4 cells, turned with the keypoint. Each cell has a histogram of
the gradient over 8 directions. Mirroring a picture mirrors the grid, and the directions with it.
In the negative all gradients point the other way, so an oriented keypoint turns by half a circle.
In both cases the descriptor has the same values in another order (Guo, Cao & Ma, "MIFT: a framework
for feature descriptors to be mirror reflection invariant", 2012).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from .features import Features
from .sift import DESCRIPTOR_LENGTH

Guise = Literal["mirror", "negative"]
"""How a query is asked besides as it is."""


def checked_guises(names: str | tuple[str, ...]) -> tuple[Guise, ...]:
    """Return guises, given as a tuple or as text such as "mirror,negative".

    Raises
    ------
    SettingsError
        When one is unknown.
    """
    given = [part.strip() for part in names.split(",")] if isinstance(names, str) else list(names)
    chosen = [name for name in dict.fromkeys(given) if name != ""]
    for name in chosen:
        if name not in get_args(Guise):
            raise SettingsError(f"guise {shown(name)}: expected one of {get_args(Guise)}")
    return tuple(guise for guise in get_args(Guise) if guise in chosen)


def in_guise(features: Features, guise: Guise, *, upright: bool = False) -> Features:
    """Give the features that the mirrored or the negative picture has.

    Parameters
    ----------
    features : Features
    guise : {"mirror", "negative"}
        "mirror": left and right are exchanged. "negative": dark and light are exchanged.
    upright : bool
        Whether all keypoints were described as if their direction were 0.

    Returns
    -------
    Features
        For "mirror", positions and region are those in the mirrored picture.
    """
    keypoints = features.keypoints.copy()
    region, width = features.region, features.size[0]
    if guise == "mirror":
        keypoints[:, 0] = width - 1 - keypoints[:, 0]
        if region is not None:
            region = width - region[2], region[1], width - region[0], region[3]
    if not upright:
        angles = 180 - keypoints[:, 3] if guise == "mirror" else keypoints[:, 3] + 180
        keypoints[:, 3] = angles % 360
    return replace(
        features,
        keypoints=keypoints,
        descriptors=np.ascontiguousarray(features.descriptors[:, _order(guise, upright)]),
        region=region,
    )


def _order(guise: Guise, upright: bool) -> NDArray[np.intp]:
    """For each value of the descriptor in the other guise: its position in the given one."""
    values = np.arange(DESCRIPTOR_LENGTH).reshape(4, 4, 8)  # across, along, direction
    turns = np.arange(8)
    if guise == "mirror":
        values = values[:, ::-1, (4 - turns) % 8] if upright else values[::-1, :, -turns % 8]
    else:
        values = values[:, :, (turns + 4) % 8] if upright else values[::-1, ::-1]
    return values.ravel()
