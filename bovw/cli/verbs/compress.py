"""``bovw compress``: makes an index with only one short vector of each picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..arguments import add_jobs, add_untrusted, positive
from ..output import GOOD, answer, check_output

HELP = "make a much smaller index, with only one short vector of each picture"
EXAMPLE = "bovw compress photos.bovw -o photos.lsa --components 256 --bits 8"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    sub.add_argument("-o", "--output", required=True, metavar="OUTPUT", help="folder to write")
    sub.add_argument("--overwrite", action="store_true", help="replace the folder if it exists")
    sub.add_argument(
        "--components",
        type=positive,
        default=256,
        metavar="N",
        help="dimensions of a vector (default: 256)",
    )
    sub.add_argument(
        "--bits",
        type=int,
        choices=[8, 4, 1],
        default=8,
        help="bits for each dimension (default: 8)",
    )
    sub.add_argument(
        "--parts",
        type=positive,
        metavar="N",
        help="instead of --bits, use product quantisation with N parts of one byte each",
    )
    add_untrusted(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Make an index that keeps only a quantised vector of each picture."""
    from ...embeddings import ProductQuantizer, ScalarQuantizer
    from ...engine import Engine
    from ...errors import SettingsError
    from ...index import LsaIndex
    from ...storage import save_lsa_index

    if Path(options.output).resolve() == Path(options.index).resolve():
        raise SettingsError(f"{options.output} is the index to compress: choose another output")
    check_output(options, "bovw-lsa")
    quantizer = (
        ScalarQuantizer(options.bits) if options.parts is None else ProductQuantizer(options.parts)
    )
    engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
    compressed = LsaIndex.of(engine.index, options.components, quantizer)
    save_lsa_index(compressed, options.output, overwrite=options.overwrite)
    answer(
        options,
        {"compressed index": options.output, **compressed.info()},
        f"{options.output}: {len(compressed)} pictures in {compressed.codes.shape[1]} bytes "
        f"each (they were {engine.index.bytes_per_picture:.0f})",
    )
    return GOOD
