"""Work in parallel survives its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.features import extract_files
from bovw.parallel import ordered_map, uninterrupted
from bovw.pictures import Failure
from bovw.storage import save_vocabulary


def test_results_come_in_order() -> None:
    assert list(ordered_map(abs, range(-9, 9), n_jobs=2)) == [abs(i) for i in range(-9, 9)]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_an_item_that_kills_its_worker_costs_itself_only(tmp_path: Path) -> None:
    def work(item: int) -> int:
        if item in (3, 11):  # always
            os.kill(os.getpid(), signal.SIGKILL)
        if item == 7 and not (tmp_path / "seen").exists():  # once
            (tmp_path / "seen").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    found = list(ordered_map(work, range(16), n_jobs=2, lost=lambda item: -item))
    assert found == [-i if i in (3, 11) else i for i in range(16)]


def test_a_picture_that_kills_is_recorded(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.features import Features, extraction
    from bovw.pictures import PictureFile

    bad = str(pictures[1])

    def dying(file: PictureFile, settings: bovw.Settings, **others: Any) -> object:
        if file.path == bad:
            os.kill(os.getpid(), signal.SIGKILL)
        return extraction.extract_query((file.path, None), settings, **others)

    monkeypatch.setattr("bovw.features.extraction._extract_file", dying)
    files = [PictureFile(p.name, str(p)) for p in pictures[:3]]
    settings = bovw.Settings().changed(features={"max_features": 20})
    found = [result for _, result in extract_files(files, settings, n_jobs=2)]
    assert isinstance(found[0], Features) and isinstance(found[2], Features)
    assert isinstance(found[1], Failure) and "killed, twice" in found[1].reason


def test_a_query_that_kills_is_one_error(
    engine: bovw.Engine, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = str(pictures[1])

    def dying(query: tuple[str, None], settings: bovw.Settings, **others: Any) -> object:
        if query[0] == bad:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(query, settings, **others)

    from bovw.features import extract_query as original

    monkeypatch.setattr("bovw.features.extraction.extract_query", dying)
    monkeypatch.setattr(engine, "n_jobs", 2)
    found = engine.search_many([str(picture) for picture in pictures[:3]], 1)
    assert [result.error is None for result in found] == [True, False, True]
    assert found[1].error is not None and "killed, twice" in found[1].error


ORPHANS = """
import os, sys, time
from bovw.parallel import ordered_map

def work(item):
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(0.1)

for _ in ordered_map(work, range(1000), n_jobs=2):
    pass
"""


def started(program: str, folder: Path) -> subprocess.Popen[str]:
    """Run a program, and read what it and its workers write."""
    path = folder / "program.py"
    path.write_text(program)
    return subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_workers_do_not_outlive_who_started_them(tmp_path: Path) -> None:
    with started(ORPHANS, tmp_path) as parent:
        assert parent.stdout is not None
        workers = {int(parent.stdout.readline()) for _ in range(6)}
        parent.kill()
        parent.communicate(timeout=60)  # until nobody can write there any more
    assert parent.pid not in workers


BORN_LATE = """
import os, signal
from joblib.externals.loky.process_executor import ProcessPoolExecutor
from bovw.parallel import ordered_map

start = ProcessPoolExecutor._adjust_process_count

def start_and_die(self):
    start(self)
    os.kill(os.getpid(), signal.SIGKILL)

ProcessPoolExecutor._adjust_process_count = start_and_die
list(ordered_map(abs, range(8), n_jobs=2))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_workers_that_get_no_work_do_not_outlive_who_started_them(tmp_path: Path) -> None:
    with started(BORN_LATE, tmp_path) as parent:
        parent.communicate(timeout=60)  # until nobody can write there any more
    assert parent.returncode == -signal.SIGKILL


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What runs in the background, as tests may, is born with interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_waits() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        done = True
    assert done


@pytest.mark.usefixtures("interruptible")
def test_ignored_interrupts_stay_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


DYING = """
import os, signal, sys
import bovw
from bovw.features import extraction
from bovw.storage import load_vocabulary

vocabulary, index, bad, *pictures = sys.argv[1:]

def dying(file, settings, **others):
    if file.path == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return extraction.extract_query((file.path, None), settings, **others)

extraction._extract_file = dying
_, changes = bovw.update_index(
    index, pictures, vocabulary=load_vocabulary(vocabulary), n_jobs=1, retry=True
)
print(len(changes.added), changes.failed[0].identifier, changes.failed[0].reason)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_with_one_job_a_picture_that_kills_is_recorded_when_it_is_tried_again(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    save_vocabulary(vocabulary, tmp_path / "v")
    command = [sys.executable, "-c", DYING, tmp_path / "v", tmp_path / "i", *pictures[2:3]]
    command += pictures[:5]
    first, second, third = (
        subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(3)
    )
    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith(f"4 {pictures[2].name} ") and "killed, twice" in second.stdout
    assert third.returncode == 0 and "killed, twice" in third.stdout  # it was tried with care
    engine = bovw.Engine.open(tmp_path / "i", verify="full")
    assert len(engine) == 4 and len(engine.failures) == 1


DYING_IN_TRAINING = """
import os, signal, sys
import bovw
from bovw.features import extraction

index, bad, *pictures = sys.argv[1:]

def dying(file, settings, **others):
    if file.path == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return extraction.extract_query((file.path, None), settings, **others)

extraction._extract_file = dying
settings = bovw.Settings().changed(features={"max_features": 150})
_, changes = bovw.update_index(index, pictures, settings=settings, n_jobs=1)
print(len(changes.added), changes.failed[0].identifier, changes.failed[0].reason)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_picture_that_kills_in_training_is_read_with_care_also_after_it(
    pictures: list[Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DYING_IN_TRAINING, tmp_path / "i", *pictures[2:3]]
    command += pictures[:5]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2)
    )
    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith(f"4 {pictures[2].name} ") and "killed, twice" in second.stdout


def test_queries_are_found_from_another_folder(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.features import Features, extract_queries

    few = bovw.Settings().changed(features={"max_features": 50})
    for place in ("one", "other"):  # the workers stay; they began in the first
        folder = tmp_path / place
        folder.mkdir()
        monkeypatch.chdir(folder)
        for picture in pictures[:2]:
            (folder / f"{place}_{picture.name}").symlink_to(picture)
        names = [f"{place}_{picture.name}" for picture in pictures[:2]]
        *found, (name, error) = extract_queries([*names, "missing.jpg"], few, n_jobs=2)
        assert [name for name, _ in found] == names
        assert all(isinstance(features, Features) for _, features in found)
        assert name == "missing.jpg" and str(error).startswith("missing.jpg: ")
