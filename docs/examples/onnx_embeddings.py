"""Compute embeddings of pictures with a network in ONNX, for `bovw compare`.

Needs ``pip install onnxruntime``. Two commands set a network beside the classical baseline:

    python docs/examples/onnx_embeddings.py model.onnx photos/ net.npz --truth photos/gnd.json
    bovw compare photos/gnd.json photos.bovw net=net.npz,queries=net.queries.npz

The network takes a batch of pictures as float32, ``(n, 3, height, width)``, and its first output
is a vector for each, or a map of features ``(n, d, h, w)``, of which the mean is taken. Without
``--truth`` the queries are taken from the pictures; it is needed where queries are boxes, or lie
elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from bovw.embeddings import Embeddings, save_embeddings
from bovw.errors import BovwError, ImageError
from bovw.formats import load_ground_truth
from bovw.pictures import find_pictures, read_preview

Box = tuple[float, float, float, float]


class Network:
    """A network in a file."""

    def __init__(self, path: Path, side: int, mean: list[float], std: list[float]) -> None:
        try:
            import onnxruntime
        except ImportError:
            sys.exit("onnxruntime is not installed: pip install onnxruntime")
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]
        height, width = self.input.shape[2:]
        # A model says its size, or takes any.
        self.size = tuple(n if isinstance(n, int) else side for n in (width, height))
        self.mean, self.std = np.float32(mean), np.float32(std)

    def describe(self, path: Path, box: Box | None = None) -> np.ndarray:
        """The vector of a picture, or of a box of it (in its pixels)."""
        preview = read_preview(path, 2 * max(self.size))
        image = preview.picture
        if box is not None:
            scale = image.width / preview.size[0]
            x0, y0, x1, y1 = (value * scale for value in box)
            image = image.crop(
                (int(x0), int(y0), max(int(x1), int(x0) + 1), max(int(y1), int(y0) + 1))
            )
        image = image.resize(self.size, Image.Resampling.BICUBIC)
        values = (np.asarray(image, np.float32) / 255 - self.mean) / self.std
        (found, *_) = self.session.run(None, {self.input.name: values.transpose(2, 0, 1)[None]})
        return found[0].mean(axis=(1, 2)) if found.ndim == 4 else found[0].ravel()


def main() -> int:
    """Write the embeddings; name pictures that could not be read."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="a network (.onnx)")
    parser.add_argument("pictures", type=Path, help="a folder")
    parser.add_argument("output", type=Path, help="file of embeddings to write (.npz)")
    parser.add_argument(
        "--truth", type=Path, help="a ground truth, of whose queries vectors are written, too"
    )
    parser.add_argument("--root", type=Path, help="folder of its pictures (default: PICTURES)")
    parser.add_argument(
        "--side", type=int, default=224, help="if the model takes any size (default: 224)"
    )
    numbers = {"type": float, "nargs": 3, "metavar": ("R", "G", "B")}
    parser.add_argument(
        "--mean", default=[0.485, 0.456, 0.406], help="default: of ImageNet", **numbers
    )
    parser.add_argument(
        "--std", default=[0.229, 0.224, 0.225], help="default: of ImageNet", **numbers
    )
    options = parser.parse_args()
    failed = 0
    try:
        network = Network(options.model, options.side, options.mean, options.std)
        found = {}
        for picture in find_pictures(options.pictures):
            try:
                found[picture.identifier] = network.describe(Path(picture.path))
            except ImageError as error:
                print(f"left out: {error}", file=sys.stderr)
                failed += 1
        save_embeddings(Embeddings(tuple(found), np.stack(list(found.values()))), options.output)
        print(f"{options.output}: {len(found)} pictures, {failed} failed")
        if options.truth is not None:
            queries = load_ground_truth(options.truth).queries
            root = options.root or options.pictures
            vectors = np.stack([network.describe(root / q.image, q.bbox) for q in queries])
            path = options.output.with_suffix(".queries.npz")
            save_embeddings(Embeddings(tuple(q.image for q in queries), vectors), path)
            print(f"{path}: {len(queries)} queries")
    except BovwError as error:
        sys.exit(str(error))
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
