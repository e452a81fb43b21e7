"""``bovw merge``: makes one index of several."""

from __future__ import annotations

import argparse

from ...errors import some
from ..arguments import add_untrusted
from ..output import GOOD, answer, note

HELP = "make one index of several with the same vocabulary, without reading pictures again"
EXAMPLE = "bovw merge paris.bovw rome.bovw -o cities.bovw --prefix"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument(
        "indexes",
        nargs="+",
        metavar="INDEX",
        help="folders made by 'bovw index'; they stay as they are",
    )
    sub.add_argument("-o", "--output", required=True, metavar="INDEX", help="folder to write")
    sub.add_argument(
        "--overwrite",
        action="store_true",
        help="if the folder exists, replace it when the new index is complete",
    )
    sub.add_argument(
        "--clash",
        choices=["error", "first", "last"],
        default="error",
        metavar="WHICH",
        help="when indexes have different pictures of the same name: error (write nothing; "
        "default), or keep the one of the first or of the last index",
    )
    sub.add_argument(
        "--prefix",
        action="store_true",
        help="let each name begin with that of its index, such as paris/IMG_0001.jpg",
    )
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Merge indexes into a new one."""
    from ...engine import merge_indexes

    engine, union = merge_indexes(
        options.indexes,
        options.output,
        clash=options.clash,
        prefix=options.prefix,
        overwrite=options.overwrite,
        trusted=not options.untrusted,
    )
    if union.same:
        note(f"note: in several indexes, kept once: {some(union.same)}")
    if union.clashing:
        note(
            f"note: different pictures of the same name, that of the {options.clash} index kept: "
            f"{some(union.clashing)}"
        )
    held = " + ".join(map(str, union.n_pictures))
    answer(
        options,
        {
            "index": options.output,
            **engine.info(),
            "merged": [
                {"index": path, "n_pictures": n}
                for path, n in zip(options.indexes, union.n_pictures, strict=True)
            ],
            "same": list(union.same),
            "clashing": list(union.clashing),
        },
        f"{options.output}: {len(engine)} pictures ({held}), "
        f"{engine.collection.n_features} features",
    )
    return GOOD
