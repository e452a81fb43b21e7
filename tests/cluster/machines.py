"""A scheduler and its workers on this machine, for tests of more than one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..support import REPOSITORY

HOST = "127.0.0.1"


class Machines:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false",
        }
        self._processes = [
            self._start("scheduler", "--host", HOST, "--port", "0", "--no-dashboard",
                        "--scheduler-file", str(self._file))
        ]  # fmt: skip
        self.workers = [self.more(i) for i in range(3)]
        self.address = self._address()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def more(self, name: int) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        worker = self._start("worker", "--scheduler-file", str(self._file), "--no-nanny",
                             "--nthreads", "1", "--no-dashboard", "--host", HOST, "--name",
                             str(name), "--local-directory", str(self._file.parent))  # fmt: skip
        self._processes.append(worker)
        return worker

    def _address(self) -> str:
        wait_for(self._file.exists, "the scheduler")
        return str(json.loads(self._file.read_text())["address"])

    def ready(self, n: int = 3) -> None:
        """Wait until there are so many workers; start them if some were killed."""
        from bovw.cluster.connection import Cluster

        self.workers = [w for w in self.workers if w.poll() is None]
        while len(self.workers) < n:
            self.workers.append(self.more(len(self._processes)))
        with Cluster(self.address) as cluster:
            wait_for(lambda: len(cluster.workers()) == n, f"{n} workers")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


def wait_for(happened: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
