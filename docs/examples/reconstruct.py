"""Reconstruct scenes with COLMAP from pairs that bovw has found.

    python docs/examples/reconstruct.py photos/ -o scene/

COLMAP would match every picture with every other one, or ask its vocabulary tree, which has to be
downloaded. Here its features are indexed by bovw, and each picture is matched with its best
answers only. With --exhaustive all pairs are matched instead, to compare. Needs pycolmap.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pycolmap

from bovw import Engine
from bovw.exchange import ColmapFeatures, pairs_text, write_colmap
from bovw.features import Features, SiftExtractor
from bovw.pictures import find_pictures


def main() -> None:
    """Print how many pictures each reconstruction registers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder of pictures")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a new folder")
    parser.add_argument("-k", type=int, default=20, help="answers to match each picture with")
    parser.add_argument("--exhaustive", action="store_true", help="match all pairs instead")
    parser.add_argument("--ours", action="store_true", help="use features of bovw, not COLMAP's")
    options = parser.parse_args()
    options.output.mkdir(parents=True)
    database = options.output / "database.db"

    if options.ours:
        write_colmap(our_features(options.photos), database)
    else:
        pycolmap.extract_features(database, options.photos)

    if options.exhaustive:
        pycolmap.match_exhaustive(database)
    else:
        features = ColmapFeatures(database)
        engine = Engine.from_features(features, origin=features.origin)
        text, refused = pairs_text(engine.pairs(options.k), "colmap")
        for name in refused:
            print(f"left out, because its name has blanks: {name}")
        pairs = options.output / "pairs.txt"
        pairs.write_text(text, encoding="utf-8")
        print(f"{text.count(chr(10))} of {len(features) * (len(features) - 1) // 2} pairs")
        listed = pycolmap.ImportedPairingOptions()
        listed.match_list_path = pairs
        pycolmap.match_image_pairs(database, pairing_options=listed)

    found = pycolmap.incremental_mapping(database, options.photos, options.output)
    for number, scene in found.items():
        print(f"scene {number}: {scene.num_reg_images()} pictures, {scene.num_points3D()} points")


def our_features(photos: Path) -> dict[str, Features]:
    """Return the features that bovw extracts, by the names that COLMAP gives pictures."""
    extractor = SiftExtractor()
    return {file.identifier: extractor.extract(file.path) for file in find_pictures(photos)}


if __name__ == "__main__":
    main()
