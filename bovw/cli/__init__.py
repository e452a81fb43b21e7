"""The command line: each verb is one call of the public API.

This package decides nothing about search or evaluation.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import BovwError, StorageError
from .messages import in_file, log_end, on_stderr
from .output import (
    ERROR,
    GOOD,
    INTERRUPTED,
    complain,
)
from .parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit code: 0 success, 1 error, 2 wrong usage, 3 done but some pictures failed, 130
        interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = make_parser().parse_args(given)
    warnings.showwarning = _note  # type: ignore[assignment]
    with on_stderr(options):
        try:
            with in_file(options.log, given):
                code = _ended(options)
                log_end(code)
                return code
        except StorageError as error:  # of the file of --log
            complain(f"error: {error}", logging.ERROR)
            return ERROR


def _ended(options: argparse.Namespace) -> int:
    """Run a verb, and give the exit code, whatever happens."""
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        with _interrupted_once():
            return run(options)
    except BovwError as error:
        complain(f"error: {error}", logging.ERROR)
        return ERROR
    except KeyboardInterrupt:
        verb = options.verb
        goes_on = verb in ("index", "groups") or (verb == "train" and options.cache is not None)
        kept = "; finished work is kept, repeat the command to continue" if goes_on else ""
        complain(f"interrupted{kept}")
        return INTERRUPTED
    except MemoryError:
        complain(
            "error: not enough memory: free some, or allow more (ulimit -v), and try again",
            logging.ERROR,
        )
        return ERROR
    except BrokenPipeError:  # the reader of our output has ended, such as `head`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return GOOD
    except OSError as error:
        hint = ": check its permissions" if isinstance(error, PermissionError) else ""
        complain(f"error: {error}{hint}", logging.ERROR)
        return ERROR


@contextmanager
def _interrupted_once() -> Iterator[None]:
    """React to the first Ctrl-C only, so that ending the workers is not interrupted again.

    To end its workers, joblib asks another program for their processes. If that program were
    interrupted too, joblib would wait for ever.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def heed(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, heed)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is heed:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _note(message: Warning | str, *_: Any) -> None:
    complain(f"note: {message}")
