"""Parallel work over pictures, with joblib.

OpenCV, BLAS and joblib each start as many threads as there are cores, and together these multiply.
Here every task runs with one thread, and joblib decides how many tasks run at once. A Dask or Ray
cluster can therefore be used through `joblib.parallel_config`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from copy import copy
from functools import cache, partial
from multiprocessing import current_process, resource_tracker
from typing import Any, TypeVar

from .diary import Diary
from .progress import progress_bar
from .threads import limited_threads, worker_count

Item = TypeVar("Item")
Result = TypeVar("Result")


@cache
def _end_with(parent: int) -> None:
    """End this worker soon after its parent process has ended, even if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    # Not on another machine, where the parent is another process. A worker of joblib is watched
    # in any case: it may have lost its parent while it started.
    if os.getppid() == parent or current_process().name.startswith("LokyProcess"):
        threading.Thread(target=watch, daemon=True).start()


def _backend() -> Any:
    """Give the active backend of joblib, whose own processes watch their parent from birth on.

    A worker that is born when its parent has just been killed gets no item, and would wait minutes
    for one.
    """
    from joblib.parallel import BACKENDS, get_active_backend

    active = get_active_backend()[0]
    if type(active) is not BACKENDS["loky"]:
        return active
    backend = copy(active)  # that of `parallel_config` stays as it is
    usual = backend.configure

    def configure(*arguments: Any, **options: Any) -> int:
        n_workers: int = usual(*arguments, **options)
        # Not by joblib's argument `initializer`: who uses joblib without it would have to stop
        # our workers, and start others.
        executor = backend._workers
        if executor._initializer is None:
            executor._initializer, executor._initargs = _end_with, (os.getpid(),)
        return n_workers

    backend.configure = configure
    return backend


@contextmanager
def _deaf() -> Iterator[None]:
    """Block Ctrl-C in processes started in the block: their parent ends them in order."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    from joblib.externals.loky.backend import resource_tracker as tracker_of_loky

    for tracker in (resource_tracker, tracker_of_loky):
        tracker.ensure_running()  # starting it later would undo the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _one_thread_each(function: Callable[[Item], Result], item: Item, parent: int) -> Result:
    if os.getpid() != parent and threading.current_thread() is threading.main_thread():
        # Ctrl-C reaches all processes of a terminal, but the parent must end its workers itself.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _end_with(parent)
    return _alone(function, item)


def _alone(function: Callable[[Item], Result], item: Item) -> Result:
    with limited_threads(1):
        return function(item)


def ordered_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    n_jobs: int | None = None,
    lost: Callable[[Item], Result] | None = None,
    diary: Diary | None = None,
    description: str | None = None,
    unit: str = "picture",
) -> Generator[Result, None, None]:
    """Apply `function` to `items` in parallel and yield the results in the order of `items`.

    Each item is done with one thread; what the caller does between two results is not limited.
    Only a few items per worker are in progress at any time. Memory use therefore does not grow
    with the number of items, as long as the results are consumed.

    Parameters
    ----------
    function : callable
        Must be picklable when joblib's backend runs processes.
    items : sequence
    n_jobs : int, optional
        How many items are done in parallel, as in scikit-learn (None: one, -1: one per core).
    lost : callable, optional
        Returns the result for an item that killed its worker twice while no other item was in
        progress, for example by taking all memory. Without `lost`, the first killed worker raises
        an error.
    diary : Diary, optional
        Used with one job, where items are done in this process and could kill it. An item that
        killed an earlier process is done in a worker this time. Needs `lost`.
    description : str, optional
        Text in front of the progress bar; without it there is no bar.
    unit : str
        What the progress bar counts.
    """
    with diary or nullcontext():
        n_workers = min(worker_count(n_jobs), len(items))
        results: Iterable[Result]
        if n_workers > 1:
            results = _surviving(function, items, n_jobs, 2 * n_workers, lost)
        elif diary is None or lost is None:
            # Not with joblib, whose generator would work several items ahead.
            results = map(partial(_alone, function), items)
        else:
            results = _careful(function, items, lost, diary)
        if description is not None:
            results = progress_bar(results, description, len(items), unit)
        yield from results


def _careful(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    lost: Callable[[Item], Result],
    diary: Diary,
) -> Iterator[Result]:
    """Map in this process, except for items that killed an earlier process."""

    def killed(item: Item) -> Result:
        diary.convict(item)
        return lost(item)

    for item in items:
        if diary.is_suspect(item):
            diary.acquit(item)
            yield isolated(function, item, killed)
        else:
            diary.note(item)
            yield _alone(function, item)


def isolated(
    function: Callable[[Item], Result], item: Item, lost: Callable[[Item], Result]
) -> Result:
    """Apply `function` in another process, so that only that one can be killed."""
    from joblib import parallel_config

    with parallel_config(backend="loky"):
        return _one_by_one(function, [item], None, lost)[0]


def _surviving(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    n_jobs: int | None,
    ahead: int,
    lost: Callable[[Item], Result] | None,
) -> Iterator[Result]:
    """Map in parallel. When a worker is killed, repeat the items in progress with care."""
    from joblib.externals.loky import BrokenProcessPool

    done = 0
    while done < len(items):
        try:
            for result in _parallel(function, items[done:], n_jobs, ahead):
                yield result
                done += 1
        except BrokenProcessPool:
            if lost is None:
                raise
            # The results of all items in progress are lost with the pool.
            for result in _one_by_one(function, items[done : done + ahead], n_jobs, lost):
                yield result
                done += 1


def _one_by_one(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    n_jobs: int | None,
    lost: Callable[[Item], Result],
    attempts: int = 2,
) -> list[Result]:
    """Map items; when a worker is killed, halve them until the item that kills it is found."""
    from joblib.externals.loky import BrokenProcessPool

    try:
        return list(_parallel(function, items, max(2, worker_count(n_jobs)), len(items)))
    except BrokenProcessPool:
        if len(items) > 1:
            half = len(items) // 2
            first = _one_by_one(function, items[:half], n_jobs, lost)
            return first + _one_by_one(function, items[half:], n_jobs, lost)
        if attempts > 1:
            return _one_by_one(function, items, n_jobs, lost, attempts - 1)
        return [lost(items[0])]


def _parallel(
    function: Callable[[Item], Result], items: Sequence[Item], n_jobs: int | None, ahead: int
) -> Iterator[Result]:
    from joblib import Parallel, delayed

    # joblib warns about unfinished tasks after an interruption, and when it replaces a worker whose
    # memory has grown, which loses nothing. Both is of no use to the user.
    for text in (r"\d+ tasks (have been|which were)", "A worker stopped while some jobs"):
        warnings.filterwarnings("ignore", text, UserWarning)
    parent, ended = os.getpid(), False

    def tasks() -> Iterator[Any]:
        for item in items:
            if ended:
                return
            yield delayed(_one_thread_each)(function, item, parent)

    with _deaf():
        results: Iterator[Result] = Parallel(
            n_jobs=n_jobs,
            backend=_backend(),
            return_as="generator",
            pre_dispatch=ahead,
            batch_size=1,
        )(tasks())
    try:
        yield from results
    except GeneratorExit:  # joblib would kill busy workers: let them finish
        ended = True
        for _ in results:
            pass
        raise
