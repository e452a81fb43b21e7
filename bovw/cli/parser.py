"""The argparse parser of the command line, with a subcommand for each verb."""

from __future__ import annotations

import argparse
from typing import Any

from .. import __version__
from .messages import add_messages
from .verbs import VERBS


class _Once(argparse.Action):
    """Stores a value, and refuses a second one, which would silently replace the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        given = vars(namespace).setdefault("given_options", set())
        if option_string is not None and self.dest in given:
            parser.error(f"{option_string} is given twice, but only one value can hold")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    """A parser in which an option can be given once only, unless it collects its values."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("action", None, _Once)
        self.register("action", "store", _Once)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; ``options.run`` is the function of the chosen verb."""
    parser = _Parser(
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
        add_messages(sub, short=name != "index")  # there, -v has always been --vocabulary
    return parser
