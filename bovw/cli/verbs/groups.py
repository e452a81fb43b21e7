"""``bovw groups``: copies of one picture, or pictures of one object, across a whole index."""

from __future__ import annotations

import argparse

from ..arguments import add_jobs, add_untrusted, not_negative
from ..output import GOOD, name_lacking, note, print_json, say, write_table

HELP = "group the pictures of an index: near-duplicates, or pictures of one object"
EXAMPLE = (
    "bovw groups photos.bovw --keep oldest --html copies.html\n"
    "  bovw groups photos.bovw --level same-object --csv objects.csv"
)


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    sub.add_argument(
        "--level",
        choices=["copies", "same-object"],
        default="copies",
        help="copies (the same picture: saved again, smaller, turned, mirrored, cropped, or with "
        "something laid over it; default), or same-object (pictures that show the same thing)",
    )
    sub.add_argument(
        "--keep",
        default="largest",
        metavar="RULE",
        help="which picture of a group is proposed to be kept: largest (most pixels; default), "
        "oldest (by the time of the file), or folder:NAME (one in this folder; of these, the "
        "largest)",
    )
    sub.add_argument(
        "--verify",
        type=not_negative,
        metavar="N",
        help="number of best candidates of each picture to verify by geometry (default: as set in "
        "the index)",
    )
    sub.add_argument(
        "--also",
        default="mirror",
        metavar="GUISES",
        help="compare in other guises, too: mirror (default), negative, mirror,negative, or '' for "
        "none; each takes as long again",
    )
    sub.add_argument(
        "--anew",
        action="store_true",
        help="compare all pictures, also those that were compared before",
    )
    sub.add_argument(
        "--csv",
        metavar="FILE",
        help="write a table with a row for each picture of a group (-: print it)",
    )
    sub.add_argument(
        "--html",
        metavar="FILE",
        help="write a page with the pictures of each group, in one file that opens offline "
        "(pip install 'bovw[report]')",
    )
    add_untrusted(sub)
    add_jobs(sub)


def run(options: argparse.Namespace) -> int:
    """Group the pictures of an index."""
    from ...engine import Engine
    from ...report import check_page, groups_csv, groups_text, save_groups_page

    if options.html is not None:
        check_page()
    engine = Engine.open(options.index, trusted=not options.untrusted, n_jobs=options.jobs)
    groups = engine.groups(
        options.level,
        keep=options.keep,
        verify=options.verify,
        also=options.also,
        anew=options.anew,
        progress=True,
    )
    if options.json:
        print_json(groups.to_dict())
    elif options.csv != "-":
        say(groups_text(groups))
    if options.csv is not None:
        write_table(groups_csv(groups), options.csv)
    if options.html is not None:
        name_lacking(save_groups_page(groups, options.html))
        note(f"wrote {options.html}")
    return GOOD
