"""Threads of this process: the one place that limits them, and what Ctrl-C waits for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import SettingsError


def worker_count(n_jobs: int | None) -> int:
    """Number of tasks that run at once for scikit-learn's `n_jobs` (None: one, -1: every core)."""
    from joblib import effective_n_jobs

    if n_jobs == 0:
        raise SettingsError("n_jobs=0: expected the number of jobs, or -1 for one on each core")
    return int(effective_n_jobs(n_jobs))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted
        return
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if caught:  # as it would have been without the block
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
