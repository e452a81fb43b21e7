"""Work in a new thread that is not waited for in vain when memory ends."""

from __future__ import annotations

import _thread
import threading
import weakref
from collections.abc import Callable
from typing import Any


class FreshThread:
    """Does some work in a new thread.

    `threading.Thread.start` would wait for ever when memory runs out before the new thread runs its
    first line.

    Parameters
    ----------
    work : callable
        Called without arguments.

    Raises
    ------
    MemoryError
        When the system gives no new thread.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        argument = threading.Lock()  # anything to which soon only the thread refers
        self._in_thread = weakref.ref(argument)
        try:
            _thread.start_new_thread(self._run, (argument,))
        except RuntimeError as error:
            raise MemoryError("the system gives no new thread") from error

    def _run(self, _: Any) -> None:
        try:
            self._work()
        except BaseException as error:  # handed to who waits
            self._failure = error
        finally:
            self._ended.set()

    def wait(self) -> None:
        """Wait for its end; raise what the work raised, or a MemoryError if it never began."""
        while not self._ended.wait(timeout=0.1):
            if self._in_thread() is None and not self._ended.is_set():
                raise MemoryError("not enough memory for a new thread")
        if self._failure is not None:
            raise self._failure
