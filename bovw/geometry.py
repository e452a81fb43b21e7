"""Geometric verification: do two pictures show the same thing in the same arrangement?

All candidates of a query are verified together, as ragged arrays: correspondences of candidate 0,
then of candidate 1, and so on. Nothing here is random, so the answer is the same for any number
of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .matching import Correspondences, tentative_matches
from .settings import GeometrySettings
from .transforms import (
    fit_similarities,
    fit_with_opencv,
    is_plausible,
    similarity_matrices,
    transform_errors,
)

# Hypotheses tried for each candidate; the correspondences of the rarest words give them.
_HYPOTHESES = 64
_REFINEMENTS = 4
# Two correspondences agree on a similarity when their own changes of scale and angle do, roughly.
_LOG_SCALE_SLACK = np.log(2.0)
_ANGLE_SLACK = 40.0


@dataclass(frozen=True)
class PictureFeatures:
    """What verification needs of a picture.

    Attributes
    ----------
    words : (n,) integer ndarray
        In increasing order.
    keypoints : (n, 4) float32 ndarray
        ``x, y, scale, angle``.
    size : (int, int)
        Width and height.
    """

    words: NDArray[np.integer]
    keypoints: NDArray[np.float32]
    size: tuple[int, int]


@dataclass(frozen=True)
class Verification:
    """What was found between a query and one candidate.

    Attributes
    ----------
    matches : int
        Tentative correspondences.
    inliers : int
        Those that fit the model, each place of either picture counted once.
    pairs : (inliers, 2) int32 ndarray
        Feature of the query, feature of the candidate.
    transform : (3, 3) float64 ndarray or None
        Takes homogeneous query positions to candidate positions; None without a model.
    region : tuple of float or None
        ``x0, y0, x1, y1``: the box around the inliers in the candidate.
    """

    matches: int
    inliers: int
    pairs: NDArray[np.int32]
    transform: NDArray[np.float64] | None
    region: tuple[float, float, float, float] | None

    def evidence(self, chance_share: float) -> float:
        """Inliers above what `chance_share` of the correspondences gives by chance."""
        return max(0.0, self.inliers - chance_share * self.matches)


def _no_match(matches: int) -> Verification:
    return Verification(matches, 0, np.zeros((0, 2), np.int32), None, None)


def verify(
    query: PictureFeatures,
    candidates: list[PictureFeatures],
    settings: GeometrySettings | None = None,
    matches: Correspondences | None = None,
) -> list[Verification]:
    """Verify candidates against a query.

    Parameters
    ----------
    query : PictureFeatures
    candidates : list of PictureFeatures
    settings : GeometrySettings, optional
    matches : Correspondences, optional
        Without them features match that share a word.

    Returns
    -------
    list of Verification
        One for each candidate.
    """
    settings = settings or GeometrySettings()
    n = len(candidates)
    if matches is None:
        matches = tentative_matches(
            query.words, [c.words for c in candidates], settings.max_pairs_per_word
        )
    if len(matches.query) == 0:
        return [_no_match(0)] * n
    group = matches.group
    starts = np.searchsorted(group, np.arange(n + 1))
    sizes = np.diff(starts)
    source = query.keypoints[matches.query].astype(np.float64)
    target = np.concatenate(
        [
            c.keypoints[matches.candidate[starts[i] : starts[i + 1]]]
            for i, c in enumerate(candidates)
        ]
    ).astype(np.float64)
    tolerances = settings.tolerance * np.array([max(c.size) for c in candidates], np.float64)
    if settings.model == "similarity":
        transforms = _best_similarities(source, target, starts, tolerances)
    else:
        transforms = np.full((n, 3, 3), np.nan)
        for i in np.flatnonzero(sizes):
            mine = slice(starts[i], starts[i + 1])
            matrix = fit_with_opencv(
                source[mine, :2], target[mine, :2], tolerances[i], settings.model
            )
            if matrix is not None:
                transforms[i] = matrix
    with np.errstate(invalid="ignore"):
        errors = transform_errors(transforms[group], source[:, :2], target[:, :2])
    fits = np.flatnonzero(errors <= tolerances[group] ** 2)
    fits = fits[np.lexsort((errors[fits], group[fits]))]
    cells = settings.tolerance * max(query.size) / 2, tolerances[group, None] / 2
    fits = fits[_first_of_each(group[fits], source[fits, :2] // cells[0])]
    fits = fits[_first_of_each(group[fits], target[fits, :2] // cells[1][fits])]
    bounds = np.searchsorted(group[fits], np.arange(n + 1))
    results = []
    for g in range(n):
        inliers = np.sort(fits[bounds[g] : bounds[g + 1]])
        pairs = np.stack([matches.query[inliers], matches.candidate[inliers]], axis=1)
        spread = 2 * settings.tolerance * max(query.size), 2 * float(tolerances[g])
        places = source[inliers, :2], target[inliers, :2]
        if _is_sound(transforms[g], places, spread, settings.max_scale):
            low, high = places[1].min(axis=0).tolist(), places[1].max(axis=0).tolist()
            region = (low[0], low[1], high[0], high[1])
            found = Verification(int(sizes[g]), len(pairs), pairs, transforms[g], region)
        else:
            found = _no_match(int(sizes[g]))
        results.append(found)
    return results


def _is_sound(
    transform: NDArray[np.float64],
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
    spread: tuple[float, float],
    max_scale: float,
) -> bool:
    """Whether inliers spread over both pictures, and a camera could have made their transform."""
    source, target = places
    if len(source) < 2:
        return False
    if np.ptp(source, axis=0).max() < spread[0] or np.ptp(target, axis=0).max() < spread[1]:
        return False
    return is_plausible(transform, source.mean(axis=0), max_scale)


def _first_of_each(group: NDArray[np.integer], cells: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of the first correspondence of each cell of each group, in order."""
    keys = np.column_stack([group, cells]).astype(np.int64)
    _, first = np.unique(keys, axis=0, return_index=True)
    return np.sort(first)


def _best_similarities(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    starts: NDArray[np.integer],
    tolerances: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Best similarity of each candidate: one hypothesis for each correspondence, refined.

    A correspondence of features with scale and angle gives a similarity by itself, so all
    hypotheses can be tried, none drawn by chance (Philbin et al. 2007). Least squares over the
    inliers, a few times over, refines the best (local optimisation, Chum et al. 2003).
    """
    n = len(starts) - 1
    sizes = np.diff(starts)
    group = np.repeat(np.arange(n), sizes)
    limits = tolerances[group] ** 2
    rotation = np.deg2rad(target[:, 3] - source[:, 3])
    log_scale = np.log(target[:, 2]) - np.log(source[:, 2])
    # As complex numbers a similarity is z -> a z + b.
    z, w = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    a = np.exp(log_scale + 1j * rotation)
    b = w - a * z
    best = starts[:-1].copy()
    slack = np.cos(np.deg2rad(_ANGLE_SLACK))
    for i in np.flatnonzero(sizes):
        mine = slice(starts[i], starts[i + 1])
        tried = slice(starts[i], min(starts[i] + _HYPOTHESES, starts[i + 1]))
        difference = a[tried, None] * z[mine] + (b[tried, None] - w[mine])
        fits = difference.real**2 + difference.imag**2 <= tolerances[i] ** 2
        fits &= np.abs(log_scale[tried, None] - log_scale[mine]) <= _LOG_SCALE_SLACK
        fits &= np.cos(rotation[tried, None] - rotation[mine]) >= slack
        best[i] += int(fits.sum(axis=1).argmax())
    best = np.minimum(best, len(z) - 1)
    transforms = similarity_matrices(a[best], b[best])
    fits = transform_errors(transforms[group], source[:, :2], target[:, :2]) <= limits
    support = np.bincount(group[fits], minlength=n)
    for _ in range(_REFINEMENTS):
        refined, sound = fit_similarities(z[fits], w[fits], group[fits], n)
        errors = transform_errors(refined[group], source[:, :2], target[:, :2])
        refits = errors <= limits
        counts = np.bincount(group[refits], minlength=n)
        better = sound & (counts >= support)
        if not better.any():
            break
        transforms[better] = refined[better]
        support = np.where(better, counts, support)
        fits = np.where(better[group], refits, fits)
    return transforms
