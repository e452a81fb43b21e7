#!/usr/bin/env python3
"""Ask `bovw serve` with many clients: are the answers those of one client, how long do they take?

    python scripts/benchmarks/serve.py INDEX QUERIES --seconds 60 --clients 16 --json serve.json

It starts a server, asks each query once with one client for as long, then with all clients at once,
and compares every answer. Memory is that of the server and its workers (psutil).
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from bovw.pictures import find_pictures
from bovw.settings import conditions


def main() -> int:
    """Start a server, and ask it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("queries", type=Path, help="a folder of pictures")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds that a client looks at its answers"
    )
    parser.add_argument("--most", type=int, default=32, help="number of queries (default: 32)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    queries = [Path(found.path) for found in find_pictures(options.queries)][: options.most]
    command = [sys.executable, "-m", "bovw", "serve", str(options.index), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = json.loads(server.stdout.readline())["url"]
            figures = measure(url, server.pid, queries, options)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    figures = {**conditions(), "n_queries": len(queries), "exit": server.returncode, **figures}
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["different"] == figures["failed"] == server.returncode == 0 else 1


def measure(
    url: str, server: int, queries: list[Path], options: argparse.Namespace
) -> dict[str, Any]:
    """Ask with one client, then with many; give times, differences and memory."""
    contents = [(path.name, path.read_bytes()) for path in queries]
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        expected = [answers(client, one)[1] for one in contents]
    seconds, clients, pause = options.seconds, options.clients, options.pause
    alone = asked(url, server, contents, expected, seconds, 1, 0.0)
    before, kept_before = memory(server), remembered(url)
    together = asked(url, server, contents, expected, seconds, clients, pause)
    one, many = (np.percentile(run["seconds"], [50, 95]) for run in (alone, together))
    return {
        "clients": clients,
        "pause": pause,
        "requests": len(together["seconds"]),
        "different": alone["different"] + together["different"],
        "failed": alone["failed"] + together["failed"],
        "refused": together["refused"],
        "one_p50": round(float(one[0]), 3),
        "one_p95": round(float(one[1]), 3),
        "many_p50": round(float(many[0]), 3),
        "many_p95": round(float(many[1]), 3),
        "ratio_p95": round(float(many[1] / one[1]), 2),
        "megabytes_before": before,
        "megabytes_middle": together["middle"],
        "megabytes_after": memory(server),
        "remembered_before": kept_before,
        "remembered_after": remembered(url),
    }


def answers(client: httpx.Client, query: tuple[str, bytes]) -> tuple[int, Any]:
    """Search; give the status and what must be the same each time."""
    found = client.post("/api/search", files=[("pictures", query)])
    if found.status_code != 200:
        return found.status_code, None
    result = found.json()["result"]
    kept = ("identifier", "score", "evidence", "decision", "inliers")
    return 200, [[answer[name] for name in kept] for answer in result["answers"]]


def asked(
    url: str,
    server: int,
    queries: list[tuple[str, bytes]],
    expected: list[Any],
    seconds: float,
    clients: int,
    pause: float,
) -> dict[str, Any]:
    """Ask for some time with some clients, each of which waits for its answer, then pauses."""
    found: dict[str, Any] = {"seconds": [], "different": 0, "failed": 0, "refused": 0}
    lock, end = threading.Lock(), time.monotonic() + seconds

    def ask(first: int) -> None:
        with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
            for number in itertools.count(first):
                if time.monotonic() >= end:
                    return
                which, begun = number % len(queries), time.perf_counter()
                status, got = answers(client, queries[which])
                took = time.perf_counter() - begun
                with lock:
                    found["refused"] += status == 429
                    found["failed"] += status not in (200, 429)
                    if status == 200:
                        found["seconds"].append(took)
                        found["different"] += got != expected[which]
                time.sleep(pause)

    threads = [
        threading.Thread(target=ask, args=(i * len(queries) // clients,)) for i in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 2)
    found["middle"] = memory(server)
    for thread in threads:
        thread.join()
    return found


def remembered(url: str) -> int:
    """Megabytes of the searches that a server remembers, which have a limit."""
    text = httpx.get(f"{url}metrics", trust_env=False).text
    (line,) = [each for each in text.splitlines() if each.startswith("bovw_remembered_bytes ")]
    return int(float(line.split()[1])) >> 20


def memory(server: int) -> int:
    """Megabytes that a server and its workers hold alone."""
    process = psutil.Process(server)
    held = [each.memory_full_info().uss for each in (process, *process.children(recursive=True))]
    return sum(held) >> 20


if __name__ == "__main__":
    raise SystemExit(main())
