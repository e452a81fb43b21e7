"""Cache of features on disk, so that interrupted or repeated work need not extract them again.

Each picture has one file, named by the hash of its content, in a folder named by the hash of the
settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..files import replaced
from ..pictures import Box
from ..settings import Settings
from .extractor import Extractor, description_of
from .features import Features
from .sift import golden_descriptor

# Raised when pictures are read or described in another way, and so have other features.
_READING = 3


class FeatureCache:
    """Stores features by the content of the picture, the region and the settings.

    Parameters
    ----------
    folder : path
        Created when it is first written to. It may be deleted at any time.
    settings : Settings
        Only the settings of images and features count. Features that were stored with other
        settings are not found.
    extractor : Extractor, optional
        Default: a `SiftExtractor` with these settings. Features of another extractor, by its
        description, are not found.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        settings: Settings,
        extractor: Extractor | None = None,
    ) -> None:
        meaning: list[Any] = [_READING, asdict(settings.images)]
        if extractor is None:
            meaning += [asdict(settings.features), golden_descriptor()]
        else:
            meaning += [description_of(extractor)]
        key = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
        self.folder = Path(folder) / key[:16]

    def _path(self, sha256: str, region: Box | None) -> Path:
        name = sha256 if region is None else sha256 + "-" + ",".join(map(repr, region))
        return self.folder / sha256[:2] / f"{name}.npz"

    def load(self, sha256: str, region: Box | None = None) -> Features | None:
        """Return the features of a picture; None when they are not stored, or damaged."""
        try:
            with (
                self._path(sha256, region).open("rb") as file,
                np.load(file, allow_pickle=False) as stored,
            ):
                keypoints, descriptors = stored["keypoints"], stored["descriptors"]
                width, height = (int(value) for value in stored["size"])
                left_out = int(stored["left_out"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        n = len(keypoints)
        if keypoints.shape != (n, 4) or descriptors.ndim != 2 or len(descriptors) != n:
            return None
        return Features(keypoints, descriptors, (width, height), sha256, region, left_out)

    def save(self, features: Features, region: Box | None = None) -> None:
        """Store the features of a picture."""
        path = self._path(features.sha256, region)
        with replaced(path, sync=False) as file:
            np.savez(
                file,
                keypoints=features.keypoints,
                descriptors=features.descriptors,
                size=np.array(features.size),
                left_out=np.array(features.left_out),
            )
