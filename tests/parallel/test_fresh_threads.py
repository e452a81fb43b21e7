"""Work in a fresh thread ends, fails or never begins, and who waits for it learns which."""

from __future__ import annotations

import _thread
from typing import Any

import pytest

from bovw.parallel import FreshThread


def test_work_is_done_and_can_be_waited_for_twice() -> None:
    done: list[int] = []
    thread = FreshThread(lambda: done.append(1))
    thread.wait()
    thread.wait()
    assert done == [1]


def test_what_it_raises_comes_to_who_waits() -> None:
    thread = FreshThread(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        thread.wait()


def test_a_thread_that_never_begins_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_: Any, __: Any) -> int:  # as when memory ends before its first line
        return 0

    monkeypatch.setattr(_thread, "start_new_thread", dies)
    with pytest.raises(MemoryError):
        FreshThread(lambda: None).wait()


def test_no_new_thread_is_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refused)
    with pytest.raises(MemoryError, match="no new thread"):
        FreshThread(lambda: None)
