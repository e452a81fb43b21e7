#!/usr/bin/env python3
"""Draw the pictures of the vocabulary in the box, and train it.

    python scripts/data/make_vocabulary.py FOLDER [--pictures N] [--words K] [--seed S] [--install]

FOLDER gets the pictures of each seed (`pictures-S/`), their features (`features/`), and each
vocabulary (`builtin-S-N-K/`); what is there already is not made again. `--install` puts the
vocabulary into `bovw/vocabulary/data/builtin`, in the place of the one there, and what it was made
with into `builtin.json` beside it. It needs OpenCV 5 (whose font "uni" draws Chinese, Japanese and
Korean) and matplotlib (`pip install '.[report]'`).

The same seed, versions and processor give the same bytes. Other processors may round a grey value
differently here and there, or a centre: `builtin.json` names the versions, the machine, and a hash
of the hashes of all pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import cv2
import joblib
import matplotlib
import numpy as np
from drawing.scenes import SCENES, photographed

import bovw
from bovw.settings import conditions
from bovw.storage import load_vocabulary, save_vocabulary
from bovw.vocabulary import builtin_folder

NAME = "builtin-2"
SIZES = ((600, 800), (800, 600), (480, 640), (640, 480), (360, 480), (240, 320))
SHARES = (0.35, 0.2, 0.15, 0.1, 0.1, 0.1)


def draw(seed: int, number: int) -> tuple[str, np.ndarray, int]:
    """Draw one picture; return the kind of its scene, its grey values (h, w), and its quality."""
    rng = np.random.default_rng((seed, number))
    kind = str(rng.choice(list(SCENES), p=[share for share, _ in SCENES.values()]))
    h, w = SIZES[rng.choice(len(SIZES), p=SHARES)]
    picture = photographed(rng, SCENES[kind][1](rng, h, w))
    return kind, picture, int(np.random.default_rng((seed, number, 1)).integers(45, 96))


def save(folder: Path, seed: int, number: int) -> None:
    """Draw a picture and write it as JPEG, unless it is there."""
    if next(folder.glob(f"{number:05d}_*.jpg"), None) is None:
        cv2.setNumThreads(1)
        kind, picture, quality = draw(seed, number)
        done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert done
        aside = folder / f".{number:05d}"
        aside.write_bytes(content.tobytes())
        aside.rename(folder / f"{number:05d}_{kind}.jpg")


def install(vocabulary: bovw.Vocabulary, options: argparse.Namespace) -> None:
    """Put the vocabulary, without its graph, and how it was made into the package."""
    target = builtin_folder()
    assert vocabulary.made_with_ is not None
    save_vocabulary(vocabulary, target, overwrite=True, graph=False)
    pictures = vocabulary.made_with_["pictures"]
    about = conditions()
    card = {
        "name": NAME,
        "script": "scripts/data/make_vocabulary.py",
        "seed": options.seed,
        "n_words": vocabulary.n_words_,
        "n_pictures": len(pictures),
        "pictures_sha256": hashlib.sha256("".join(pictures).encode("ascii")).hexdigest(),
        "fingerprint": vocabulary.fingerprint,
        "matplotlib": matplotlib.__version__,
        **about,
    }
    text = json.dumps(card, indent=1) + "\n"
    target.with_suffix(".json").write_text(text, encoding="ascii")
    print(f"{target}: {vocabulary.n_words_} words, fingerprint {vocabulary.fingerprint}")


def main() -> None:
    """Draw, train, and install if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1000, metavar="N")
    parser.add_argument("--words", type=int, default=20_000, metavar="K")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args()
    pictures = options.folder / f"pictures-{options.seed}"
    pictures.mkdir(parents=True, exist_ok=True)
    joblib.Parallel(options.jobs)(
        joblib.delayed(save)(pictures, options.seed, number) for number in range(options.pictures)
    )
    place = options.folder / f"builtin-{options.seed}-{options.pictures}-{options.words}"
    if not place.exists():
        settings = bovw.Settings().changed(vocabulary={"n_words": options.words})
        vocabulary = bovw.train_vocabulary(
            sorted(pictures.glob("*.jpg"))[: options.pictures],
            settings=settings,
            cache=options.folder / "features",
            n_jobs=options.jobs,
            progress=True,
        )
        vocabulary.made_with_ = {**(vocabulary.made_with_ or {}), "name": NAME}
        save_vocabulary(vocabulary, place)
    if options.install:
        install(load_vocabulary(place), options)


if __name__ == "__main__":
    main()
