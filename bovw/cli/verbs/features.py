"""``bovw features``: writes the features of pictures for COLMAP or hloc."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..arguments import PICTURES, add_jobs, add_names
from ..output import answer, report_failures

if TYPE_CHECKING:
    from ...features import Features

HELP = "extract the features of pictures into a database of COLMAP, or a file for hloc"
EXAMPLE = "bovw features photos/ -o database.db\n  bovw features photos/ -o features.h5"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("pictures", nargs="+", metavar="PICTURES", help=PICTURES)
    sub.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="a database of COLMAP (.db), new or existing, or a file for hloc (.h5)",
    )
    sub.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the features of these pictures in a database, or the whole file for hloc",
    )
    add_names(sub)
    sub.add_argument(
        "--preset",
        default="strong",
        metavar="NAME",
        help="settings of pictures and features: those of a preset, or of a JSON file",
    )
    sub.add_argument(
        "--cache", metavar="DIR", help="keep extracted features here, and take them from here"
    )
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Write the features of pictures."""
    from ...exchange import write_features
    from ...features import extract_files
    from ...pictures import Failure, find_pictures
    from ...settings import load_settings

    files = find_pictures(options.pictures, root=options.root, patterns=options.pattern)
    failed: list[Failure] = []
    counted = 0

    def good() -> Iterator[tuple[str, Features]]:
        nonlocal counted
        found = extract_files(
            files,
            load_settings(options.preset),
            cache=options.cache,
            n_jobs=options.jobs,
            description="reading pictures",
        )
        for file, features in found:
            if isinstance(features, Failure):
                failed.append(features)
            else:
                counted += len(features)
                yield file.identifier, features

    n = write_features(good(), options.output, overwrite=options.overwrite)
    content = {
        "output": options.output,
        "n_pictures": n,
        "n_features": counted,
        "failed": [{"path": each.path, "reason": each.reason} for each in failed],
    }
    answer(options, content, f"{options.output}: {n} pictures, {counted} features")
    return report_failures([(each.path, each.reason) for each in failed])
