"""The weekly job of docs/how_to/duplicates.md: again and again on an archive that changes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import bovw

from ..support import REPOSITORY, SAMPLE

SCRIPT = REPOSITORY / "docs" / "examples" / "weekly_copies.sh"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="a script of sh")


def week(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the job once, as cron does."""
    path = [str(Path(bovw.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [SCRIPT, folder / "archive", folder / "archive.bovw", folder / "reports"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(path)},
    )


def compared(folder: Path) -> list[str]:
    """How many pictures each run compared, as its log says."""
    log = (folder / "reports" / "job.log").read_text(encoding="utf-8")
    return [line.partition(" comparing: ")[2] for line in log.splitlines() if "comparing: " in line]


def test_each_week_only_what_is_new_is_read_compared_and_told(tmp_path: Path) -> None:
    archive, reports = tmp_path / "archive", tmp_path / "reports"
    archive.mkdir()

    def save(name: str, picture: str, size: int) -> None:
        pixels = cv2.imread(str(SAMPLE / picture))
        cv2.imwrite(str(archive / name), cv2.resize(pixels, (size, size)))

    for number in (1, 2, 3):
        save(f"photo_{number}.jpg", f"posters/poster_0{number}_1.jpg", 400)
    save("photo_1_small.jpg", "posters/poster_01_1.jpg", 260)

    first = week(tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        "2 copies of one picture:",
        "  keep new 'photo_1.jpg'",
        "       new 'photo_1_small.jpg': scaled to 65 %",
    ]
    assert (reports / "copies.html").exists()

    save("photo_2_small.jpg", "posters/poster_02_1.jpg", 260)
    save("photo_1_smaller.jpg", "posters/poster_01_1.jpg", 200)
    (archive / "photo_1_small.jpg").unlink()
    (archive / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    second = week(tmp_path)
    assert second.returncode == 3 and "broken.jpg" in second.stderr
    assert "2 added, 0 updated, 1 removed, 3 unchanged" in (reports / "changes.txt").read_text()
    assert [line.split(":")[0] for line in second.stdout.splitlines()] == [
        "2 copies of one picture",
        "  keep     'photo_1.jpg'",
        "       new 'photo_1_smaller.jpg'",
        "2 copies of one picture",
        "  keep new 'photo_2.jpg'",
        "       new 'photo_2_small.jpg'",
    ]
    with (reports / "copies.csv").open(encoding="utf-8", newline="") as file:
        kept = [row["identifier"] for row in csv.DictReader(file) if row["action"] == "keep"]
    assert kept == ["photo_1.jpg", "photo_2.jpg"]
    assert json.loads((reports / "copies.json").read_text())["n_pictures"] == 5

    third = week(tmp_path)  # nothing is new, and what is known to be broken is no failure
    assert (third.returncode, third.stdout, third.stderr) == (0, "", "")
    assert [line.split(" ")[0] for line in compared(tmp_path)] == ["4", "2"]

    archive.rename(tmp_path / "aside")  # its disk is not mounted
    archive.mkdir()
    fourth = week(tmp_path)
    assert fourth.returncode == 1 and fourth.stdout == ""
    assert len(bovw.Engine.open(tmp_path / "archive.bovw")) == 5
