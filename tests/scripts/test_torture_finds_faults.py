"""A few kills, damaged files and failing systems; ``scripts/`` does the same many more times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..support import REPOSITORY

if not hasattr(os, "fork"):
    pytest.skip("os.fork is needed", allow_module_level=True)


def run(script: str, times: int, tmp_path: Path) -> dict[str, Any]:
    """Run a script in a process without threads, and return what it found."""
    command = [sys.executable, str(REPOSITORY / "scripts" / script), "--seed", "0"]
    command += ["--times", str(times), "--json", str(tmp_path / "out.json")]
    path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads((tmp_path / "out.json").read_text()))


def test_what_is_killed_is_as_it_was_or_as_it_will_be(tmp_path: Path) -> None:
    total = run("torture/kill.py", 4, tmp_path)["total"]
    assert total["kills"] == total["before"] + total["after"] == 4


def test_what_is_damaged_is_refused_or_answers_the_same(tmp_path: Path) -> None:
    found = run("torture/fuzz.py", 30, tmp_path)
    assert sum(found["total"].values()) == 30 and found["findings"] == []


def test_what_a_failing_system_interrupts_is_not_lost(tmp_path: Path) -> None:
    found = run("torture/limits.py", 8, tmp_path)
    assert sum(found["total"].values()) == 8 and found["findings"] == []
