#!/usr/bin/env python3
"""Groups across a collection: which altered copies are found, and what is joined wrongly.

    python scripts/benchmarks/groups.py VOCABULARY [--objects N] [--json FILE]

An archive is drawn in a temporary folder: originals of UKBench, of the DVD covers and of the
distractors, copies of them that were altered in thirteen ways, and other photographs of the same
objects. At the level of copies, a copy counts as found when most copies of its original are in its
group; every other photograph in that group is joined wrongly. At the level of objects, pairs of
pictures of one object are counted, without the altered copies, for UKBench and for covers apart:
several covers were photographed upon the same desk, and pairs that this desk joins count as wrong.
`VOCABULARY` is a folder made by ``bovw train`` of other pictures, or "builtin". All is reported for
each half of the objects: thresholds were chosen on the first, and confirmed on the second.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import DATA, conditions, options_parser, write

import bovw
from bovw.groups import Groups

Pixels = np.ndarray


def jpeg(quality: int) -> Callable[[Pixels], Pixels]:
    """Save again."""

    def alter(image: Pixels) -> Pixels:
        saved = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(saved, cv2.IMREAD_COLOR))

    return alter


def shrunk(scale: float) -> Callable[[Pixels], Pixels]:
    """Shrink."""
    return lambda image: cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def cropped(area: float) -> Callable[[Pixels], Pixels]:
    """Cut out a part of this area, to one side of the middle."""

    def alter(image: Pixels) -> Pixels:
        height, width = (round(side * area**0.5) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 3, (image.shape[1] - width) * 2 // 3
        return image[top : top + height, left : left + width]

    return alter


def slanted(image: Pixels) -> Pixels:
    """Turn by seven degrees, and cut the empty corners off."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 7, 1)
    edge = round(min(height, width) * 0.08)
    return cv2.warpAffine(image, turn, (width, height))[edge:-edge, edge:-edge]


def overlaid(image: Pixels) -> Pixels:
    """Write across it, and put a plate into a corner."""
    found, (height, width) = image.copy(), image.shape[:2]
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    place = (width // 20, height // 2)
    cv2.putText(found, "SAMPLE (c) 2024", place, font, width / 400, white, max(2, width // 120))
    low, high = (int(width * 0.7), int(height * 0.75)), (int(width * 0.97), int(height * 0.95))
    cv2.rectangle(found, low, high, (0, 0, 200), -1)
    return found


def framed(image: Pixels) -> Pixels:
    """Put a light frame around it."""
    edges = [side // 10 for side in image.shape[:2]]
    return cv2.copyMakeBorder(
        image, edges[0], edges[0], edges[1], edges[1], cv2.BORDER_CONSTANT, value=(235,) * 3
    )


ALTERATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG, quality 30": jpeg(30),
    "JPEG, quality 10": jpeg(10),
    "half the side": shrunk(0.5),
    "a quarter of the side": shrunk(0.25),
    "cropped to 64 % of the area": cropped(0.64),
    "cropped to half of the area": cropped(0.5),
    "turned by 90 degrees": lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    "turned by 7 degrees, cropped": slanted,
    "mirrored": lambda image: image[:, ::-1],
    "text and a plate laid over": overlaid,
    "contrast 0.7, lighter": lambda image: np.clip(image * 0.7 + 50, 0, 255).astype(np.uint8),
    "grey": lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
    "framed": framed,
}


def objects(n: int) -> dict[str, list[Path]]:
    """Pictures of each object; the first one is the original."""
    found: dict[str, list[Path]] = {}
    pictures = sorted((DATA / "ukbench1000").glob("*.jpg"))
    for first in range(0, len(pictures), len(pictures) // n // 4 * 4):
        found[f"ukbench_{first:04d}"] = pictures[first : first + 4]
    covers: dict[str, list[Path]] = {}
    for query in json.loads((DATA / "smvs_dvd" / "gnd.json").read_text())["queries"]:
        covers.setdefault(query["positive"][0], []).append(DATA / "smvs_dvd" / query["image"])
    names = sorted(covers)
    for name in names[:: max(1, len(names) // n)]:
        found[f"dvd_{Path(name).stem}"] = [DATA / "smvs_dvd" / name, *covers[name]]
    noise = sorted((DATA / "distractors").rglob("*.jpg"))
    for picture in noise[:: max(1, len(noise) // n)]:
        found[f"noise_{picture.stem}"] = [picture]
    return found


def draw(folder: Path, pictures: dict[str, list[Path]]) -> dict[str, tuple[str, str]]:
    """Write the archive; return for each identifier its object, and what was done to it."""
    drawn: dict[str, tuple[str, str]] = {}
    for name, paths in pictures.items():
        original = cv2.imread(str(paths[0]))
        for number, (what, alter) in enumerate(ALTERATIONS.items()):
            identifier = f"{name}_altered_{number:02d}.jpg"
            altered = np.ascontiguousarray(alter(original))
            cv2.imwrite(str(folder / identifier), altered, [cv2.IMWRITE_JPEG_QUALITY, 92])
            drawn[identifier] = name, what
        for number, path in enumerate(paths):
            identifier = f"{name}_photo_{number}{path.suffix}"
            shutil.copyfile(path, folder / identifier)
            drawn[identifier] = name, "" if number else "original"
    return drawn


def copies(
    groups: Groups, drawn: dict[str, tuple[str, str]], chosen: Sequence[str]
) -> dict[str, Any]:
    """Copies found and missed, and pictures joined wrongly, for some objects."""
    of = {name: number for number, group in enumerate(groups) for name in group.identifiers}
    missed, wrong, n = Counter[str](), 0, Counter[str]()
    for name in chosen:
        mine = [i for i, (other, what) in drawn.items() if other == name and what]
        main = Counter(of[i] for i in mine if i in of).most_common(1)
        home = main[0][0] if main else None
        for identifier in mine:
            n[drawn[identifier][1]] += 1
            missed[drawn[identifier][1]] += of.get(identifier, -1) != home
        if home is not None:
            wrong += sum(i not in mine for i in groups[home].identifiers)
    return {
        "n": sum(n.values()),
        "found": 1 - sum(missed.values()) / sum(n.values()),
        "joined_wrongly": wrong,
        "found_by_alteration": {what: 1 - missed[what] / n[what] for what in n},
    }


def pairs(groups: Groups, drawn: dict[str, tuple[str, str]], chosen: set[str]) -> dict[str, Any]:
    """Precision and recall of pairs of photographs of one object."""
    photos = {i: name for i, (name, what) in drawn.items() if what in ("", "original")}
    joined = [
        (photos[one], photos[other])
        for group in groups
        for one, other in combinations([i for i in group.identifiers if i in photos], 2)
        if photos[one] in chosen or photos[other] in chosen
    ]
    counts = Counter(name for name in photos.values() if name in chosen)
    total = sum(k * (k - 1) // 2 for k in counts.values())
    right = sum(one == other for one, other in joined)
    return {
        "pairs": total,
        "precision": right / max(1, len(joined)),
        "recall": right / max(1, total),
        "links_cut": len(groups.cut),
    }


def main() -> None:
    """Draw, index, compare, and report."""
    parser = options_parser(__doc__, "cache", "jobs")
    parser.add_argument("vocabulary", metavar="VOCABULARY")
    parser.add_argument("--objects", type=int, default=40, help="objects of each set")
    options = parser.parse_args()
    pictures = objects(options.objects)
    halves = [sorted(pictures)[half::2] for half in (0, 1)]
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        archive, photos = Path(place) / "archive", Path(place) / "photos"
        archive.mkdir()
        photos.mkdir()
        drawn = draw(archive, pictures)
        engine = indexed(archive, options)
        groups = engine.groups("copies", progress=True)
        result["copies"] = [copies(groups, drawn, half) for half in halves]
        for identifier, (_, what) in drawn.items():
            if what in ("", "original"):
                shutil.copyfile(archive / identifier, photos / identifier)
        groups = indexed(photos, options).groups("same-object", progress=True)
        result["same-object"] = {
            kind: [
                pairs(groups, drawn, {name for name in half if name.startswith(kind)})
                for half in halves
            ]
            for kind in ("ukbench", "dvd")
        }
    report(result)
    about = conditions("strong", [], engine.settings)
    write(options.json, {"n_pictures": len(drawn), **result}, about)


def indexed(folder: Path, options: Any) -> bovw.Engine:
    """Index a folder."""
    return bovw.Engine.build(
        folder,
        vocabulary=options.vocabulary,
        cache=options.cache,
        n_jobs=options.jobs,
        progress=True,
    )


def report(result: dict[str, Any]) -> None:
    """Print the figures as tables."""
    print("| copies | first half | second half |\n|---|---|---|")
    first, second = result["copies"]
    print(
        f"| found | {first['found']:.3f} of {first['n']} | {second['found']:.3f} of {second['n']} |"
    )
    for what, share in first["found_by_alteration"].items():
        print(f"| {what} | {share:.2f} | {second['found_by_alteration'][what]:.2f} |")
    print(f"| joined wrongly | {first['joined_wrongly']} | {second['joined_wrongly']} |")
    print("\n| same object, pairs | first half | second half |\n|---|---|---|")
    for kind, (first, second) in result["same-object"].items():
        for name in ("precision", "recall"):
            print(f"| {kind}, {name} | {first[name]:.3f} | {second[name]:.3f} |")


if __name__ == "__main__":
    main()
