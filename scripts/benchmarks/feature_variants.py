"""Features as bovw has them not: other detectors, tilted views; for features.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import bovw
from bovw.features import FeatureCache, Features, SiftExtractor, extract_query, root_sift
from bovw.pictures import Box, Image, read_image

N_ADDED = 500
# The rows are compared without what enlarging adds, which has a row of its own.
PLAIN = bovw.Settings().changed(features={"enlarge": 1.0})
Circles = NDArray[np.float64]  # (n, 4): x, y, OpenCV's size, angle; in the pixels that were read


def sift(
    content: bytes, region: Box | None, cache: str | None, *, n: int | None = None, **changes: Any
) -> Features:
    """Extract features as bovw does, with changed settings; of these the strongest `n`."""
    settings = PLAIN.changed(**changes)
    kept = None if cache is None else FeatureCache(cache, settings)
    found = extract_query((content, region), settings, kept)
    if not isinstance(found, Features):
        raise found
    keypoints, descriptors = found.keypoints[:n], found.descriptors[:n]
    return dataclasses.replace(found, keypoints=keypoints, descriptors=descriptors)


def joined(parts: list[Features]) -> Features:
    """Join features of one picture."""
    keypoints = np.concatenate([part.keypoints for part in parts])
    descriptors = np.concatenate([part.descriptors for part in parts])
    return dataclasses.replace(parts[0], keypoints=keypoints, descriptors=descriptors)


def unless_full(content: bytes, region: Box | None, cache: str | None, **changes: Any) -> Features:
    """Lower the threshold where there are less than `max_features`; elsewhere they stay."""
    found = sift(content, region, cache)
    full = len(found) == PLAIN.features.max_features
    return found if full else sift(content, region, None, **changes)


def upright_too(content: bytes, region: Box | None, cache: str | None) -> Features:
    """Describe the features both ways."""
    both = sift(content, region, cache), sift(content, region, cache, features={"upright": True})
    return joined(list(both))


def inside(xy: NDArray[np.float64], image: Image) -> NDArray[np.intp]:
    """Which positions lie in the region that was asked for, or else in the picture."""
    x0, y0, x1, y1 = image.region or (0, 0, *image.size)
    within = (xy >= (x0 - 0.5, y0 - 0.5)) & (xy < (x1 - 0.5, y1 - 0.5))
    return np.flatnonzero(within.all(axis=1))


def added(
    content: bytes, region: Box | None, cache: str | None, *, find: Callable[[Image], Circles]
) -> Features:
    """Add other keypoints, described in the same way."""
    image = read_image(content, PLAIN.images, region)
    circles = find(image)
    original = image.to_original(circles[:, :2])
    chosen = inside(original, image)
    if len(chosen) > N_ADDED:  # evenly from all
        chosen = chosen[np.linspace(0, len(chosen) - 1, N_ADDED).astype(int)]
    keypoints = []
    for x, y, size, angle in circles[chosen].tolist():
        # The octave and layer of the pyramid that SIFT would have found this size in.
        level = max(round(3 * np.log2(size / 3.2)), -2)
        octave = (((level - 1) // 3) & 255) | (((level - 1) % 3 + 1) << 8)
        described = size * PLAIN.features.region_factor
        keypoints.append(cv2.KeyPoint(x, y, described, angle, 0, octave))
    keypoints.append(cv2.KeyPoint(0, 0, 2, 0, 0, 255 | (1 << 8)))  # as SiftExtractor does
    extractor = cv2.SIFT.create(enable_precise_upscale=True)
    descriptors = np.asarray(extractor.compute(image.pixels, keypoints)[1], np.float32)[:-1]
    scales = circles[chosen, 2] / 2 / np.sqrt(image.scale[0] * image.scale[1])
    stored = np.column_stack([original[chosen], scales, circles[chosen, 3]]).astype(np.float32)
    more = Features(stored, root_sift(descriptors), image.size, image.sha256, region)
    return joined([sift(content, region, cache), more])


def dense(image: Image) -> Circles:
    """Make a grid of upright circles at two scales, the regions overlapping by half."""
    height, width = image.pixels.shape
    step = np.sqrt(height * width / (0.8 * N_ADDED))
    if image.region is not None:  # what was read is larger than the region
        sides = np.subtract(image.region[2:], image.region[:2]) * image.scale
        step = np.sqrt(sides.prod() / (0.8 * N_ADDED))
    parts = []
    for d in (step, 2 * step):
        x, y = np.meshgrid(np.arange(d / 2, width, d), np.arange(d / 2, height, d))
        # A descriptor covers 6 sizes a side, times the region factor.
        size = np.full(x.size, 2 * d / (6 * PLAIN.features.region_factor))
        parts.append(np.column_stack([x.ravel(), y.ravel(), size, np.zeros(x.size)]))
    return np.concatenate(parts)


def mser(image: Image) -> Circles:
    """Find MSERs of 20 pixels to 1 % of the picture, as circles of their area.

    Their angle is the dominant direction of the gradient, found as SIFT does. A disc is found by
    SIFT at a scale of its radius over the square root of two.
    """
    pixels = image.pixels
    largest = max(40, int(0.01 * pixels.size))
    regions = sorted(cv2.MSER.create(2, 20, largest, 0.5).detectRegions(pixels)[0], key=len)
    if not regions:
        return np.zeros((0, 4))
    xy = np.array([region.mean(axis=0) for region in regions])
    scales = np.sqrt(np.array([len(region) for region in regions]) / (2 * np.pi))
    return np.column_stack([xy, 2 * scales, orientations(pixels, xy, scales)])


def orientations(pixels: NDArray[np.uint8], xy: NDArray[Any], scales: NDArray[Any]) -> NDArray[Any]:
    """Dominant direction of the gradient within 4.5 scales, weighted by a Gaussian of 1.5."""
    pyramid = [cv2.GaussianBlur(pixels, (0, 0), 1.0)]
    patches = []
    for (x, y), scale in zip(xy.tolist(), scales.tolist(), strict=True):
        step = 9 * scale / 32
        level = max(0, round(np.log2(step)))
        while len(pyramid) <= level:
            pyramid.append(cv2.pyrDown(pyramid[-1]))
        s = step / 2**level
        corner = np.array([x, y]) / 2**level - 16 * s
        patches.append(
            cv2.warpAffine(
                pyramid[level],
                np.array([[s, 0, corner[0]], [0, s, corner[1]]]),
                (33, 33),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    dy, dx = np.gradient(np.array(patches, np.float32), axis=(1, 2))
    off = np.arange(-16, 17) / (32 / 9 * 1.5)
    weights = np.hypot(dx, dy) * np.exp(-0.5 * (off[:, None] ** 2 + off**2))
    bins = np.rint(np.degrees(np.arctan2(dy, dx)) / 10).astype(int) % 36
    flat = (np.arange(len(bins))[:, None, None] * 36 + bins).ravel()
    histogram = np.bincount(flat, weights.ravel(), 36 * len(bins)).reshape(-1, 36)
    smooth = sum(w * np.roll(histogram, k, axis=1) for w, k in ((1, -1), (2, 0), (1, 1)))
    return np.asarray(smooth.argmax(axis=1) * 10.0)


def tilted(
    content: bytes, region: Box | None, cache: str | None, *, n: int = 3000, tilts: int = 2
) -> Features:
    """Add what is found in tilted views, those of `cv2.AffineFeature` (ASIFT).

    OpenCV's own class leaves scale and angle as they are in the view; here they are those in the
    picture. All views together add as many features as make `n`, each its strongest.
    """
    parts = [sift(content, region, cache)]
    image = read_image(content, PLAIN.images, region)
    height, width = image.pixels.shape
    steps = [2 ** (i / 2) for i in range(1, tilts + 1)]
    views = [(t, phi) for t in steps for phi in np.arange(0, 180, 72 / t)]
    share = (n - PLAIN.features.max_features) // len(views)
    extractor = SiftExtractor(dataclasses.replace(PLAIN.features, max_features=2 * share))
    for tilt, phi in views:
        cos, sin = np.cos(np.radians(phi)), np.sin(np.radians(phi))
        turn = np.array([[cos, -sin], [sin, cos]])
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ turn.T
        low, side = corners.min(axis=0), np.ceil(np.ptp(corners, axis=0)).astype(int)
        view = cv2.warpAffine(
            image.pixels, np.c_[turn, -low], side.tolist(), borderMode=cv2.BORDER_REPLICATE
        )
        view = cv2.GaussianBlur(view, (0, 0), 0.8 * np.sqrt(tilt**2 - 1), sigmaY=0.01)
        squeeze = np.array([[1 / tilt, 0, 0], [0, 1.0, 0]])
        view = cv2.warpAffine(view, squeeze, (int(side[0] / tilt), int(side[1])))
        found = extractor.extract_image(
            Image(view, (1.0, 1.0), (0, 0), view.shape[::-1], image.sha256)
        )
        back = turn.T * (tilt, 1)
        original = image.to_original(found.keypoints[:, :2] @ back.T + turn.T @ low)
        angles = np.radians(found.keypoints[:, 3])
        # Of gradients, which turn as normals do.
        directions = np.column_stack([np.cos(angles), np.sin(angles)]) @ np.linalg.inv(back)
        degrees = np.degrees(np.arctan2(directions[:, 1], directions[:, 0])) % 360
        scales = found.keypoints[:, 2] * np.sqrt(tilt / (image.scale[0] * image.scale[1]))
        kept = inside(original, image)[:share]
        keypoints = np.column_stack([original, scales, degrees])[kept].astype(np.float32)
        parts.append(
            dataclasses.replace(parts[0], keypoints=keypoints, descriptors=found.descriptors[kept])
        )
    return joined(parts)
