"""Extractors other than our SIFT: what the engine asks of one, and a template to write one."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import SettingsError, shown
from ..pictures import Image, read_image
from .features import Features
from .meaning import check_description

_PLAIN = (bool, int, float, str, type(None))


class Extractor(Protocol):
    """What extracts the features of pictures: `SiftExtractor`, or your own.

    `ExtractorTemplate` has both methods, and asks for one that is simpler to write. With `n_jobs`,
    an extractor is sent to other processes, so pickle must be able to copy it.
    """

    def extract_image(self, image: Image) -> Features:
        """Extract the features of a decoded picture, only inside its region if it has one."""

    def description(self) -> dict[str, Any]:
        """Return what changes the meaning of a descriptor, for JSON; its fingerprint.

        Indexes and vocabularies remember it, and refuse an extractor with another one.
        ``descriptor`` names the extractor; `golden`, if there is one, is a list of numbers that may
        differ by a tenth of its length. All other values must be equal. `dtype` and `dimensions`
        are those of a descriptor.
        """


class ExtractorTemplate(ABC):
    """A template for your own extractor, with one method to write: `detect_and_describe`.

    Reading pictures, the limit of their size, regions and EXIF orientation are taken care of, and
    the description is made of the name, the public attributes that are numbers or text, and the
    mean descriptor of a known picture, by which other weights of a network are noticed.

    Attributes
    ----------
    name : str
        The name by which indexes remember it; default: that of the class.
    binary : bool or None
        Whether the descriptors are packed bits; see `Features.from_arrays`.

    Examples
    --------
    >>> import cv2
    >>> class Orb(ExtractorTemplate):
    ...     binary = True
    ...     def __init__(self, n_features=1000):
    ...         self.n_features = n_features
    ...     def detect_and_describe(self, pixels):
    ...         return cv2.ORB.create(self.n_features).detectAndCompute(pixels, None)
    >>> Orb().description()["dimensions"]
    256

    ``Engine.build("pictures/", extractor=Orb())`` makes an index with it, and
    ``Engine.open("pictures.bovw", extractor=Orb())`` opens that index to search it with pictures.
    """

    name: ClassVar[str] = ""
    binary: ClassVar[bool | None] = None

    @abstractmethod
    def detect_and_describe(
        self, pixels: NDArray[np.uint8]
    ) -> tuple[ArrayLike | Sequence[Any], ArrayLike | None]:
        """Find the features of a picture; this is the method to write.

        Parameters
        ----------
        pixels : (h, w) uint8 ndarray
            Grey values.

        Returns
        -------
        keypoints : (n, 2), (n, 3) or (n, 4) array, or sequence of cv2.KeyPoint
            ``x, y, scale, angle`` in this array; see `Features.from_arrays`.
        descriptors : (n, d) array, or None
        """

    def extract_image(self, image: Image) -> Features:
        """Extract the features of a decoded picture, only inside its region if it has one."""
        height, width = image.pixels.shape
        found = self.detect_and_describe(image.pixels)
        if not isinstance(found, tuple) or len(found) != 2:
            raise SettingsError(
                f"detect_and_describe returned {shown(found)}: expected keypoints and descriptors"
            )
        features = Features.from_arrays(*found, (width, height), binary=self.binary)
        keypoints, descriptors = features.keypoints, features.descriptors
        keypoints[:, :2] = image.to_original(keypoints[:, :2])
        keypoints[:, 2] /= np.sqrt(image.scale[0] * image.scale[1])
        if image.region is not None:
            x0, y0, x1, y1 = image.region
            x, y = keypoints[:, :2].T
            inside = (x >= x0 - 0.5) & (x < x1 - 0.5) & (y >= y0 - 0.5) & (y < y1 - 0.5)
            keypoints, descriptors = keypoints[inside], descriptors[inside]
        return Features(
            keypoints, descriptors, image.size, image.sha256, image.region, image.left_out
        )

    def description(self) -> dict[str, Any]:
        """Return what changes the meaning of a descriptor; see `Extractor.description`."""
        parameters = {
            name: value
            for name, value in sorted(vars(self).items())
            if not name.startswith("_") and isinstance(value, _PLAIN)
        }
        known = self.extract_image(read_image(_golden_picture())).descriptors
        golden = [float(f"{value:.6g}") for value in known.mean(axis=0)] if len(known) else []
        return {
            "descriptor": self.name or type(self).__qualname__,
            "parameters": parameters,
            "dtype": str(known.dtype),
            "dimensions": int(known.shape[1]),
            "golden": golden,
        }


def description_of(extractor: Extractor) -> dict[str, Any]:
    """Return the description of an extractor, checked.

    Raises
    ------
    SettingsError
        When it has not the methods of an `Extractor`, or its description cannot be kept as JSON.
    """
    for name in ("extract_image", "description"):
        if isinstance(extractor, type) or not callable(getattr(extractor, name, None)):
            raise SettingsError(
                f"extractor={shown(extractor)}: expected an object with the method {name}, such "
                "as one of a subclass of bovw.ExtractorTemplate"
            )
    description = extractor.description()
    try:
        kept = json.loads(json.dumps(description, allow_nan=False))
        check_description(kept)
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise SettingsError(
            f"{type(extractor).__name__}.description() returned {shown(description)}: expected "
            f"names and values for JSON, as Extractor.description says ({error!s:.200})"
        ) from error
    return dict(kept)


def _golden_picture() -> NDArray[np.uint8]:
    """A picture with edges, corners and spots of several sizes; the same for ever."""
    y, x = np.mgrid[0:240, 0:320]
    waves = 128 + 50 * np.sin(x / 7 + (y / 29) ** 2) + 40 * np.cos((x - y) / 11)
    boards = 60 * ((x // 24 + y // 18) % 2) * ((x + 2 * y) % 100 > 35)
    return np.asarray(np.clip(waves + boards - 30, 0, 255), np.uint8)
