"""Parallel work, limits of threads and progress bars, for any kind of work.

This package does not know what the work is about.
"""

from .allocator import keep_freed_memory
from .diary import READING, Diary
from .fresh_thread import FreshThread
from .progress import bars_aside, progress_bar, without_bars
from .threads import limited_threads, thread_count, uninterrupted, worker_count
from .workers import ordered_map

__all__ = [
    "READING",
    "Diary",
    "FreshThread",
    "bars_aside",
    "keep_freed_memory",
    "limited_threads",
    "ordered_map",
    "progress_bar",
    "thread_count",
    "uninterrupted",
    "without_bars",
    "worker_count",
]
