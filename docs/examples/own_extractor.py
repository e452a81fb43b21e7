"""A template for an own extractor: copy it, and replace what detect_and_describe does.

    python docs/examples/own_extractor.py data/sample/posters

Here it is ORB of OpenCV, which has binary descriptors. A neural network would be loaded in
``__init__``; keep it in an attribute that begins with an underscore, such as ``self._network``,
since public attributes that are numbers or text become part of the fingerprint.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bovw import Engine, ExtractorTemplate


class Orb(ExtractorTemplate):
    """Up to `n_features` features of ORB (Rublee, Rabaud, Konolige & Bradski, ICCV 2011)."""

    name = "orb"  # by which an index remembers it
    binary = True  # descriptors are packed bits; leave it out for numbers

    def __init__(self, n_features: int = 1000) -> None:
        self.n_features = n_features

    def detect_and_describe(self, pixels: NDArray[np.uint8]) -> tuple[Any, Any]:
        """Return keypoints (x, y, scale, angle) and their descriptors, one a row."""
        return cv2.ORB.create(self.n_features).detectAndCompute(pixels, None)


def main() -> None:
    """Index a folder with it, and search with its first picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder of pictures")
    options = parser.parse_args()
    first = min(path for path in options.folder.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as place:
        Engine.build(options.folder, extractor=Orb()).save(Path(place, "orb.bovw"))
        engine = Engine.open(Path(place, "orb.bovw"), extractor=Orb())
        for answer in engine.search(first, 5):
            print(answer.rank, answer.identifier, answer.decision)


if __name__ == "__main__":
    main()
