"""A folder of broken pictures: every good one is indexed, every bad one is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import bovw
from bovw.cli import main
from bovw.errors import ImageError, printable
from bovw.pictures import read_image
from bovw.storage import save_vocabulary

from ..support import SAMPLE
from .broken_pictures import BrokenPictures, make_broken_pictures

TINY = bovw.Settings().changed(
    images={"max_side": 320},
    features={"max_features": 200, "region_factor": 1.5},
    vocabulary={"n_words": 300},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def made(folder: Path) -> BrokenPictures:
    return make_broken_pictures(folder)


@pytest.fixture(scope="module")
def words() -> bovw.Vocabulary:
    """A small vocabulary of pictures that are not in the folder."""
    return bovw.train_vocabulary(SAMPLE / "logos", settings=TINY, patterns=["*_[12].jpg"])


@pytest.fixture(scope="module")
def built(folder: Path, made: BrokenPictures, words: bovw.Vocabulary) -> bovw.Engine:
    return bovw.Engine.build(folder, vocabulary=words, settings=TINY)


@pytest.fixture(scope="module")
def indexed(
    folder: Path,
    made: BrokenPictures,
    words: bovw.Vocabulary,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """An index made by the command line, and what it said on stderr."""
    path = tmp_path_factory.mktemp("indexed")
    save_vocabulary(words, path / "v")
    arguments = ["index", str(folder), "-o", str(path / "i"), "-v", str(path / "v"), "--jobs", "2"]
    # In a process of its own, as stderr of workers would not be seen in this one.
    done = subprocess.run(
        [sys.executable, "-m", "bovw", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 3, done.stderr
    return path / "i", done.stderr


def identifiers(engine: bovw.Engine) -> list[str]:
    return [record.identifier for record in engine.collection.records]


def check_names(made: BrokenPictures, good: list[str], failed: list[str]) -> None:
    """Check that every file is where it must be, and there once."""
    assert set(made.good) <= set(good)
    assert set(made.bad) <= set(failed)
    assert Counter(good + failed) == Counter([*made.good, *made.bad, *made.either])


def test_every_good_picture_is_indexed_and_every_bad_one_named(
    folder: Path, made: BrokenPictures, built: bovw.Engine
) -> None:
    check_names(made, identifiers(built), [failure.identifier for failure in built.failures])
    for failure in built.failures:
        assert failure.path == str(folder / failure.identifier)
        assert failure.reason.strip()
        assert printable(failure.reason) == failure.reason, "not in one line"
        assert made.bad.get(failure.identifier, "") in failure.reason


def test_pictures_without_features_are_kept(made: BrokenPictures, built: bovw.Engine) -> None:
    sizes = {
        record.identifier: len(built.collection.picture(position).words)
        for position, record in enumerate(built.collection.records)
    }
    assert all(sizes[name] == 0 for name in made.empty)
    assert all(sizes[name] > 0 for name in made.good if name not in made.empty)


def test_good_pictures_find_themselves(
    folder: Path, made: BrokenPictures, built: bovw.Engine
) -> None:
    sound = [name for name in made.good if name not in made.empty]
    # An expanded query may prefer another photograph of the same object.
    results = built.search_many([folder / name for name in sound], 1, expand="none")
    assert [result[0].identifier for result in results] == sound
    assert built.search(folder / "plain.jpg")[0].identifier == "plain.jpg"
    for name in made.empty:
        assert len(built.search(folder / name)) == 0


def test_names_and_failures_outlast_saving(
    built: bovw.Engine, tmp_path: Path, folder: Path
) -> None:
    built.save(tmp_path / "index")
    opened = bovw.Engine.open(tmp_path / "index", verify="full")
    assert opened.collection.records == built.collection.records
    assert opened.failures == built.failures
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    answer = opened.search(folder / name)[0]
    assert (answer.identifier, answer.path) == (name, str(folder / name))


def test_a_broken_query_is_an_error_that_names_it(
    folder: Path, made: BrokenPictures, built: bovw.Engine
) -> None:
    # A query may come from a pipe.
    names = [name for name, reason in made.bad.items() if reason != "not a regular file"]
    for name, result in zip(names, built.search_many([folder / n for n in names]), strict=True):
        assert result.error is not None
        assert str(folder / name) in result.error


def test_the_command_line_names_every_bad_picture(
    folder: Path, made: BrokenPictures, indexed: tuple[Path, str], built: bovw.Engine
) -> None:
    _, said = indexed
    # Notes say what was left out: other files by ending, pictures without features, frames.
    lines = [line for line in said.splitlines() if not line.startswith("bovw: note: ")]
    # One about the file without an ending, one about animations, one about flat pictures.
    assert len(said.splitlines()) - len(lines) == 3, said
    assert all(line.startswith("bovw: failed: ") for line in lines), said
    assert len(lines) == len(built.failures)
    for name, reason in made.bad.items():
        start = f"bovw: failed: {printable(str(folder / name))}: "
        (line,) = (line for line in lines if line.startswith(start))
        assert reason in line


def test_info_lists_what_failed(
    folder: Path,
    made: BrokenPictures,
    indexed: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    index, _ = indexed
    assert main(["info", str(index), "--failed", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    check_names(
        made,
        identifiers(bovw.Engine.open(index)),
        [failure["identifier"] for failure in content["failed"]],
    )
    assert main(["info", str(index), "--failed"]) == 0
    lines = [s for s in capsys.readouterr().out.splitlines() if s.startswith("failed: ")]
    assert len(lines) == len(content["failed"])
    for name in made.bad:
        assert any(s.startswith(f"failed: {printable(str(folder / name))}: ") for s in lines)


def test_odd_names_can_be_searched_for(
    folder: Path, indexed: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    index, _ = indexed
    for name in ("line\nbreak.jpg", os.fsdecode(b"caf\xe9 \xff.jpg")):
        assert main(["search", str(index), str(folder / name), "-k", "1", "--jobs", "1"]) == 0
        head, answer = capsys.readouterr().out.splitlines()
        assert head.startswith(f"{printable(str(folder / name))}: match")
        assert f"  {printable(name)}  " in answer


def test_names_that_the_terminal_lacks_are_escaped(indexed: tuple[Path, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bovw", "info", str(indexed[0]), "--failed"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert "bad \\U0001f4a5.jpg: no picture" in done.stdout


def test_a_file_larger_than_memory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise MemoryError

    (tmp_path / "x.jpg").touch()
    monkeypatch.setattr(Path, "open", fail)
    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(ImageError, match=r"x\.jpg: a file too large"):
        read_image(tmp_path / "x.jpg")
