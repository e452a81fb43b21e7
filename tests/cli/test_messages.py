"""What is said beside the results, where it is logged, and what weekly runs say again."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pytest

import bovw
from bovw.cli import main
from bovw.engine import planned_changes
from bovw.errors import IncompatibleError, UnknownPictureError
from bovw.parallel import progress, progress_bar, without_bars

from ..support import FEW


@pytest.fixture
def weekly(folder: Path, vocabulary: bovw.Vocabulary, tmp_path: Path) -> tuple[Path, list[str]]:
    """A folder of five pictures and a broken one, indexed; the command that does it again."""
    for picture in sorted(folder.iterdir())[5:]:
        picture.unlink()
    (folder / "bad.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    bovw.Engine.create(tmp_path / "i", vocabulary, settings=FEW)
    command = ["index", str(folder), "-o", str(tmp_path / "i"), "--jobs", "1"]
    assert main(command) == 3
    return folder, command


def content(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and modification time of each file."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_known_failures_are_counted_and_new_ones_are_errors(
    weekly: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, command = weekly
    capsys.readouterr()
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "1 failed (1 of them known from before)" in shown.out
    assert "1 pictures failed before" in shown.err and "bad.jpg" not in shown.err
    assert main([*command, "--retry", "--json"]) == 0  # the same file, for the same reason
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == [] == found["changes"]["failed"] and found["n_failed"] == 1
    assert (found["changes"]["n_failed_before"], found["changes"]["n_unchanged"]) == (1, 5)
    assert "unchanged" not in found["changes"]
    assert main([*command, "--strict"]) == 3
    assert "failed: " in capsys.readouterr().err
    (folder / "worse.jpg").write_bytes(b"no picture")
    (folder / "bad.jpg").write_bytes(b"another content")
    assert main(command) == 3
    said = capsys.readouterr().err
    assert "bad.jpg: no picture" in said and "worse.jpg: no picture" in said
    assert main(command) == 0


def test_an_interrupted_run_tells_its_failures(
    weekly: tuple[Path, list[str]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are kept, so that the next run would take them for known."""
    folder, command = weekly
    (folder / "a_bad.jpg").write_bytes(b"no picture")
    (folder / "b.jpg").write_bytes(sorted(folder.glob("poster*"))[0].read_bytes() + b" ")
    engine = bovw.Engine.open(command[3])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bovw.engine.words.misfit", interrupted)  # at the first sound picture
    with pytest.raises(KeyboardInterrupt):
        engine.add(folder)
    assert [f.identifier for f in engine.failures] == ["a_bad.jpg", "bad.jpg"]
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1 and "a_bad.jpg: no picture" in told[0]


def test_a_dry_run_says_what_is_done_and_changes_nothing(
    weekly: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, command = weekly
    first, second, *_ = sorted(folder.glob("poster*"))
    (folder / "new.jpg").write_bytes(second.read_bytes() + b" ")
    second.write_bytes(second.read_bytes() + b"  ")
    first.unlink()
    (folder / "bad.jpg").unlink()
    before = content(tmp_path)
    capsys.readouterr()
    assert main([*command, "--sync", "--dry-run"]) == 0
    told = capsys.readouterr().out
    for line in (
        "would read, as new: new.jpg",
        f"would read again, as changed: {second.name}",
        f"would remove: {first.name}",
        "would forget, as failed before: bad.jpg",
        "(3 are unchanged)",
    ):
        assert line in told
    assert main(["remove", command[3], second.name, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["dry_run"] and plan["changes"]["removed"] == [second.name]
    assert main(["remove", command[3], "nothing.jpg", "--dry-run"]) == 1
    assert main([*command, "--dry-run", "--overwrite"]) == 0
    assert f"would remove: {first.name}" in capsys.readouterr().out
    assert main(["index", str(folder), "-o", str(tmp_path / "other"), "--dry-run"]) == 0
    assert "would read, as new 5" in capsys.readouterr().out
    engine = bovw.Engine.open(command[3])
    planned = planned_changes(command[3], folder, sync=True)
    assert planned == engine.sync(folder, dry_run=True)
    with pytest.raises(UnknownPictureError):
        engine.remove("nothing.jpg", dry_run=True)
    with pytest.raises(IncompatibleError, match="other settings"):
        planned_changes(command[3], folder, preset="classic")
    assert content(tmp_path) == before
    done = engine.sync(folder)
    for kind in ("added", "updated", "removed", "forgotten", "unchanged"):
        assert getattr(done, kind) == getattr(planned, kind)


def test_the_log_has_what_was_decided_and_said(
    weekly: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, command = weekly
    (folder / "two\nlines.jpg").write_bytes(b"no picture")
    log = tmp_path / "weekly.log"
    capsys.readouterr()
    assert main([*command, "-q", "--log", str(log)]) == 3
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1 and shown[0].startswith("bovw: failed: ")
    lines = log.read_text().splitlines()
    for part in (
        "candidates are found by the method 'exact'",
        "reading pictures: 1 done",
        "5 unchanged",
        "files that were not read: 1 .txt",
        "two\\nlines.jpg: no picture",
        "exit code 3",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert main(["info", command[3], "--log", str(log)]) == 0
    assert log.read_text().splitlines()[: len(lines)] == lines  # appended
    capsys.readouterr()
    assert main(["info", command[3], "-v"]) == 0
    assert "candidates are found" in capsys.readouterr().err
    assert main(["info", command[3], "--log", str(tmp_path)]) == 1
    assert "cannot write the log" in capsys.readouterr().err
    bovw_log = logging.getLogger("bovw")
    assert [type(h) for h in bovw_log.handlers] == [logging.NullHandler]
    assert bovw_log.level == logging.NOTSET


def test_a_log_on_a_full_disk_ends_and_the_work_goes_on(
    weekly: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    capsys.readouterr()
    assert main(["info", weekly[1][3], "--log", "/dev/full"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("the log ends here") == 1 and "n_pictures" in shown.out


def test_progress_is_lines_where_there_is_no_terminal(
    weekly: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0)
    capsys.readouterr()
    assert main([*weekly[1], "--retry", "--progress"]) == 0
    said = capsys.readouterr().err
    assert "bovw: reading pictures: 1 of 1 (100%), about 0:00:00 left" in said
    assert main([*weekly[1], "--retry"]) == 0
    assert "reading" not in capsys.readouterr().err
    caplog.clear()
    with caplog.at_level(logging.INFO, "bovw.progress"):
        assert list(progress_bar("abc", "letters", 3)) == ["a", "b", "c"]
    assert len(caplog.records) == 4 and "letters: 1 of 3 (33%)" in caplog.text


def test_a_notebook_has_bars_though_it_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    assert list(progress_bar("abc", "letters", 3)) == ["a", "b", "c"]
    assert "letters: 100%" in capsys.readouterr().err
    with without_bars():
        assert list(progress_bar("abc", "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
