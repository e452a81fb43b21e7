"""Limits the threads of this process, and delays Ctrl-C. Only this module limits threads."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

from ..errors import SettingsError


def worker_count(n_jobs: int | None) -> int:
    """Number of parallel tasks for `n_jobs` as in scikit-learn (None: one, -1: one per core)."""
    from joblib import effective_n_jobs

    if n_jobs == 0:
        raise SettingsError("n_jobs=0: expected the number of jobs, or -1 for one on each core")
    return int(effective_n_jobs(n_jobs))


def thread_count(n_jobs: int | None) -> int:
    """Number of threads for one query: `n_jobs`, or one for each core if it is None.

    It is at most the smallest limit of `limited_threads` that is active.
    """
    from joblib import cpu_count

    n_jobs = -1 if n_jobs is None else n_jobs
    found = worker_count(n_jobs)
    if n_jobs < 0:  # with a backend of joblib such as Dask's, these are the threads of a cluster
        found = min(found, cpu_count())
    return min(found, _LIMITS.smallest())


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Ctrl-C interrupts only the main thread
        return
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if caught:  # now interrupt, as without the block
            signal.raise_signal(signal.SIGINT)


@contextmanager
def limited_threads(n_threads: int = 1) -> Iterator[None]:
    """Let OpenCV, BLAS and OpenMP use at most `n_threads` threads inside the block.

    Blocks may be nested, and may overlap in several threads: the smallest of the limits that are
    active holds for OpenCV and BLAS, whose limits are of the whole process, and what was set before
    comes back when the last block ends. The limit of OpenMP is of each thread by itself.
    """
    _LIMITS.enter(n_threads)
    try:
        least = min(n_threads, _LIMITS.smallest())  # a BLAS may use OpenMP
        with _libraries("openmp", _modules()).limit(limits=least):
            yield
    finally:
        _LIMITS.leave(n_threads)


class _ProcessLimits:
    """The limits that are active in this process, and what was set before the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[int] = []
        self._set: tuple[int, int] | None = None
        self._restore: list[Callable[[], object]] = []

    def smallest(self) -> int:
        """The smallest active limit; a very large number when there is none."""
        with self._lock:
            return min(self._active, default=1 << 16)

    def enter(self, n_threads: int) -> None:
        with self._lock:
            self._active.append(n_threads)
            self._apply()

    def leave(self, n_threads: int) -> None:
        with self._lock:
            self._active.remove(n_threads)
            if self._active:
                self._apply()
                return
            with _ownership():
                while self._restore:
                    self._restore.pop()()
            self._set = None

    def _apply(self) -> None:
        import cv2

        # A module that was imported since may have brought a BLAS of its own.
        wanted = min(self._active), _modules()
        if wanted == self._set:
            return
        if self._set is None:
            self._restore.append(partial(cv2.setNumThreads, cv2.getNumThreads()))
        cv2.setNumThreads(wanted[0])
        with _ownership():
            limiter = _libraries("blas", wanted[1]).limit(limits=wanted[0])
        self._restore.append(limiter.restore_original_limits)
        self._set = wanted

    def forget(self) -> None:
        """Begin anew in a forked child, in which no other thread goes on."""
        self.__init__()  # type: ignore[misc]


def _modules() -> int:
    """A number that changes with the modules that are imported, which may bring libraries."""
    return hash(tuple(sys.modules))


@lru_cache(maxsize=4)
def _libraries(user_api: str, modules: int) -> Any:
    """Find the loaded libraries of one kind; looking for them takes a millisecond."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api=user_api)


@contextmanager
def _ownership() -> Iterator[None]:
    """Let this thread set the limits of OpenBLAS.

    Since threadpoolctl 3.8 they belong to the first thread that sets them, and those of others are
    ignored without a word. Here they belong to the process, and a lock is held.
    """
    import threadpoolctl

    owner = getattr(threadpoolctl, "OpenBLASController", None)
    disown = getattr(owner, "clear_controlling_thread", lambda force: None)
    disown(force=True)
    try:
        yield
    finally:
        disown(force=True)


_LIMITS = _ProcessLimits()
if hasattr(os, "register_at_fork"):  # another thread may have held the lock
    os.register_at_fork(after_in_child=_LIMITS.forget)
