"""Progress of long work: bars on terminals and in notebooks, and lines in the log.

The lines are records of the logger ``bovw.progress``, with level INFO.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from typing import Any, TypeVar

Item = TypeVar("Item")

_log = logging.getLogger("bovw.progress")
_EVERY = 30.0  # seconds between two lines
_bars = True


def progress_bar(
    items: Iterable[Item], description: str, total: int | None = None, unit: str = "picture"
) -> Iterable[Item]:
    """Show how far work is while `items` are consumed.

    On a terminal and in a notebook, this is a bar. Besides, a line is logged every half minute, and
    one at the end. Without a `total` it is the length of `items`, if they have one.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    in_notebook = _in_notebook()
    if _bars and (in_notebook or (sys.stderr is not None and sys.stderr.isatty())):
        items = _bar(in_notebook)(
            items, desc=description, total=total, unit=unit, file=sys.stderr, dynamic_ncols=True
        )
    return _logged(items, description, total) if _log.isEnabledFor(logging.INFO) else items


@contextmanager
def without_bars() -> Iterator[None]:
    """Show no bars; lines are logged nevertheless."""
    global _bars  # noqa: PLW0603
    before, _bars = _bars, False
    try:
        yield
    finally:
        _bars = before


def bars_aside() -> AbstractContextManager[Any]:
    """Clear bars on stderr while something else is written there."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:  # there has been no bar
        return nullcontext()
    aside: AbstractContextManager[Any] = tqdm.tqdm.external_write_mode(file=sys.stderr)
    return aside


def _bar(in_notebook: bool) -> Any:
    if not in_notebook:
        from tqdm import tqdm

        return tqdm
    with warnings.catch_warnings():  # without ipywidgets the bar is text, and that is enough
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm as notebook_bar
    return notebook_bar


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def _logged(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    begun = said = monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        if monotonic() - said >= _EVERY:
            said = monotonic()
            _log.info("%s", _line(description, done, total, said - begun))
    if done:
        _log.info("%s: %d done in %s", description, done, _time(monotonic() - begun))


def _line(description: str, done: int, total: int | None, seconds: float) -> str:
    if not total:
        return f"{description}: {done} in {_time(seconds)}"
    left = _time(seconds * (total - done) / done)
    return f"{description}: {done} of {total} ({done / total:.0%}), about {left} left"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
