"""Looking after an index: verbs that shrink, merge, compress and check it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from .output import (
    ERROR,
    GOOD,
    answer,
    check_output,
    matching,
)


def positive(text: str) -> int:
    """Read a number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 1")
    return value


def remove(options: argparse.Namespace) -> int:
    """Remove pictures from an index."""
    from ..engine.engine import Engine
    from ..errors import SettingsError

    if not options.identifiers and not options.pattern:
        raise SettingsError("nothing to remove: give identifiers, or --pattern")
    engine = Engine.open(options.index)
    names = list(options.identifiers)
    known = [record.identifier for record in engine.collection.records]
    known += [failure.identifier for failure in engine.failures]
    for pattern in options.pattern or ():
        names += matching(pattern, known)
    changes = engine.remove(names)
    answer(
        options,
        {"index": options.index, **engine.info(), "changes": changes.to_dict()},
        f"{options.index}: {len(changes.removed)} removed, {len(engine)} pictures left"
        + (f", {len(changes.forgotten)} that had failed forgotten" if changes.forgotten else ""),
    )
    return GOOD


def compact(options: argparse.Namespace) -> int:
    """Merge the segments of an index."""
    from ..engine.engine import Engine

    engine = Engine.open(options.index)
    before = engine.info()
    engine.compact()
    answer(
        options,
        {"index": options.index, **engine.info()},
        f"{options.index}: {len(engine)} pictures in one segment; there were "
        f"{before['n_segments']}, and {before['n_removed']} removed pictures",
    )
    return GOOD


def compress(options: argparse.Namespace) -> int:
    """Keep of an index a quantised vector for each picture, and nothing else."""
    from ..embeddings.quantisation import ProductQuantizer, ScalarQuantizer
    from ..engine.engine import Engine
    from ..errors import SettingsError
    from ..index.compressed import LsaIndex
    from ..storage import save_lsa_index

    if Path(options.output).resolve() == Path(options.index).resolve():
        raise SettingsError(f"{options.output} is what is to be compressed: choose another output")
    check_output(options, "bovw-lsa")
    quantizer = (
        ScalarQuantizer(options.bits) if options.parts is None else ProductQuantizer(options.parts)
    )
    engine = Engine.open(options.index, n_jobs=options.jobs)
    compressed = LsaIndex.of(engine.index, options.components, quantizer)
    save_lsa_index(compressed, options.output, overwrite=options.overwrite)
    answer(
        options,
        {"compressed index": options.output, **compressed.info()},
        f"{options.output}: {len(compressed)} pictures in {compressed.codes.shape[1]} bytes "
        f"each (they were {engine.index.bytes_per_picture:.0f})",
    )
    return GOOD


def doctor(options: argparse.Namespace) -> int:
    """Check every byte of an index or a vocabulary."""
    from ..storage import diagnose

    found = diagnose(options.path, repair=options.repair)
    advice = ": restore it from a copy, or make it anew"
    if found.can_be_repaired:
        advice = " (--repair drops what is damaged)"
    verdict = {False: f"damaged{advice}", True: "repaired" if found.repaired else "sound"}
    answer(
        options,
        {"path": options.path, **asdict(found), "is_sound": found.is_sound},
        *(f"wrong: {text}" for text in found.problems),
        *(f"note: {text}" for text in found.notes),
        *(f"index again: {name}" for name in found.lost),
        f"{options.path}: {verdict[found.is_sound]}",
    )
    return GOOD if found.is_sound else ERROR


def add_care(
    add: Callable[..., argparse.ArgumentParser],
    add_jobs: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the verbs that look after an index."""
    sub = add(
        "remove",
        remove,
        "remove pictures from an index",
        "bovw remove photos.bovw 2019/beach.jpg --pattern 'trash/*'",
    )
    sub.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")
    sub.add_argument("identifiers", nargs="*", metavar="IDENTIFIER")
    sub.add_argument(
        "--pattern", action="append", metavar="GLOB", help="all that match; may be repeated"
    )

    sub = add(
        "compact",
        compact,
        "merge the segments of an index, without what was removed or replaced",
        "bovw compact photos.bovw",
    )
    sub.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")

    sub = add(
        "compress",
        compress,
        "make a far smaller index that compares pictures by one short vector each",
        "bovw compress photos.bovw -o photos.lsa --components 256 --bits 8",
    )
    sub.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")
    sub.add_argument("-o", "--output", required=True, metavar="OUTPUT")
    sub.add_argument("--overwrite", action="store_true", help="replace it when it exists")
    sub.add_argument(
        "--components", type=positive, default=256, metavar="N", help="of a vector (default: 256)"
    )
    sub.add_argument(
        "--bits", type=int, choices=[8, 4, 1], default=8, help="of a component (default: 8)"
    )
    sub.add_argument(
        "--parts", type=positive, metavar="N", help="product quantisation instead: a byte a part"
    )
    add_jobs(sub)

    sub = add(
        "doctor",
        doctor,
        "check every byte of an index or a vocabulary",
        "bovw doctor photos.bovw --repair",
    )
    sub.add_argument("path", metavar="INDEX|VOCABULARY")
    sub.add_argument(
        "--repair",
        action="store_true",
        help="of an index: drop what is damaged, and say which pictures to index again",
    )
