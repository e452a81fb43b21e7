"""How two pictures lie upon each other, from a verification: overlap, agreement, scale, turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..search import Verification, derivative, frame

Keypoints = NDArray[np.float32]
Size = tuple[int, int]
# Features of one picture cannot be seen in another that shows them smaller than this scale, in
# pixels in which features are found.
_SMALLEST = 1.6
_ROUNDS, _FINEST = 20, 0.2  # of the fit; errors below this many pixels are all the same


def view_of(
    found: Verification,
    one: tuple[Keypoints, Size],
    other: tuple[Keypoints, Size],
    place: float,
    max_side: int,
) -> dict[str, float | bool]:
    """Describe how one picture lies upon another.

    Parameters
    ----------
    found : Verification
        With a transform from the one to the other; the first one counts.
    one, other : ((n, 4) float32 ndarray, (int, int))
        Keypoints and size of each picture.
    place : float
        Side of the cells in which an inlier counts once; see `GeometrySettings.place`.
    max_side : int
        See `ImageSettings.max_side`: features are found in pictures that are shrunk to this side.

    Returns
    -------
    dict
        Fields of `Link`: covered_one, covered_other, agreement, error, scale, angle, mirrored.
    """
    assert found.transform is not None  # it is a match
    turn = derivative(found.transform, found.query_points.mean(axis=0))
    mirrored = bool(np.linalg.det(turn) < 0)
    transform = fitted_similarity(found.query_points, found.points, mirrored=mirrored)
    back = np.asarray(np.linalg.inv(transform), np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(transform[:2, :2]))))
    across = -transform[:2, 0] if mirrored else transform[:2, 0]
    # Sides of the pixels in which features are found, in pixels of each picture. How exactly a
    # feature is found depends on the coarser of them.
    pixels = [max(1.0, (size[0] * size[1]) ** 0.5 / max_side) for size in (one[1], other[1])]
    coarser = max(pixels[0] * scale, pixels[1])
    error = np.hypot(*(moved(transform, found.query_points) - found.points).T) / coarser
    # Inliers are one in a place; so are the features that might have been inliers.
    visible = min(
        _n_places(one, other[1], transform, scale / pixels[1], place),
        _n_places(other, one[1], back, 1 / scale / pixels[0], place),
    )
    exact = np.count_nonzero(error <= 1)
    return {
        "covered_one": _covered(one[1], other[1], transform),
        "covered_other": _covered(other[1], one[1], back),
        "agreement": min(1.0, exact / max(1, visible)),
        "error": float(np.median(error)),
        "scale": scale,
        "angle": float(np.degrees(np.arctan2(across[1], across[0])) % 360),
        "mirrored": mirrored,
    }


def fitted_similarity(
    points: NDArray[np.floating], others: NDArray[np.floating], *, mirrored: bool = False
) -> NDArray[np.float64]:
    """Fit a similarity more closely than a verification does, which needs no exact one.

    Least squares with weights that fall with the error, as for a Cauchy distribution whose width is
    the median error (iteratively reweighted least squares, Holland & Welsch 1977).

    Parameters
    ----------
    points, others : (n, 2) floating ndarray
        Positions, and what they are moved to; at least two that differ.
    mirrored : bool
        Whether the positions are mirrored first.

    Returns
    -------
    (3, 3) float64 ndarray
    """
    x = -points[:, 0] if mirrored else points[:, 0]
    z, w = x.astype(np.float64) + 1j * points[:, 1], others[:, 0].astype(np.float64)
    w = w + 1j * others[:, 1]
    weight = np.ones(len(z))
    for _ in range(_ROUNDS):
        z0, w0 = np.average(z, weights=weight), np.average(w, weights=weight)
        spread = max(float((weight * np.abs(z - z0) ** 2).sum()), 1e-9)
        a = complex((weight * (z - z0).conj() * (w - w0)).sum()) / spread
        error = np.abs(a * (z - z0) - (w - w0))
        weight = 1 / (1 + (error / max(float(np.median(error)), _FINEST)) ** 2)
    b = w0 - a * z0
    first = -a if mirrored else a
    # z -> a z + b, with x before a mirrored one negated.
    return np.array([[first.real, -a.imag, b.real], [first.imag, a.real, b.imag], [0.0, 0.0, 1.0]])


def moved(transform: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Move positions ``(n, 2)`` by a transform; those at infinity or beyond become NaN."""
    found = np.column_stack([points, np.ones(len(points))]) @ transform.T
    depth = np.where(found[:, 2:] > 1e-9, found[:, 2:], np.nan)
    return np.asarray(found[:, :2] / depth)


def _inside(points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    return np.asarray((points >= -0.5).all(axis=1) & (points <= np.array(size) - 0.5).all(axis=1))


def _covered(size: Size, other: Size, transform: NDArray[np.float64]) -> float:
    """Share of a picture that a transform moves into another one, to a percent or so."""
    steps = (np.arange(64) + 0.5) / 64
    x, y = np.meshgrid(steps * size[0] - 0.5, steps * size[1] - 0.5)
    return float(_inside(moved(transform, np.stack([x.ravel(), y.ravel()], axis=1)), other).mean())


def _n_places(
    picture: tuple[Keypoints, Size],
    other: Size,
    transform: NDArray[np.float64],
    scale: float,
    place: float,
) -> int:
    """In how many places a picture has a feature that the other could show, too.

    `scale` is how large the other shows it, in the pixels in which its features are found.
    """
    keypoints, size = picture
    seen = keypoints[:, 2] * scale >= _SMALLEST
    points = keypoints[seen, :2]
    points = points[_inside(moved(transform, points), other)]
    cells = np.floor(points / (place * frame(size))).astype(np.int64)
    return len(np.unique(cells, axis=0))
