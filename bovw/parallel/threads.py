"""Limits the threads of this process, and delays Ctrl-C. Only this module limits threads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import SettingsError


def worker_count(n_jobs: int | None) -> int:
    """Number of parallel tasks for `n_jobs` as in scikit-learn (None: one, -1: one per core)."""
    from joblib import effective_n_jobs

    if n_jobs == 0:
        raise SettingsError("n_jobs=0: expected the number of jobs, or -1 for one on each core")
    return int(effective_n_jobs(n_jobs))


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
    """Let OpenCV, BLAS and OpenMP use at most `n_threads` threads inside the block."""
    import cv2
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    cv2.setNumThreads(n_threads)
    try:
        with threadpool_limits(limits=n_threads):
            yield
    finally:
        cv2.setNumThreads(before)
