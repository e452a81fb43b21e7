"""Freed memory is kept, unless the user has chosen otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = "from bovw.parallel import keep_freed_memory; print(keep_freed_memory())"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is of Linux")
@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"])
def test_what_the_user_has_chosen_stays(name: str) -> None:
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", SCRIPT]
    asked = subprocess.run(
        command, env={**environment, name: "131072"}, capture_output=True, text=True, check=True
    )
    assert asked.stdout == "False\n"
