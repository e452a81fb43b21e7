"""The command line: each verb is one call of the public API."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import BovwError
from .arguments import make_parser
from .output import ERROR, GOOD, INTERRUPTED, printable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0 good, 1 error, 2 usage, 3 done but some pictures failed, 130 interrupted.
    """
    options = make_parser().parse_args(arguments)
    warnings.showwarning = _note  # type: ignore[assignment]
    try:
        verb: Callable[[argparse.Namespace], int] = options.verb
        return verb(options)
    except BovwError as error:
        print(f"bovw: error: {printable(str(error))}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print(
            "bovw: interrupted; what was finished is kept, the same command goes on",
            file=sys.stderr,
        )
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return GOOD


def _note(message: Warning | str, *_: Any) -> None:
    print(f"bovw: note: {message}", file=sys.stderr)
