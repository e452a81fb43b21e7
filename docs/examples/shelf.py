"""Find products on photographs of shelves by pictures of their labels.

    python docs/examples/shelf.py labels/ shelf1.jpg shelf2.jpg

A photograph of a shelf shows many products, and each is only a small part of it. So parts of the
photograph that overlap are searched, each by itself: a part is read in more detail than the whole.
Where matches overlap, the one with the most evidence is kept. Prints a line for each product: where
it is (left, top, right, bottom, in pixels) and how sure that is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bovw import Engine
from bovw.pictures import read_image
from bovw.search import Answer

Box = tuple[float, float, float, float]


def main() -> None:
    """Print which products are where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path, help="folder with a picture of each label")
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument(
        "--part",
        type=float,
        default=1.0,
        help="side of a part, as a share of the photograph's shorter side: about that of two "
        "products (default: 1)",
    )
    options = parser.parse_args()
    engine = Engine.build(options.labels, n_jobs=-1, progress=True)
    for photograph in options.photographs:
        regions = parts(*read_image(photograph).size, options.part)
        results = engine.search_each([(photograph, region) for region in regions], k=5)
        matches = [answer for r in results for answer in r if answer.decision == "match"]
        found = without_overlaps(matches)
        print(f"{photograph.name}: {len(found)} products")
        for answer, box in found:
            print(f"  {answer.identifier}  {' '.join(f'{v:.0f}' for v in box)}  ({answer.reason})")


def parts(width: int, height: int, share: float) -> list[Box]:
    """Squares that cover a picture, each half over the next."""
    side = share * min(width, height)
    steps = [max(1, round(2 * length / side) - 1) for length in (width, height)]
    lefts = [i * (width - side) / max(1, steps[0] - 1) for i in range(steps[0])]
    tops = [i * (height - side) / max(1, steps[1] - 1) for i in range(steps[1])]
    return [(x, y, x + side, y + side) for y in tops for x in lefts]


def without_overlaps(matches: list[Answer]) -> list[tuple[Answer, Box]]:
    """Keep of matches that overlap the one with the most evidence in contrast to others."""
    kept: list[tuple[Answer, Box]] = []
    for answer in sorted(matches, key=lambda answer: -(answer.contrast or 0)):
        box = place(answer)
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if not any(x0 < x < x1 and y0 < y < y1 for _, (x0, y0, x1, y1) in kept):
            kept.append((answer, box))
    return kept


def place(answer: Answer) -> Box:
    """Where the whole label lies on the photograph."""
    width, height = answer.size
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]])
    assert answer.transform is not None  # a match was verified
    x, y, scale = np.linalg.inv(answer.transform) @ corners.T  # from the label to the photograph
    x, y = x / scale, y / scale
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


if __name__ == "__main__":
    main()
