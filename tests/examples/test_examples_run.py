"""The examples of the documentation run, with the sample pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bovw

from ..support import REPOSITORY, SAMPLE


def run(*arguments: object) -> str:
    """Run an example from the top of the project; return what it prints."""
    command = [sys.executable, *map(str, arguments)]
    package = str(Path(bovw.__file__).parents[1])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": package},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_classes_are_told_apart(tmp_path: Path) -> None:
    for picture in SAMPLE.glob("*/*_[13].jpg"):  # two pictures of each object
        copy = tmp_path / picture.relative_to(SAMPLE)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(picture.read_bytes())
    found = run("docs/examples/classify.py", tmp_path, "--words", 100)
    accuracy = next(line for line in found.splitlines() if "accuracy" in line)
    assert float(accuracy.split()[1]) > 0.85


def test_an_own_extractor_finds_its_objects() -> None:
    found = run("docs/examples/own_extractor.py", SAMPLE / "posters").splitlines()
    assert [line.split()[1][:9] for line in found] == ["poster_01"] * 5
