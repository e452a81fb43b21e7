"""Features kept on disk, so that work that was interrupted, or is repeated, goes on from there.

A file for each picture, named by the hash of its content, in a folder named by the settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..files import replaced
from ..pictures import Box
from ..settings import Settings
from .sift import DESCRIPTOR_LENGTH, Features, golden_descriptor


class FeatureCache:
    """Features by content, region and settings.

    Parameters
    ----------
    folder : path
        Made when it is first written to. It may be deleted at any time.
    settings : Settings
        Of pictures and features; others find nothing of these.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Settings) -> None:
        meaning = [asdict(settings.images), asdict(settings.features), golden_descriptor()]
        key = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()
        self.folder = Path(folder) / key[:16]

    def _path(self, sha256: str, region: Box | None) -> Path:
        name = sha256 if region is None else sha256 + "-" + ",".join(map(repr, region))
        return self.folder / sha256[:2] / f"{name}.npz"

    def load(self, sha256: str, region: Box | None = None) -> Features | None:
        """Return the features of a picture; None when they are not there, or damaged."""
        try:
            with (
                self._path(sha256, region).open("rb") as file,
                np.load(file, allow_pickle=False) as stored,
            ):
                keypoints, descriptors = stored["keypoints"], stored["descriptors"]
                width, height = (int(value) for value in stored["size"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        n = len(keypoints)
        if keypoints.shape != (n, 4) or descriptors.shape != (n, DESCRIPTOR_LENGTH):
            return None
        return Features(keypoints, descriptors, (width, height), sha256, region)

    def save(self, features: Features, region: Box | None = None) -> None:
        """Keep the features of a picture."""
        path = self._path(features.sha256, region)
        with replaced(path, sync=False) as file:
            np.savez(
                file,
                keypoints=features.keypoints,
                descriptors=features.descriptors,
                size=np.array(features.size),
            )
