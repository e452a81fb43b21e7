"""Find products on photographs of shelves by pictures of their labels.

    python docs/examples/shelf.py labels/ shelf1.jpg shelf2.jpg

Prints a line for each product that a photograph shows: where it is (a quadrilateral in pixels of
the photograph) and how sure that is. A product that stands there several times is found at one of
the places.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bovw import Engine


def main() -> None:
    """Print which products are where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path, help="folder with a picture of each label")
    parser.add_argument("photographs", type=Path, nargs="+")
    options = parser.parse_args()
    engine = Engine.build(options.labels, n_jobs=-1, progress=True)
    # A shelf shows many products, and expansion would go on with the one that is found best.
    engine = engine.changed(expansion={"method": "none"})
    for photograph in options.photographs:
        result = engine.search(photograph, k=None)
        found = [answer for answer in result if answer.decision == "match"]
        print(f"{photograph.name}: {len(found)} products")
        for answer in found:
            assert answer.query_quadrilateral is not None  # a match was verified
            corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in answer.query_quadrilateral)
            print(f"  {answer.identifier}  {corners}  ({answer.reason})")


if __name__ == "__main__":
    main()
