"""Plane transforms between pictures: similarities by least squares, and OpenCV's robust fits.

A transform is a ``(3, 3)`` matrix for homogeneous positions ``(x, y, 1)``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

_MAX_ITERATIONS = 1000
_CONFIDENCE = 0.999


def similarity_matrices(
    a: NDArray[np.complex128], b: NDArray[np.complex128]
) -> NDArray[np.float64]:
    """Matrices ``(n, 3, 3)`` of the similarities ``z -> a z + b`` of the complex plane."""
    matrices = np.zeros((len(a), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = a.real
    matrices[:, 1, 0] = a.imag
    matrices[:, 0, 1] = -a.imag
    matrices[:, 0, 2] = b.real
    matrices[:, 1, 2] = b.imag
    matrices[:, 2, 2] = 1
    return matrices


def fit_similarities(
    z: NDArray[np.complex128],
    w: NDArray[np.complex128],
    group: NDArray[np.integer],
    n_groups: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fit a similarity to the correspondences ``z -> w`` of each group by least squares.

    Returns
    -------
    transforms : (n_groups, 3, 3) float64 ndarray
    sound : (n_groups,) bool ndarray
        False where the fit is not reliable, as for fewer than two distinct positions.
    """

    def total(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
        real = np.bincount(group, values.real, n_groups)
        return real + 1j * np.bincount(group, values.imag, n_groups)

    counts = np.maximum(np.bincount(group, minlength=n_groups), 1)
    z_mean, w_mean = total(z) / counts, total(w) / counts
    z, w = z - z_mean[group], w - w_mean[group]
    spread = np.bincount(group, z.real**2 + z.imag**2, n_groups)
    product = total(z.conj() * w)
    sound = (spread > 1e-6) & (np.abs(product) > 1e-6)
    a = np.where(sound, product / np.where(sound, spread, 1), 1)
    return similarity_matrices(a, w_mean - a * z_mean), sound


def transform_errors(
    transforms: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distances between the targets and the transformed sources.

    Parameters
    ----------
    transforms : (m, 3, 3) float64 ndarray
        One transform for each pair of positions.
    source, target : (m, 2) float64 ndarray

    Returns
    -------
    (m,) float64 ndarray
        Infinite for positions that a homography moves to or behind the horizon.
    """
    moved = np.einsum("mij,mj->mi", transforms[:, :, :2], source) + transforms[:, :, 2]
    ahead = moved[:, 2] > 1e-9
    depth = np.where(ahead, moved[:, 2], 1.0)
    errors = np.square(moved[:, :2] / depth[:, None] - target).sum(axis=1)
    return np.where(ahead, errors, np.inf)


def derivative(transform: NDArray[np.float64], point: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give the derivative ``(2, 2)`` of a transform at a position ``(2,)``, which is not infinite.

    A step from the position, times this matrix, is the step from the transformed position.
    """
    x, y, depth = transform @ np.append(np.asarray(point, np.float64), 1.0)
    moved = np.array([x, y]) / depth
    return np.asarray((transform[:2, :2] - np.outer(moved, transform[2, :2])) / depth)


def fit_with_opencv(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    tolerance: float,
    model: Literal["partial", "affine", "homography"],
) -> NDArray[np.float64] | None:
    """Fit a transform robustly with OpenCV.

    "partial" uses RANSAC, since OpenCV's function for it does not offer USAC; the others use USAC
    (MAGSAC++). The random generators restart with every call, so the same input gives the same
    result.

    Returns
    -------
    (3, 3) float64 ndarray or None
        None when there are too few correspondences, or no model was found.
    """
    import cv2

    if len(source) < {"partial": 2, "affine": 3, "homography": 4}[model]:
        return None
    source, target = np.ascontiguousarray(source), np.ascontiguousarray(target)
    if model == "partial":
        matrix, _ = cv2.estimateAffinePartial2D(
            source,
            target,
            method=cv2.RANSAC,
            ransacReprojThreshold=tolerance,
            maxIters=_MAX_ITERATIONS,
            confidence=_CONFIDENCE,
        )
    else:
        parameters = cv2.UsacParams()
        parameters.threshold = tolerance
        parameters.maxIterations = _MAX_ITERATIONS
        parameters.confidence = _CONFIDENCE
        parameters.isParallel = False
        parameters.randomGeneratorState = 0
        parameters.score = cv2.SCORE_METHOD_MAGSAC
        parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
        fit = cv2.estimateAffine2D if model == "affine" else cv2.findHomography
        try:
            matrix, _ = fit(source, target, parameters)
        except cv2.error:  # USAC gives up this way on some degenerate inputs
            return None
    if matrix is None or not np.isfinite(matrix).all():
        return None
    return np.vstack([matrix, [0.0, 0.0, 1.0]]) if model != "homography" else np.asarray(matrix)


def is_plausible(
    transform: NDArray[np.float64],
    centre: NDArray[np.float64],
    max_scale: float,
    max_shear: float = 4.0,
) -> bool:
    """Whether a transform could come from a camera: no reflection, no extreme change of size.

    The transform is checked at `centre` ``(2,)``, the middle of the matches. The singular values
    of its derivative there are the largest and smallest change of length.
    """
    x, y = centre.tolist()
    (a, b, c), (d, e, f), (g, h, i) = transform.tolist()
    depth = g * x + h * y + i
    if depth <= 1e-9:
        return False
    u, v = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    # The derivative, times the depth.
    a, b, d, e = a - u * g, b - u * h, d - v * g, e - v * h
    if a * e - b * d <= 0:
        return False
    # Singular values of a matrix of two rows and columns.
    one, other = np.hypot(a + e, d - b), np.hypot(a - e, d + b)
    largest, smallest = (one + other) / 2 / depth, (one - other) / 2 / depth
    return bool(
        largest <= max_scale and smallest >= 1 / max_scale and largest <= max_shear * smallest
    )
