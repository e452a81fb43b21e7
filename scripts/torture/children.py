"""Work in a process of its own, which may end as it likes: crash, hang, or run out of memory."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a child ended, and what it said.

    Attributes
    ----------
    said : str
    code : int
        Its exit code.
    signal : int
        The signal that ended it; 0 for none.
    hung : bool
        Whether it was ended because it took too long.
    """

    said: str
    code: int = 0
    signal: int = 0
    hung: bool = False


def in_child(work: Callable[[int], int], seconds: float) -> Ended:
    """Fork, do some work there, and wait until it ends.

    Parameters
    ----------
    work : callable
        Called with the descriptor of a file to which it may write; returns the exit code. An
        exception is the exit code 99.
    seconds : float
        After this time the child is killed.
    """
    incoming, out = os.pipe()
    # Nothing of this process may be waiting to be written twice.
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.close(incoming)
            code = work(out)
        finally:
            os._exit(code)
    os.close(out)
    said, hung = b"", False
    ends = time.monotonic() + seconds
    try:
        while True:
            ready, _, _ = select.select([incoming], [], [], max(0, ends - time.monotonic()))
            if not ready:
                os.kill(pid, signal.SIGKILL)
                hung = True
                break
            part = os.read(incoming, 1 << 16)
            if not part:
                break
            said += part
    finally:
        os.close(incoming)
        _, status = os.waitpid(pid, 0)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
    return Ended(said.decode("utf-8", "replace"), code, status & 127, hung)
