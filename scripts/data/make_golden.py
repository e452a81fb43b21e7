#!/usr/bin/env python3
"""Write a small vocabulary, index and compressed index, with their answers, for tests.

    python scripts/data/make_golden.py tests/golden/vN

Run it once for each version of the formats, with the version of bovw that wrote it; never again
over a folder that is there. `tests/golden/README.md` says what the files are for.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import bovw
from bovw.collection import PictureWords, make_segment, picture_words
from bovw.features import Features, SiftExtractor
from bovw.index import LsaIndex
from bovw.pictures import Failure, Record
from bovw.storage import index_writer, save_lsa_index, save_vocabulary

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SETTINGS = bovw.Settings().changed(
    features={"max_features": 120, "region_factor": 1.5},
    vocabulary={"n_words": 150, "samples_per_word": 30},
    kernel={"n_nearest": 2},
)
PICTURES = [f"posters/poster_{i:02d}_{j}.jpg" for i in (1, 2, 3) for j in (1, 2, 3, 4)]
LATER = ["posters/poster_04_1.jpg", "posters/poster_04_2.jpg"]
REMOVED = "posters/poster_03_4.jpg"
QUERIES = ["posters/poster_01_5.jpg", "posters/poster_04_5.jpg", "labels/label_01_1.jpg"]


def described(name: str) -> Features:
    """Features of a sample picture."""
    return SiftExtractor(SETTINGS.features).extract(SAMPLE / name, SETTINGS.images)


def stored(name: str, vocabulary: bovw.Vocabulary) -> tuple[Record, PictureWords]:
    """What an index keeps of a sample picture; the path is made up."""
    features = described(name)
    words = vocabulary.predict(features.descriptors)
    signatures = vocabulary.signatures(features.descriptors, words)
    record = Record(name, f"photos/{name}", *features.size, features.sha256, 1, 1)
    packed = picture_words(
        words, signatures, features.keypoints, features.size, vocabulary.n_words_
    )
    return record, packed


def make_index(folder: Path, vocabulary: bovw.Vocabulary) -> None:
    """Write an index of two segments, a failure, and a picture that was removed."""
    bovw.Engine.create(folder, vocabulary, settings=SETTINGS)
    failure = Failure("posters/broken.jpg", "photos/posters/broken.jpg", "no picture", 1, 1)
    for names, failures in ((PICTURES, [failure]), (LATER, [])):
        records, pictures = zip(*(stored(name, vocabulary) for name in names), strict=True)
        with index_writer(folder) as writer:
            index = writer.index
            segment = make_segment(
                records, pictures, vocabulary.n_words_, failures, index.next_number
            )
            writer.commit(index.grown(segment))
    with index_writer(folder) as writer:
        writer.commit(writer.index.without([REMOVED]))


def answers(folder: Path, queries: dict[str, Features]) -> list[dict[str, Any]]:
    """What the index answers; features are given, so that OpenCV plays no part."""
    engine = bovw.Engine.open(folder)
    found = []
    for name, features in queries.items():
        result = engine.search_features(features, None, name=name)
        found.append({**result.to_dict(), "milliseconds": {}})
    return found


def renew(folder: Path) -> None:
    """Note the present answers of an earlier index, after a change of the ranking."""
    place = folder / "expected.json"
    expected = json.loads(place.read_text("ascii"))
    with np.load(folder / "queries.npz") as kept:
        queries = {
            name: Features(
                kept[f"keypoints_{i}"],
                kept[f"descriptors_{i}"],
                (int(kept[f"size_{i}"][0]), int(kept[f"size_{i}"][1])),
                "",
            )
            for i, name in enumerate(expected["queries"])
        }
    expected["index"] = answers(folder / "posters.bovw", queries)
    place.write_text(json.dumps(expected, separators=(",", ":")) + "\n", encoding="ascii")


def main() -> None:
    """Write everything into an empty folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--answers",
        action="store_true",
        help="only note the present answers of the index there, after a change of the ranking",
    )
    options = parser.parse_args()
    folder = options.folder
    if options.answers:
        renew(folder)
        return
    folder.mkdir(parents=True)
    vocabulary = bovw.train_vocabulary(
        [SAMPLE / "covers", SAMPLE / "logos"], settings=SETTINGS, root=SAMPLE, n_jobs=2
    )
    save_vocabulary(vocabulary, folder / "words.vocabulary")
    make_index(folder / "posters.bovw", vocabulary)
    index = bovw.Engine.open(folder / "posters.bovw").index
    compressed = LsaIndex.of(index, n_components=10)
    save_lsa_index(compressed, folder / "posters.lsa")
    asked: dict[str, Any] = {}
    for i, name in enumerate(QUERIES):
        features = described(name)
        asked |= {
            f"keypoints_{i}": features.keypoints,
            f"descriptors_{i}": features.descriptors,
            f"size_{i}": np.array(features.size),
        }
    np.savez_compressed(folder / "queries.npz", **asked)
    expected = {
        "queries": QUERIES,
        "words": [vocabulary.predict(described(name).descriptors).tolist() for name in QUERIES],
        "index": answers(folder / "posters.bovw", {name: described(name) for name in QUERIES}),
        "compressed": [
            [[a.identifier, a.score] for a in compressed.search(SAMPLE / name, None)]
            for name in QUERIES
        ],
    }
    (folder / "posters.bovw" / "writer.lock").unlink()
    text = json.dumps(expected, separators=(",", ":"))
    (folder / "expected.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
