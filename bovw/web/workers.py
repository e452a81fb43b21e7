"""Processes that decode pictures: one may die, or be ended when it takes too long.

joblib's processes are not used, since it unpickles what they answer; see `replies.py`.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ..errors import BovwError, ImageError
from .replies import LARGEST, Reply, ReplyError, error_bytes, read_reply, reply_bytes

_START_SECONDS = 300.0  # a process imports much; that is not the picture's fault
_READY = b"ready"
_ADVICE = "save it anew in another format, or shrink it"


class WorkerError(BovwError):
    """A worker ended while it was at work, or took too long."""


class Workers:
    """Runs functions in processes of their own, each of which does one thing at a time.

    Parameters
    ----------
    n_workers : int
    seconds : float
        How long a call may take, once its process has started; then the process is ended.
    """

    def __init__(self, n_workers: int, seconds: float) -> None:
        self.seconds = seconds
        self.deaths = 0
        self._all = [_Worker() for _ in range(n_workers)]
        self._idle: queue.Queue[_Worker] = queue.Queue()
        self._lock = threading.Lock()
        self._closed = False
        for worker in self._all:
            self._idle.put(worker)

    def call(self, function: Callable[..., Reply], *arguments: Any) -> Reply:
        """Call a function of a module in the next worker that is idle, and return its answer.

        Raises
        ------
        BovwError
            The error that the function raised.
        WorkerError
            When the worker ended, or took too long.
        """
        worker = self._idle.get()
        try:
            if self._closed:
                raise WorkerError("the server stops")
            return worker.call(function, arguments, self.seconds)
        except WorkerError:
            with self._lock:
                self.deaths += 1
            raise
        finally:
            self._idle.put(worker)

    def warm(self) -> None:
        """Start all processes now, rather than at the first call."""
        for worker in self._all:
            worker.start()

    def close(self) -> None:
        """End all processes; later calls fail."""
        self._closed = True
        for worker in self._all:
            worker.end()


class _Worker:
    def __init__(self) -> None:
        self._process: Any = None
        self._line: Connection | None = None
        self._ready = False
        self._starting = threading.Lock()  # `Workers.warm` starts beside a call

    def start(self) -> Connection:
        """Start the process if there is none; return the line to it."""
        with self._starting:
            line = self._line
            if line is None or self._process is None or not self._process.is_alive():
                line = self._started()
            return line

    def _started(self) -> Connection:
        self.end()
        # A fork would copy the threads' locks of the server; a fresh process has none.
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there,), daemon=True, name="bovw-decoder")
        with _without_interrupts():
            process.start()
        there.close()
        self._process, self._line, self._ready = process, here, False
        return here

    def call(
        self, function: Callable[..., Reply], arguments: tuple[Any, ...], seconds: float
    ) -> Reply:
        line = self.start()  # `close` may end the process at any time
        try:
            if not self._ready and line.poll(_START_SECONDS):
                self._ready = line.recv_bytes(LARGEST) == _READY
            if not self._ready:
                raise ReplyError("a worker did not start")
            line.send((function, arguments))
            if not line.poll(seconds):
                self.end()
                raise WorkerError(f"decoding took longer than {seconds:g} seconds; {_ADVICE}")
            return read_reply(line.recv_bytes(LARGEST))
        except (EOFError, OSError, ReplyError) as error:
            self.end()
            raise WorkerError(f"decoding ended its process; {_ADVICE}") from error

    def end(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._line = None


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C, which is for the server, does not reach: they inherit this."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(line: Connection) -> None:
    """Answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from ..parallel import limited_threads
    from . import decoding  # noqa: F401  what takes long is imported before the first call

    # At a clean stop the server closes its end at any time.
    with limited_threads(1), contextlib.suppress(EOFError, OSError):
        line.send_bytes(_READY)
        while True:
            function, arguments = line.recv()
            try:
                answer = reply_bytes(function(*arguments))
            except BovwError as error:
                answer = error_bytes(error)
            except MemoryError:
                answer = error_bytes(
                    ImageError("the picture", "too large for the memory", "shrink it")
                )
            line.send_bytes(answer)
