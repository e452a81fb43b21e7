"""What is said beside the results: on stderr, and in the file that --log names.

Everything comes from the loggers below ``bovw``. Errors, failed pictures and warnings have level
WARNING and above, notes and decisions INFO.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress

from .. import __version__
from ..errors import StorageError, printable
from ..parallel import bars_aside, without_bars

_bovw = logging.getLogger("bovw")
_run = logging.getLogger("bovw.run")  # how this program was called, and how it ended
_PROGRESS = "bovw.progress"
# Of these, stderr also shows what has level INFO.
_TOLD = ("bovw.cli", "bovw.vocabulary")


def add_messages(sub: argparse.ArgumentParser, *, short: bool = True) -> None:
    """Add the options of messages; without `short`, -v is left to the verb."""
    group = sub.add_argument_group("messages")
    how_much = group.add_mutually_exclusive_group()
    how_much.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="on stderr, only errors, warnings and pictures that failed",
    )
    how_much.add_argument(
        *(["-v"] if short else []),
        "--verbose",
        action="store_true",
        help="on stderr, also what is decided for you and what is done",
    )
    group.add_argument(
        "--progress",
        action="store_true",
        help="where stderr is no terminal, print a line on progress every half minute",
    )
    group.add_argument(
        "--log",
        metavar="FILE",
        help="append all messages, decisions and lines on progress to this file, with their time",
    )


@contextmanager
def on_stderr(options: argparse.Namespace) -> Iterator[None]:
    """Show messages on stderr, as the options of `add_messages` say."""
    handler = _Stderr(options)
    level = _bovw.level
    _bovw.addHandler(handler)
    _bovw.setLevel(logging.INFO)
    try:
        with without_bars() if options.quiet else nullcontext():
            yield
    finally:
        _bovw.removeHandler(handler)
        _bovw.setLevel(level)


@contextmanager
def in_file(path: str | None, arguments: Sequence[str]) -> Iterator[None]:
    """Append messages to a file, if there is a path.

    Raises
    ------
    StorageError
        When the file cannot be opened.
    """
    if path is None:
        yield
        return
    try:
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"cannot write the log {path}: {reason}; choose another") from error
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    _bovw.addHandler(handler)
    try:
        _run.info("bovw %s: bovw %s", __version__, shlex.join(arguments))
        yield
    finally:
        _bovw.removeHandler(handler)
        with suppress(OSError):  # that the disk is full was said
            handler.close()


def log_end(code: int) -> None:
    """Log the exit code."""
    _run.info("exit code %d", code)


class _OneLine(logging.Formatter):
    """Escapes what would break the line of a message, or what a terminal would obey."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = printable(record.message)
        return super().formatMessage(record)


class _Stderr(logging.Handler):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(logging.INFO)
        self._quiet, self._verbose = options.quiet, options.verbose
        self._progress = options.progress and not sys.stderr.isatty()  # there a bar is shown

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            return True
        if record.name in (_PROGRESS, _run.name):
            return bool(self._progress and record.name == _PROGRESS)
        return bool(self._verbose or (record.name in _TOLD and not self._quiet))

    def emit(self, record: logging.LogRecord) -> None:
        with bars_aside():
            print(f"bovw: {printable(record.getMessage())}", file=sys.stderr, flush=True)


class _File(logging.FileHandler):
    _full = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._full:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say once that the log ends here, and let the work go on."""
        self._full = True
        logging.getLogger("bovw.cli").warning("the log ends here: %s", sys.exc_info()[1])
