"""The argparse parser of the command line, with a subcommand for each verb."""

from __future__ import annotations

import argparse

from .. import __version__
from .verbs import VERBS


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; ``options.run`` is the function of the chosen verb."""
    parser = argparse.ArgumentParser(
        prog="bovw",
        description="Which of my pictures show what this picture shows?",
        epilog="example:\n  bovw index photos/ -o photos.bovw && bovw search photos.bovw query.jpg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bovw {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    for name, verb in VERBS.items():
        sub = subparsers.add_parser(
            name,
            help=verb.HELP,
            description=verb.HELP[0].upper() + verb.HELP[1:] + ".",
            epilog=f"example:\n  {verb.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(run=verb.run, verb=name)
        sub.add_argument("--json", action="store_true", help="print the result as JSON")
        verb.add_arguments(sub)
    return parser
