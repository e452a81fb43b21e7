"""What goes wrong in a worker: these functions run in its process."""

from __future__ import annotations

import os
import time

from bovw.web.replies import Reply


def die() -> Reply:
    """End the process, as a decoder does that reads where it must not."""
    os._exit(11)


def sleep(seconds: float) -> Reply:
    """Take too long."""
    time.sleep(seconds)
    return Reply("late")


def well() -> Reply:
    """Answer."""
    return Reply("well")
