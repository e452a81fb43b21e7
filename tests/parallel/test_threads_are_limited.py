"""Limits of threads hold while any block is open, and what was set before comes back."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_info

import bovw
from bovw.parallel import limited_threads, thread_count, worker_count


def blas() -> list[int]:
    """Threads of each BLAS in this process."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


@pytest.fixture
def usual() -> tuple[int, list[int]]:
    gc.collect()  # iterators that other tests have left hold a limit until they are collected
    cv2.setNumThreads(2)
    return cv2.getNumThreads(), blas()


def test_blocks_may_be_nested(usual: tuple[int, list[int]]) -> None:
    with limited_threads(1):
        with limited_threads(2):
            assert cv2.getNumThreads() == 1 and set(blas()) == {1}  # the smaller one holds
        assert cv2.getNumThreads() == 1 and set(blas()) == {1}
    assert (cv2.getNumThreads(), blas()) == usual


def test_blocks_of_threads_may_overlap(usual: tuple[int, list[int]]) -> None:
    """The first to come is the first to go: what it found must not come back too soon."""
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with limited_threads(1):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with limited_threads(1):
        leave.set()
        thread.join()
        assert cv2.getNumThreads() == 1 and set(blas()) == {1}
    assert (cv2.getNumThreads(), blas()) == usual


def test_an_error_ends_a_block(usual: tuple[int, list[int]]) -> None:
    with pytest.raises(ZeroDivisionError), limited_threads(1):
        _ = 1 / 0
    assert (cv2.getNumThreads(), blas()) == usual


def _limited(queue: multiprocessing.SimpleQueue[int]) -> None:
    with limited_threads(1):
        queue.put(cv2.getNumThreads())


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_child_begins_without_limits() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with limited_threads(2):
        child = context.Process(target=_limited, args=(queue,))
        child.start()
        child.join(30)
    assert child.exitcode == 0 and queue.get() == 1


def test_one_query_uses_all_cores_and_no_more_than_a_limit() -> None:
    assert thread_count(None) == worker_count(-1)
    assert thread_count(1) == 1
    with limited_threads(1):
        assert thread_count(None) == thread_count(8) == 1


def test_answers_do_not_depend_on_the_number_of_threads(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    def found(n_jobs: int) -> list[tuple[str, float]]:
        searcher = bovw.Engine(engine.index, n_jobs=n_jobs)
        return [(a.identifier, a.score) for a in searcher.search(pictures[3], None)]

    assert found(1) == found(2)
