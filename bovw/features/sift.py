"""Local features of a picture: SIFT keypoints with SIFT or RootSIFT descriptors."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parallel import keep_freed_memory
from ..pictures import Box, Image, Source, read_image
from ..settings import FeatureSettings, ImageSettings
from .features import Features

DESCRIPTOR_LENGTH = 128
"""Numbers in a descriptor of SIFT."""

# OpenCV's pyramid needs a few pixels, and a smaller picture cannot contain a feature anyway.
_MIN_SIDE = 12
# Less would find few new features for the time that it takes.
_WORTH_ENLARGING = 1.25
# Blur of the first layer of an octave, in its pixels (Lowe 2004).
_SIGMA = 1.6
# Diameter of the smallest keypoints that OpenCV finds: 1.6 pixels x 2^(1/6), in its first octave.
_SMALLEST = _SIGMA * 2 ** (1 / 6)
# From this proportion of the sides on, features are kept evenly along the longer one.
_SPREAD = 2.0
# KeyPoint.octave as OpenCV packs it: octave -1 (the picture at double size), layer 1.
_FINEST_OCTAVE = 255 | (1 << 8)
# From this `region_factor` on, a region is described in a picture of half the side. It then has as
# many pixels as SIFT's own region at least.
_HALF_FROM = 2.0


def root_sift(descriptors: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Convert SIFT descriptors ``(n, 128)`` to RootSIFT, stored as uint8.

    Each value is ``round(512 * sqrt(d / sum(d)))``, clipped to 255. The Euclidean distance between
    two results is the Hellinger distance between the SIFT descriptors (Arandjelovic & Zisserman
    2012).
    """
    sums = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-12)
    values = np.minimum(np.rint(512 * np.sqrt(descriptors / sums)), 255)
    return np.asarray(values, np.uint8)


class SiftExtractor:
    """Extracts SIFT features with OpenCV.

    Parameters
    ----------
    settings : FeatureSettings, optional

    Notes
    -----
    With a larger `region_factor`, a descriptor covers more of the surroundings of its keypoint.
    From 2 on, it is computed in the next octave, at half the side, with the same blur.
    When keypoints have the same position and scale (and the same orientation, unless upright),
    only the first is kept. When there are more than `max_features`, those with the strongest
    response (contrast) are kept. When there are fewer, and the picture has fewer pixels than it
    may have, features are sought in the enlarged picture (`FeatureSettings.enlarge`), and those
    that are finer than SIFT can find in the picture itself fill up the number. In a picture at
    least twice as long as it is wide, equally many of each part along it are kept, and more in all
    if it was allowed more pixels. Ties are broken by position, so the result does not depend on the
    order of detection.
    """

    def __init__(self, settings: FeatureSettings | None = None) -> None:
        self.settings = settings or FeatureSettings()

    def __repr__(self) -> str:
        return f"SiftExtractor({self.settings!r})"

    def extract(
        self,
        source: Source,
        images: ImageSettings | None = None,
        region: Box | None = None,
        *,
        channels: str = "bgr",
    ) -> Features:
        """Read a picture and extract its features; see `read_image` for the arguments."""
        return self.extract_image(read_image(source, images, region, channels=channels))

    def extract_image(self, image: Image) -> Features:
        """Extract the features of a decoded picture, only inside its region if it has one."""
        keep_freed_memory()
        settings = self.settings
        found, values, original, chosen = self._find(image)
        factor = min(settings.enlarge, image.room)
        if len(chosen) < settings.max_features and factor >= _WORTH_ENLARGING:
            image = image.enlarged(factor)
            found, values, original, chosen = self._find(image, finest=_SMALLEST * factor)
        descriptors = self._describe(image, [found[i] for i in chosen])
        stored = np.empty((len(chosen), 4), np.float32)
        stored[:, :2] = original[chosen]
        stored[:, 2] = values[chosen, 2] / 2 / np.sqrt(image.scale[0] * image.scale[1])
        stored[:, 3] = 0 if settings.upright else values[chosen, 3]
        return Features(
            keypoints=stored,
            descriptors=(
                root_sift(descriptors)
                if settings.root
                else np.minimum(np.rint(descriptors), 255).astype(np.uint8)
            ),
            size=image.size,
            sha256=image.sha256,
            region=image.region,
            left_out=image.left_out,
        )

    def _sift(self, sigma: float = _SIGMA) -> Any:
        import cv2

        return cv2.SIFT.create(
            nfeatures=0,
            nOctaveLayers=3,
            contrastThreshold=self.settings.contrast_threshold,
            edgeThreshold=self.settings.edge_threshold,
            sigma=sigma,
            enable_precise_upscale=True,  # without it positions are off by a quarter pixel
        )

    def _find(
        self, image: Image, finest: float = 0.0
    ) -> tuple[Any, NDArray[np.float32], NDArray[np.float64], NDArray[np.intp]]:
        """Detect keypoints, and choose those to describe.

        Returned are OpenCV's objects; their x, y, diameter, angle and response; their positions in
        the original picture; and which are chosen (see `_choose`).
        """
        found: Any = ()
        if min(image.pixels.shape) >= _MIN_SIDE:
            found = self._sift().detect(image.pixels, None)
        values = np.array(
            [(k.pt[0], k.pt[1], k.size, k.angle, k.response) for k in found], np.float32
        ).reshape(-1, 5)
        original = image.to_original(values[:, :2])
        return found, values, original, self._choose(values, original, image, finest)

    def _describe(self, image: Image, keypoints: list[Any]) -> NDArray[np.float32]:
        """Compute SIFT descriptors, ``(n, 128)``; the keypoints of OpenCV are changed.

        A large region is described in the next octave, which has a quarter of its pixels. It is
        blurred by half as many of them, so by as much as before.
        """
        import cv2

        if not keypoints:
            return np.zeros((0, DESCRIPTOR_LENGTH), np.float32)
        halved = self.settings.region_factor >= _HALF_FROM
        for keypoint in keypoints:
            keypoint.size *= self.settings.region_factor
            if self.settings.upright:
                keypoint.angle = 0.0
            if halved:  # the lowest 8 bits are the octave, -1 or more
                keypoint.octave = keypoint.octave & ~255 | (keypoint.octave + 1) & 255
        # OpenCV skips the picture at double size when no keypoint is described in it, which changes
        # all other descriptors a little. Where some can be, an extra keypoint makes every
        # descriptor independent of which others there are.
        extra = [] if halved else [cv2.KeyPoint(0, 0, 2, 0, 0, _FINEST_OCTAVE)]
        sift = self._sift(_SIGMA / 2 if halved else _SIGMA)
        described = sift.compute(image.pixels, [*keypoints, *extra])[1]
        return np.asarray(described, np.float32)[: len(keypoints)]

    def _choose(
        self,
        values: NDArray[np.float32],
        original: NDArray[np.float64],
        image: Image,
        finest: float,
    ) -> NDArray[np.intp]:
        """Choose the features to describe: the strongest first, without duplicates.

        Those with a diameter below `finest` come after all others.
        """
        order = np.lexsort((*values[:, 3::-1].T, -values[:, 4], values[:, 2] < finest))
        sides: tuple[float, ...] = image.size
        corner = np.zeros(2)
        if image.region is not None:
            x, y = original[order].T
            x0, y0, x1, y1 = image.region
            order = order[(x >= x0 - 0.5) & (x < x1 - 0.5) & (y >= y0 - 0.5) & (y < y1 - 0.5)]
            sides, corner = (x1 - x0, y1 - y0), np.array([x0, y0])
        same = values[order, : 3 if self.settings.upright else 4]
        _, first = np.unique(same, axis=0, return_index=True)
        order = order[np.sort(first)]
        most, proportion = self.settings.max_features, max(sides) / min(sides)
        if len(order) > most and proportion >= _SPREAD:
            # Else the print of a long page would take all features from a photograph in it.
            most = round(most * image.tiles)
            along = original[order, int(np.argmax(sides))] - corner[int(np.argmax(sides))]
            cells = (along / max(sides) * round(2 * proportion)).astype(int)
            order = order[_evenly(cells, most)]
        return np.asarray(order[:most], np.intp)

    def description(self) -> dict[str, Any]:
        """Return what changes the values of descriptors (not their number), for JSON."""
        return {
            "descriptor": "rootsift" if self.settings.root else "sift",
            "upright": self.settings.upright,
            "region_factor": self.settings.region_factor,
            "golden": golden_descriptor(),
        }


def _evenly(cells: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Choose `most` of some things, each in a cell, equally many of each cell where possible.

    Of each cell the first are chosen. What a cell with fewer leaves is shared by the others.
    """
    by_cell = np.argsort(cells, kind="stable")
    counts = np.bincount(cells)
    place = np.empty(len(cells), np.intp)  # of each thing, within its cell
    place[by_cell] = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(np.lexsort((np.arange(len(cells)), place))[:most])


def without_finest(features: Features) -> Features:
    """Leave out the features of a whole picture that only enlarging finds.

    Vocabularies are trained without them: words for the finest details of small pictures take the
    place of others (docs/quality.md). A picture that is enlarged was not shrunk before, so the
    scale alone tells.
    """
    kept = features.keypoints[:, 2] >= 0.999 * _SMALLEST / 2
    if kept.all():
        return features
    return replace(
        features, keypoints=features.keypoints[kept], descriptors=features.descriptors[kept]
    )


@lru_cache(maxsize=1)
def golden_descriptor() -> list[int]:
    """Descriptor of a fixed keypoint in a fixed picture: it identifies the SIFT of this OpenCV."""
    import cv2

    y, x = np.mgrid[0:96, 0:96].astype(np.float32)
    picture = 128 + 60 * np.sin(x / 7 + (y / 19) ** 2) + 50 * np.cos((x - y) / 11)
    keypoint = cv2.KeyPoint(48, 48, 12, 30)
    sift = cv2.SIFT.create(enable_precise_upscale=True)
    _, descriptors = sift.compute(picture.astype(np.uint8), [keypoint])
    return [int(value) for value in root_sift(descriptors)[0]]
