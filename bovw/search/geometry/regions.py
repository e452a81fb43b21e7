"""The part of two pictures in which a verification found the same thing, as quadrilaterals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .transforms import transform_errors
from .verification import Verification

Quadrilateral = NDArray[np.float64]
"""Corners ``(4, 2)``: ``x, y`` in pixels."""


def matched_quadrilaterals(found: Verification) -> tuple[Quadrilateral, Quadrilateral] | None:
    """Outline what matched, in the query and in the candidate.

    In the query it is the box around the inliers; in the candidate, this box moved by the
    transform. With several transforms, only the inliers that the first one fits best count.

    Parameters
    ----------
    found : Verification

    Returns
    -------
    (4, 2) float64 ndarray, (4, 2) float64 ndarray; or None
        Corners of the box in the query: top left, top right, bottom right, bottom left; and the
        same corners in the candidate. None without a transform. If a homography moves a corner
        to infinity or beyond, the corners in the candidate are those of the box around its
        inliers.
    """
    if found.transform is None:
        return None
    asked, points = found.query_points.astype(np.float64), found.points.astype(np.float64)
    if len(found.transforms) > 1:
        n = len(asked)
        errors = [
            transform_errors(np.repeat(transform[None], n, axis=0), asked, points)
            for transform in found.transforms
        ]
        mine = np.argmin(errors, axis=0) == 0
        if mine.any():
            asked, points = asked[mine], points[mine]
    box = _corners(asked)
    moved = np.column_stack([box, np.ones(4)]) @ found.transform.T
    if (moved[:, 2] <= 1e-9).any():
        return box, _corners(points)
    return box, moved[:, :2] / moved[:, 2:]


def _corners(points: NDArray[np.float64]) -> Quadrilateral:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
