"""Parallel work over pictures: joblib, and the one place that limits threads.

OpenCV, BLAS and joblib each start as many threads as there are cores; together they multiply.
Here every task runs with one thread of its own, and joblib decides how many tasks run at once,
so that a Dask or Ray cluster can be plugged in with `joblib.parallel_config`.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def worker_count(n_jobs: int | None) -> int:
    """Number of tasks that run at once for scikit-learn's `n_jobs` (None: one, -1: every core)."""
    from joblib import effective_n_jobs

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
        if caught:
            raise KeyboardInterrupt


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


def progress_bar(
    items: Iterable[Item], description: str, total: int | None = None, unit: str = "picture"
) -> Iterable[Item]:
    """Show progress on stderr while `items` are consumed; silent when stderr is no terminal."""
    from tqdm import tqdm

    bar: Iterable[Item] = tqdm(
        items,
        desc=description,
        total=total,
        unit=unit,
        disable=None,
        file=sys.stderr,
        dynamic_ncols=True,
    )
    return bar


def _one_thread_each(function: Callable[[Item], Result], item: Item) -> Result:
    with limited_threads(1):
        return function(item)


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    total: int,
    n_jobs: int | None = None,
    description: str | None = None,
    unit: str = "picture",
) -> Iterator[Result]:
    """Apply `function` to `items` in parallel and yield the results in the order of `items`.

    Only a few items per worker are under way at any time, so memory does not grow with their number
    as long as the results are consumed.

    Parameters
    ----------
    function : callable
        Must be picklable when joblib's backend runs processes.
    items : iterable
    total : int
        How many items there are.
    n_jobs : int, optional
        As in scikit-learn.
    description : str, optional
        Shown in front of the progress bar; without it there is no bar.
    unit : str
        What the progress bar counts.
    """
    from joblib import Parallel, delayed

    with limited_threads(1):
        if min(worker_count(n_jobs), total) <= 1:
            # Not through joblib, whose generator would look ahead by several items.
            results: Iterable[Result] = (function(item) for item in items)
        else:
            results = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="2*n_jobs")(
                delayed(_one_thread_each)(function, item) for item in items
            )
        if description is not None:
            results = progress_bar(results, description, total, unit)
        yield from results
