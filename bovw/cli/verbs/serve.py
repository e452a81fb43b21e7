"""``bovw serve``: a page for searching an index, and a JSON API, on the loopback address."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from ..arguments import add_untrusted, not_negative, positive
from ..output import GOOD, note, say

HELP = "search an index in a browser, and by a JSON API, on this machine"
EXAMPLE = "bovw serve photos.bovw --labels register.csv"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("index", metavar="INDEX", help="folder made by 'bovw index'")
    sub.add_argument(
        "--labels",
        metavar="FILE",
        help="a register: a table (CSV) with a column of identifiers, and columns such as owner, "
        "class or date, which answers have, and which are searched, filtered by and exported",
    )
    sub.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1, which only this machine reaches); any "
        "other needs --token",
    )
    sub.add_argument(
        "--port",
        type=not_negative,
        default=8000,
        metavar="N",
        help="port to listen on; 0: any that is free (default: 8000)",
    )
    sub.add_argument(
        "--token",
        metavar="TEXT",
        help="answer only who knows this token, of at least 16 letters and digits; better given in "
        "the environment variable BOVW_TOKEN, which lists of processes do not show",
    )
    sub.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name by which browsers reach this server, such as pictures.example.org; may be "
        "repeated",
    )
    sub.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="number of searches at a time, and of processes that decode pictures (default: one "
        "for each core, at most 8)",
    )
    sub.add_argument(
        "--waiting",
        type=not_negative,
        default=32,
        metavar="N",
        help="number of searches that may wait; more are refused with status 429 (default: 32)",
    )
    sub.add_argument(
        "--max-megabytes",
        type=positive,
        default=64,
        metavar="N",
        help="largest upload, all its pictures together (default: 64)",
    )
    sub.add_argument(
        "--max-megapixels",
        type=positive,
        default=100,
        metavar="N",
        help="largest picture that may be uploaded (default: 100)",
    )
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Serve an index until it is interrupted."""
    from ...web import Register, ServeOptions, default_workers, load_register, serve

    limits = ServeOptions(
        host=options.host,
        port=options.port,
        token=options.token if options.token is not None else os.environ.get("BOVW_TOKEN") or None,
        names=tuple(options.name),
        workers=options.workers or default_workers(),
        waiting=options.waiting,
        max_bytes=options.max_megabytes << 20,
        max_pixels=options.max_megapixels * 1_000_000,
    )
    register = Register() if options.labels is None else load_register(options.labels)

    def ready(url: str, n_pictures: int, unknown: Sequence[str]) -> None:
        if unknown:
            note(
                f"note: {options.labels} names {len(unknown)} pictures that the index does not "
                f"have, such as {unknown[0]!r}"
            )
        if options.json:
            # One line: who starts a server waits for it, and then reads no further.
            print(json.dumps({"url": url, "n_pictures": n_pictures, "pid": os.getpid()}))
        else:
            say(f"bovw: {n_pictures} pictures at {url}  (Ctrl-C stops)")
        sys.stdout.flush()

    serve(options.index, limits, register, trusted=not options.untrusted, ready=ready)
    note("stopped")
    return GOOD
