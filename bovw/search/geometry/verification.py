"""Geometric verification: do two pictures show the same thing in the same arrangement?

All candidates of a query are verified together. Their correspondences are stored one after another
in the same arrays: first those of candidate 0, then those of candidate 1, and so on. Nothing here
depends on chance, so the result is the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...collection import PictureFeatures, StoredFeatures, keypoints_at
from ...settings import GeometrySettings
from ...vocabulary import center_weights
from .correspondences import Correspondences, tentative_matches
from .transforms import (
    fit_similarities,
    fit_with_opencv,
    is_plausible,
    similarity_matrices,
    transform_errors,
)

# Transforms that are tried for each candidate. They come from its first correspondences, which
# are the best or least ambiguous ones.
_HYPOTHESES = 64
_REFINEMENTS = 4
# Two correspondences can agree on a similarity only when their own changes of scale and angle
# differ by no more than this.
_LOG_SCALE_SLACK = np.log(2.0)
_ANGLE_SLACK = 40.0
# Limit for the number of cells along a side; see `_first_of_each`.
_MANY_CELLS = 1 << 15


@dataclass(frozen=True)
class Verification:
    """Result of verifying one candidate against a query.

    Attributes
    ----------
    matches : int
        Number of tentative correspondences.
    pairs : (inliers, 2) int32 ndarray
        The inliers: feature of the query and feature of the candidate. Both pictures are divided
        into small cells ("places"), and each cell gives at most one inlier of each model.
    query_points, points : (inliers, 2) float32 ndarray
        Positions of these features in the query and in the candidate.
    scales : (inliers,) float32 ndarray
        Scales of these features in the query.
    transforms : tuple of (3, 3) float64 ndarray
        The models, in the order in which they were found. They map homogeneous query positions to
        candidate positions.
    weight : float
        Mean weight of the inliers. The weight of an inlier is that of the query's feature times
        that of the candidate's feature.
    """

    matches: int
    pairs: NDArray[np.int32]
    query_points: NDArray[np.float32]
    points: NDArray[np.float32]
    scales: NDArray[np.float32]
    transforms: tuple[NDArray[np.float64], ...]
    weight: float = 1.0

    @property
    def inliers(self) -> int:
        """Number of correspondences that fit a model."""
        return len(self.pairs)

    @property
    def transform(self) -> NDArray[np.float64] | None:
        """The first model; None without one."""
        return self.transforms[0] if self.transforms else None

    @property
    def region(self) -> tuple[float, float, float, float] | None:
        """Box ``x0, y0, x1, y1`` around the inliers in the candidate; None without a model."""
        if not self.transforms:
            return None
        low, high = self.points.min(axis=0).tolist(), self.points.max(axis=0).tolist()
        return low[0], low[1], high[0], high[1]

    def evidence(self, chance_share: float) -> float:
        """Evidence: inliers minus `chance_share` times the matches, at least 0.

        That share of the matches is expected to agree on a model by chance.
        """
        return max(0.0, self.inliers - chance_share * self.matches)


def verify(
    query: PictureFeatures,
    candidates: Sequence[PictureFeatures | StoredFeatures],
    settings: GeometrySettings | None = None,
    matches: Correspondences | None = None,
    weights: NDArray[np.float32] | None = None,
    center_sigma: float = 0.0,
) -> list[Verification]:
    """Verify candidates against a query.

    Parameters
    ----------
    query : PictureFeatures
    candidates : sequence of PictureFeatures or StoredFeatures
    settings : GeometrySettings, optional
    matches : Correspondences, optional
        Tentative matches; default: all pairs of features that share a word.
    weights : (n,) float32 ndarray, optional
        Weight of each feature of the query; see `Verification.weight`.
    center_sigma : float
        Features of candidates weigh less away from the middle of the picture; see
        `center_weights`.

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
    group = matches.group
    sizes = np.bincount(group, minlength=n)
    source = query.keypoints[matches.query].astype(np.float64)
    target = keypoints_at(candidates, matches.candidate, sizes).astype(np.float64)
    frames = _Frames(
        frame(query.size), np.array([frame(c.size) for c in candidates], np.float64), settings
    )
    inliers: list[list[NDArray[np.intp]]] = [[] for _ in candidates]
    transforms: list[list[NDArray[np.float64]]] = [[] for _ in candidates]
    left = np.arange(len(group))
    for _ in range(settings.max_models):
        if len(left) == 0:
            break
        models, fits = _fit(source[left], target[left], group[left], frames)
        chosen = left[_places(source[left], target[left], group[left], fits, frames)]
        bounds = np.searchsorted(group[chosen], np.arange(n + 1))
        sound = np.zeros(n, bool)
        for g in np.flatnonzero(np.diff(bounds)).tolist():
            mine = np.sort(chosen[bounds[g] : bounds[g + 1]])
            if _is_sound(models[g], source[mine, :2], target[mine, :2], g, frames):
                sound[g] = True
                inliers[g].append(mine)
                transforms[g].append(models[g])
        # The rest may fit another model, such as that of a second object.
        left = left[sound[group[left]] & ~np.isfinite(fits)]
    found = [np.concatenate([np.zeros(0, np.intp), *mine]) for mine in inliers]
    every = np.concatenate([np.zeros(0, np.intp), *found])
    asked, points = matches.query[every], target[every, :2].astype(np.float32)
    pairs = np.stack([asked, matches.candidate[every]], axis=1)
    query_points, scales = query.keypoints[asked, :2], query.keypoints[asked, 2]
    shapes = np.array([c.size for c in candidates]).reshape(-1, 2)
    each = center_weights(points, shapes[group[every]], center_sigma)
    if weights is not None:
        each = each * weights[asked]
    ends = np.cumsum([len(mine) for mine in found])
    results = []
    for g in range(n):
        own = slice(ends[g] - len(found[g]), ends[g])
        results.append(
            Verification(
                matches=int(sizes[g]),
                pairs=pairs[own],
                query_points=query_points[own],
                points=points[own],
                scales=scales[own],
                transforms=tuple(transforms[g]),
                weight=float(each[own].mean()) if len(found[g]) else 1.0,
            )
        )
    return results


def frame(size: tuple[int, int]) -> float:
    """Side of which tolerances and places are fractions: the longer, at most four times the other.

    What is to be found in a long page is not larger for the length of the page.
    """
    return float(min(max(size), 4 * min(size)))


@dataclass(frozen=True)
class _Frames:
    """Sizes of the pictures; tolerances and cells are fractions of these.

    Attributes
    ----------
    query : float
        See `frame`.
    candidates : (n,) float64 ndarray
    settings : GeometrySettings
    """

    query: float
    candidates: NDArray[np.float64]
    settings: GeometrySettings

    @property
    def tolerances(self) -> NDArray[np.float64]:
        """Largest error of an inlier in each candidate."""
        return self.settings.tolerance * self.candidates


def _fit(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    group: NDArray[np.int32],
    frames: _Frames,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a model to each candidate; return the models and the error of each correspondence.

    The error of a correspondence that does not fit its model is infinite.
    """
    n, tolerances = len(frames.candidates), frames.tolerances
    starts = np.searchsorted(group, np.arange(n + 1))
    model = frames.settings.model
    if model == "similarity":
        transforms = _best_similarities(source, target, starts, tolerances)
    else:
        transforms = np.full((n, 3, 3), np.nan)
        for i in np.flatnonzero(np.diff(starts)):
            mine = slice(starts[i], starts[i + 1])
            matrix = fit_with_opencv(source[mine, :2], target[mine, :2], tolerances[i], model)
            if matrix is not None:
                transforms[i] = matrix
    with np.errstate(invalid="ignore"):
        errors = transform_errors(transforms[group], source[:, :2], target[:, :2])
        return transforms, np.where(errors <= tolerances[group] ** 2, errors, np.inf)


def _places(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    group: NDArray[np.int32],
    errors: NDArray[np.float64],
    frames: _Frames,
) -> NDArray[np.intp]:
    """Choose inliers so that each place (small cell) of either picture keeps only its best one.

    Many inliers in one spot prove little. Schoenberger et al., "A vote-and-verify strategy for
    fast spatial verification in image retrieval" (ACCV 2016), count effective inliers this way.
    """
    fits = np.flatnonzero(np.isfinite(errors))
    fits = fits[np.lexsort((errors[fits], group[fits]))]
    place = frames.settings.place
    fits = fits[_first_of_each(group[fits], source[fits, :2] // (place * frames.query))]
    cells = place * frames.candidates[group[fits], None]
    return fits[_first_of_each(group[fits], target[fits, :2] // cells)]


def _is_sound(
    transform: NDArray[np.float64],
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    candidate: int,
    frames: _Frames,
) -> bool:
    """Whether the inliers are spread out in both pictures, and the transform is plausible."""
    spread = 2 * frames.settings.tolerance
    if len(source) < 2 or np.ptp(source, axis=0).max() < spread * frames.query:
        return False
    if np.ptp(target, axis=0).max() < spread * frames.candidates[candidate]:
        return False
    return is_plausible(transform, source.mean(axis=0), frames.settings.max_scale)


def _first_of_each(group: NDArray[np.integer], cells: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find the first correspondence in each cell of each group; return indices, in order."""
    x, y = cells.clip(-_MANY_CELLS, _MANY_CELLS - 1).astype(np.int64).T + _MANY_CELLS
    _, first = np.unique((group * 2 * _MANY_CELLS + x) * 2 * _MANY_CELLS + y, return_index=True)
    return np.sort(first)


def _best_similarities(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    starts: NDArray[np.integer],
    tolerances: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find the similarity transform of each candidate that most correspondences agree with.

    Features have a scale and an angle, so a single correspondence defines a similarity. Therefore
    the hypotheses of the first correspondences are tried one after another, without random
    sampling (Philbin et al. 2007). The best hypothesis is refined by least squares over its
    inliers, a few times (local optimisation, Chum et al. 2003).
    """
    n = len(starts) - 1
    sizes = np.diff(starts)
    group = np.repeat(np.arange(n), sizes)
    limits = tolerances[group] ** 2
    rotation = np.deg2rad(target[:, 3] - source[:, 3])
    log_scale = np.log(target[:, 2]) - np.log(source[:, 2])
    # As complex numbers a similarity is z -> a z + b.
    z, w = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    turn = np.exp(1j * rotation)
    a = np.exp(log_scale) * turn
    b = w - a * z
    best = starts[:-1].copy()
    slack = np.cos(np.deg2rad(_ANGLE_SLACK))
    for i in np.flatnonzero(sizes):
        mine = slice(starts[i], starts[i + 1])
        tried = slice(starts[i], min(starts[i] + _HYPOTHESES, starts[i + 1]))
        difference = a[tried, None] * z[mine] + (b[tried, None] - w[mine])
        fits = difference.real**2 + difference.imag**2 <= tolerances[i] ** 2
        fits &= np.abs(log_scale[tried, None] - log_scale[mine]) <= _LOG_SCALE_SLACK
        fits &= (turn[tried, None] * turn[mine].conj()).real >= slack
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
