"""``bovw info``: what an index or a vocabulary holds."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..output import GOOD, facts, print_json, say

HELP = "describe an index or a vocabulary"
EXAMPLE = "bovw info photos.bovw"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("path", metavar="INDEX|VOCABULARY")
    sub.add_argument(
        "--failed", action="store_true", help="list the pictures that could not be read"
    )


def run(options: argparse.Namespace) -> int:
    """Describe an index or a vocabulary."""
    from ...storage import load_lsa_index, read_manifest

    folder = Path(options.path)
    manifest = read_manifest(folder)
    if manifest["format"] == "bovw-index":
        from ...engine import Engine

        engine = Engine.open(folder)
        content: dict[str, Any] = {"index": options.path, **engine.info()}
        failed = [asdict(failure) for failure in engine.failures]
    elif manifest["format"] == "bovw-lsa":
        content = {"compressed index": options.path, **load_lsa_index(folder).info()}
        failed = []
    else:
        from ...storage import load_vocabulary

        vocabulary = load_vocabulary(folder)
        made_with = vocabulary.made_with_ or {}
        failed = made_with.get("failed", [])
        content = {
            "vocabulary": options.path,
            "n_words": vocabulary.n_words_,
            "n_pictures": made_with.get("n_pictures"),
            "n_failed": len(failed),
            **vocabulary.facts(),
            "features": made_with.get("features"),
            "images": made_with.get("images"),
            "versions": manifest["versions"],
        }
    content["bytes"] = sum(file["size"] for file in manifest["files"].values())
    if options.failed:
        content["failed"] = failed
    if options.json:
        print_json(content)
    else:
        say("\n".join(facts(content)))
    return GOOD
