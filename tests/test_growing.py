"""An index that grows and shrinks answers as one that was built at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw.errors import (
    ExistsError,
    FormatError,
    ImageError,
    IncompatibleError,
    LockedError,
    SettingsError,
    StorageError,
    UnknownPictureError,
)
from bovw.pictures import PictureFile
from bovw.storage import check_target, index_writer, locked, new_folder, read_journal
from bovw.storage.folders import exchange

from .conftest import SAMPLE, SMALL

FEW = SMALL.changed(features={"max_features": 150})


@pytest.fixture
def folder(pictures: list[Path], tmp_path: Path) -> Path:
    """Copies of twelve pictures, to be changed."""
    (tmp_path / "p").mkdir()
    for picture in pictures[:12]:
        (tmp_path / "p" / picture.name).write_bytes(picture.read_bytes())
    return tmp_path / "p"


@pytest.fixture
def empty(vocabulary: bovw.Vocabulary, tmp_path: Path) -> bovw.Engine:
    return bovw.Engine.create(tmp_path / "i.bovw", vocabulary, settings=FEW)


def names(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def answers(engine: bovw.Engine, queries: list[Path]) -> list[list[dict[str, Any]]]:
    found = [[a.to_dict() for a in engine.search(query, None)] for query in queries]
    return [[{k: v for k, v in a.items() if k != "path"} for a in f] for f in found]


@pytest.mark.parametrize("on_disk", [True, False])
def test_segments_answer_as_one_index(
    empty: bovw.Engine, vocabulary: bovw.Vocabulary, folder: Path, on_disk: bool
) -> None:
    engine = empty if on_disk else bovw.Engine(empty.index)
    for start in (8, 0, 4):
        changes = engine.add(names(folder)[start : start + 4])
        assert len(changes.added) == 4
    whole = bovw.Engine.build(folder, vocabulary=vocabulary, settings=FEW)
    queries = names(folder)[::6]
    expected = answers(whole, queries)
    assert answers(engine, queries) == expected
    assert engine.info()["n_segments"] == 3
    if on_disk:
        assert engine.folder is not None
        assert answers(bovw.Engine.open(engine.folder, verify="full"), queries) == expected
    engine.compact()
    assert engine.info()["n_segments"] == 1
    assert answers(engine, queries) == expected
    gone = [path.name for path in names(folder)[1::3]]
    assert engine.remove(gone).removed == tuple(gone)
    left = [path for path in names(folder) if path.name not in gone]
    rest = bovw.Engine.build(left, vocabulary=vocabulary, settings=FEW)
    assert answers(engine, queries) == answers(rest, queries)
    with pytest.raises(UnknownPictureError):
        engine.remove([left[0].name, gone[0]])
    assert len(engine) == len(left)


@pytest.mark.parametrize("method", ["inverted", "sparse-hnsw", "lsa-hnsw"])
def test_what_is_new_is_found_before_the_graph_knows_it(
    vocabulary: bovw.Vocabulary, folder: Path, tmp_path: Path, method: str
) -> None:
    settings = FEW.changed(candidates={"method": method, "n_candidates": 5, "n_components": 8})
    built = bovw.Engine.build(names(folder)[:9], vocabulary=vocabulary, settings=settings)
    built.save(tmp_path / "i")
    engine = bovw.Engine.open(tmp_path / "i")
    graph = engine.index.histograms.graph
    engine.add(names(folder)[9:])
    engine.remove(names(folder)[0].name)
    assert engine.index.histograms.graph is graph
    again = bovw.Engine.open(tmp_path / "i")
    for opened in (engine, again):
        assert opened.search(names(folder)[10])[0].identifier == names(folder)[10].name
        found = [a.identifier for a in opened.search(names(folder)[0])]
        assert names(folder)[0].name not in found
    engine.compact()
    assert bovw.Engine.open(tmp_path / "i", verify="full").index.histograms.is_fresh


def test_only_what_is_new_or_changed_is_read(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, fourth = names(folder)[:4]
    bad = folder / "bad.jpg"
    bad.write_bytes(b"no")
    changes = empty.add(folder)
    assert len(changes.added) == 12 and [f.identifier for f in changes.failed] == ["bad.jpg"]
    content = second.read_bytes()
    os.utime(first, ns=(5, 5))  # another time, the same content
    second.write_bytes(third.read_bytes())
    fourth.unlink()
    read: list[str] = []
    monkeypatch.setattr(
        "bovw.extraction.extract_query",
        lambda query, *rest, **more: read.append(Path(query[0]).name) or original(query, *rest),
    )
    from bovw.features import SiftExtractor

    def original(query: Any, settings: bovw.Settings, *_: Any) -> Any:
        return SiftExtractor(settings.features).extract(query[0], settings.images)

    changes = empty.sync(folder)
    assert read == [second.name]
    assert changes.updated == (second.name,) and changes.removed == (fourth.name,)
    assert changes.added == () and len(changes.unchanged) == 10
    assert [f.identifier for f in changes.failed] == ["bad.jpg"]
    assert changes.duplicates == ((second.name, third.name),)
    assert empty.duplicates() == changes.duplicates
    bad.write_bytes(content)
    assert empty.sync(folder).added == ("bad.jpg",)
    assert empty.failures == ()
    assert empty.search(bad)[0].identifier == "bad.jpg"


def test_an_index_keeps_what_has_become_unreadable(empty: bovw.Engine, folder: Path) -> None:
    empty.add(folder)
    broken = names(folder)[3]
    content = broken.read_bytes()
    broken.write_bytes(b"no")
    changes = empty.add(folder)
    assert [f.identifier for f in changes.failed] == [broken.name] and len(empty) == 12
    empty.compact()
    assert empty.add(folder).failed == empty.failures  # not read again, and said again
    broken.write_bytes(content)
    assert empty.add(folder).updated == (broken.name,)
    assert empty.failures == () and len(empty) == 12


def test_a_folder_that_was_moved_is_followed(empty: bovw.Engine, folder: Path) -> None:
    empty.add(folder)
    gone = names(folder)[3]
    gone.unlink()
    moved = folder.rename(folder.with_name("q"))
    changes = empty.sync(moved)
    assert changes.removed == (gone.name,) and len(empty) == 11
    assert empty.search(names(moved)[0])[0].path == str(names(moved)[0])


def test_a_folder_that_is_moved_away_is_not_written(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.indexing import extract_files as original

    assert empty.folder is not None
    elsewhere = empty.folder.with_name("elsewhere")

    def moving(*given: Any, **more: Any) -> Any:
        yield from original(*given, **more)
        assert empty.folder is not None
        empty.folder.rename(elsewhere)

    with monkeypatch.context() as patch:
        patch.setattr("bovw.indexing.extract_files", moving)
        with pytest.raises(StorageError, match="was moved or removed while"):
            empty.add(folder)
    assert not empty.folder.exists()
    engine = bovw.Engine.open(elsewhere)
    assert len(engine.add(folder).added) == 12
    with pytest.raises(FormatError, match="no such folder"):
        empty.add(folder)


def test_failures_of_what_is_gone_are_forgotten(empty: bovw.Engine, folder: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"no")
    kept = names(folder)[-1]
    content = kept.read_bytes()
    empty.add(folder)
    kept.write_bytes(b"no")
    empty.add(folder, retry=True)  # each has failed twice now, and one was readable once
    (folder / "a.jpg").unlink()
    kept.unlink()
    changes = empty.sync(folder)
    assert changes.removed == (kept.name,) and set(changes.forgotten) == {"a.jpg", kept.name}
    assert [f.identifier for f in empty.failures] == ["b.jpg", "c.jpg"]
    assert empty.remove("c.jpg").forgotten == ("c.jpg",)
    assert empty.folder is not None
    again = bovw.Engine.open(empty.folder, verify="full")
    for engine in (empty, again):
        assert [f.identifier for f in engine.failures] == ["b.jpg"]
        assert len(engine) == 11 and engine.info()["n_removed"] == 1
    again.compact()
    assert [f.identifier for f in again.failures] == ["b.jpg"]
    kept.write_bytes(content)
    assert again.sync(folder).added == (kept.name,)  # c.jpg is still there, and fails again
    assert [f.identifier for f in again.failures] == ["b.jpg", "c.jpg"]


def test_the_failure_of_a_folder_ends_when_it_can_be_read(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sub").mkdir()
    names(folder)[0].rename(folder / "sub" / "a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(
            "bovw.engine.find_pictures", lambda *_, **__: [PictureFile("sub", str(folder / "sub"))]
        )
        assert [f.identifier for f in empty.sync(folder).failed] == ["sub"]
    changes = empty.sync(folder)
    assert "sub/a.jpg" in changes.added and changes.forgotten == ("sub",)
    assert empty.failures == ()


def test_failures_are_recorded_skipped_or_raised(empty: bovw.Engine, folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"no")
    with pytest.raises(ImageError):
        empty.add(folder, on_error="raise")
    assert empty.add(folder, on_error="skip").failed == () == empty.failures
    assert [f.identifier for f in empty.add(folder).failed] == ["bad.jpg"]
    assert [f.identifier for f in empty.add(folder, retry=True).failed] == ["bad.jpg"]
    assert empty.add(folder, on_error="skip").failed == ()
    with pytest.raises(bovw.BovwError, match="'record', 'skip' or 'raise'"):
        empty.add(folder, on_error="ignore")


def test_an_interrupted_run_is_taken_up(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal knows what was finished; here the run ends as if the machine had stopped."""
    assert empty.folder is not None
    monkeypatch.setattr("bovw.indexing._PICTURES_AT_ONCE", 1)
    given: list[Any] = []

    def stopping(files: Any, *rest: Any, **more: Any) -> Any:
        given.append([file.identifier for file in files])
        for number, item in enumerate(original(files, *rest, **more)):
            if number == stop_at:
                raise SystemExit
            yield item

    from bovw.indexing import extract_files as original

    monkeypatch.setattr("bovw.indexing.extract_files", stopping)
    stop_at = 5
    with pytest.raises(SystemExit):
        empty.add(folder)
    assert len(bovw.Engine.open(empty.folder)) == 0
    assert len(list(read_journal(empty.folder, empty.vocabulary.n_words_))) == 5
    journal = empty.folder / "journal"
    with journal.open("ab") as file:  # what a crash leaves of an entry
        file.write(journal.read_bytes()[:1000])
    with monkeypatch.context() as patch:  # it stops again, while the journal is taken up
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            bovw.Engine.open(empty.folder).add(folder)
    stop_at = -1
    changes = bovw.Engine.open(empty.folder).add(folder)
    assert len(given[1]) == 7 and len(changes.added) == 12
    assert not journal.exists()
    engine = bovw.Engine.open(empty.folder, verify="full")
    assert [r.identifier for r in engine.collection.records] == [p.name for p in names(folder)]


def test_ctrl_c_keeps_what_was_finished(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.indexing import extract_files as original

    def interrupted(*given: Any, **more: Any) -> Any:
        for number, item in enumerate(original(*given, **more)):
            if number == 4:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr("bovw.indexing.extract_files", interrupted)
    with pytest.raises(KeyboardInterrupt):
        empty.add(folder)
    assert empty.folder is not None
    assert len(empty) == len(bovw.Engine.open(empty.folder, verify="full")) == 4


def test_a_full_disk_loses_nothing(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.add(names(folder)[:3])
    before = answers(empty, names(folder)[:2])

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(StorageError, match="No space left on device; what was there is"):
            empty.add(folder)
        with pytest.raises(StorageError, match="No space left"):
            empty.compact()
    assert empty.folder is not None
    assert answers(bovw.Engine.open(empty.folder, verify="full"), names(folder)[:2]) == before
    assert len(empty.add(folder).added) == 9


HOLDER = """
import sys
from pathlib import Path
from bovw.storage.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_writer_at_a_time(empty: bovw.Engine, folder: Path) -> None:
    assert empty.folder is not None
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(empty.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=rf"another process \({writer.pid}\)"):
            empty.add(folder)
        with pytest.raises(LockedError):
            empty.save(empty.folder, overwrite=True)
        with pytest.raises(LockedError):
            bovw.save_vocabulary(empty.vocabulary, empty.folder, overwrite=True)
        assert len(bovw.Engine.open(empty.folder)) == 0  # readers are not disturbed
        writer.kill()
    assert len(empty.add(folder).added) == 12  # the lock has not outlived its owner


READER = """
import sys
import bovw
engine = bovw.Engine.open(sys.argv[1])
print(len(engine), flush=True)
for line in sys.stdin:
    print(engine.search(line.strip())[0].identifier, len(engine), flush=True)
    if line.startswith("\\n"):
        break
"""


def test_readers_keep_the_generation_they_opened(empty: bovw.Engine, folder: Path) -> None:
    first, second = names(folder)[0], names(folder)[11]
    empty.add(names(folder)[:6])
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(empty.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None

    def asked(path: Path) -> list[str]:
        print(path, file=process.stdin, flush=True)
        return process.stdout.readline().split()  # type: ignore[union-attr]

    assert process.stdout.readline().strip() == "6"
    reader = bovw.Engine.open(empty.folder)  # type: ignore[arg-type]
    empty.add(folder)
    empty.remove(first.name)
    empty.compact()
    assert asked(first) == [first.name, "6"]
    assert asked(second)[1] == "6"
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()
    assert len(reader) == 6 and reader.refresh() and not reader.refresh()
    assert len(reader) == 11
    assert reader.search(second)[0].identifier == second.name


def test_two_engines_take_turns(empty: bovw.Engine, folder: Path) -> None:
    assert empty.folder is not None
    other = bovw.Engine.open(empty.folder)
    empty.add(names(folder)[:4])
    assert len(other.add(names(folder)[:8]).added) == 4  # it sees what the first has added
    empty.remove(names(folder)[7].name)
    assert len(empty) == 7 and len(bovw.Engine.open(empty.folder)) == 7


@pytest.mark.parametrize("change", [lambda e: e.add(SAMPLE / "covers"), lambda e: e.compact()])
def test_leftovers_of_a_crash_are_removed(
    empty: bovw.Engine, change: Callable[[bovw.Engine], Any]
) -> None:
    assert empty.folder is not None
    for name in ("segments/0001", "segments/.0002.x.new", "candidates/0001"):
        (empty.folder / name).mkdir(parents=True)
        (empty.folder / name / "words.npy").write_bytes(b"half")
    change(empty)
    bovw.Engine.open(empty.folder, verify="full")
    left = [p.name for p in (empty.folder / "segments").iterdir()]
    assert left in ([], ["0001"])
    with index_writer(empty.folder) as writer:
        assert len(writer.index.collection) == len(empty)
    assert not list(empty.folder.glob("candidates/*"))


def test_what_cannot_be_looked_at_is_not_gone(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.add(folder)
    hidden, gone = names(folder)[:2]

    def lstat(path: Path) -> os.stat_result:
        if path == hidden:  # as in a folder of somebody else
            raise PermissionError(13, "Permission denied")
        return original(path)

    original = Path.lstat
    for path in (hidden, gone):
        path.unlink()
    monkeypatch.setattr(Path, "lstat", lstat)
    assert empty.sync(folder).removed == (gone.name,)


def test_an_index_that_was_replaced_is_not_mistaken(
    empty: bovw.Engine, vocabulary: bovw.Vocabulary, folder: Path
) -> None:
    """Generations of two indexes may be the same number; their manifests are not."""
    assert empty.folder is not None
    empty.add(names(folder)[:3])
    bovw.update_index(
        empty.folder, names(folder)[5:8], vocabulary=vocabulary, settings=FEW, overwrite=True
    )
    with pytest.raises(UnknownPictureError):
        empty.remove(names(folder)[0].name)
    opened = bovw.Engine.open(empty.folder, verify="full")
    assert [r.identifier for r in opened.collection.records] == [p.name for p in names(folder)[5:8]]
    assert len(empty) == 3 and not empty.refresh()
    with locked(empty.folder), pytest.raises(LockedError):
        bovw.update_index(empty.folder, folder, vocabulary=vocabulary, settings=FEW, overwrite=True)


def test_an_engine_takes_the_settings_of_what_replaced_its_index(
    empty: bovw.Engine, vocabulary: bovw.Vocabulary, folder: Path
) -> None:
    """But for those that were changed."""
    assert empty.folder is not None
    empty.add(names(folder)[:3])
    searching = empty.changed(geometry={"verify": 3})
    others = FEW.changed(
        features={"max_features": 90},
        weighting={"tf": "log"},
        geometry={"verify": 5},
        expansion={"method": "none"},
    )
    bovw.update_index(
        empty.folder, names(folder)[:4], vocabulary=vocabulary, settings=others, overwrite=True
    )
    for engine, verify in ((empty, 5), (searching, 3)):
        assert engine.refresh()
        assert engine.settings.features.max_features == 90
        assert engine.settings.weighting.tf == "log"
        assert engine.settings.geometry.verify == verify
        assert len(engine) == 4
    assert searching.add(names(folder)[4]).added == (names(folder)[4].name,)
    assert searching.settings.geometry.verify == 3
    expanding = searching.changed(expansion={"method": "hamming"})
    plain = FEW.changed(kernel={"method": "none"}, expansion={"method": "none"})
    bovw.update_index(
        empty.folder, names(folder)[:2], vocabulary=vocabulary, settings=plain, overwrite=True
    )
    for _ in range(2):  # what cannot be is refused, and not forgotten
        with pytest.raises(SettingsError, match="match kernel"):
            expanding.refresh()


def test_what_others_put_there_is_not_the_indexs(empty: bovw.Engine, folder: Path) -> None:
    assert empty.folder is not None
    empty.add(names(folder)[:2])
    for room in ("vocabulary", "segments/0001"):
        (empty.folder / room / ".DS_Store").write_bytes(b"1")
    empty.add(names(folder)[2:4])
    for room in ("vocabulary", "segments/0001"):
        (empty.folder / room / ".DS_Store").write_bytes(b"another")
    assert len(bovw.Engine.open(empty.folder, verify="full")) == 4


@pytest.mark.parametrize("at_once", [True, False])
def test_overwriting_leaves_nothing_beside(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """Also where the system cannot let two folders change places."""
    assert empty.folder is not None
    beside = sorted(empty.folder.parent.iterdir())
    if not at_once:
        monkeypatch.setattr("bovw.storage.folders.exchange", lambda *_: False)
    empty.add(names(folder)[:2])
    old = bovw.Engine.open(empty.folder)
    empty.remove(names(folder)[0].name)
    old.save(empty.folder, overwrite=True)
    assert len(bovw.Engine.open(empty.folder, verify="full")) == 2
    assert old.search(names(folder)[1])[0].identifier == names(folder)[1].name
    assert sorted(empty.folder.parent.iterdir()) == beside


@pytest.mark.skipif(sys.platform != "linux", reason="others may not be able to")
def test_two_folders_change_places_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists() and (tmp_path / "b" / "a").exists()


def test_what_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ExistsError), new_folder(tmp_path / "i") as aside:
        (aside / "x").touch()
        (tmp_path / "i").mkdir()
        (tmp_path / "i" / "mine").write_text("precious")
    assert [p.name for p in tmp_path.iterdir()] == ["i"]
    (tmp_path / "i" / "manifest.json").write_text('{"manifest_version": 3}')
    with pytest.raises(ExistsError, match="neither a vocabulary nor an index"):
        check_target(tmp_path / "i", overwrite=True)


def test_skipped_pictures_are_not_called_updated(empty: bovw.Engine, folder: Path) -> None:
    empty.add(folder)
    names(folder)[0].write_bytes(b"no")
    assert empty.add(folder, on_error="skip").updated == ()


def test_pictures_are_described_as_the_index_says(empty: bovw.Engine, folder: Path) -> None:
    other = empty.changed(features={"max_features": 7})
    with pytest.raises(IncompatibleError, match="max_features=150"):
        other.add(folder)
    searching = empty.changed(geometry={"verify": 3})
    assert len(searching.add(folder).added) == 12


def test_very_many_segments_are_merged(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bovw.engine._MANY_SEGMENTS", 2)
    for n in (1, 2, 3):
        assert len(empty.add(names(folder)[:n]).added) == 1
    assert empty.info()["n_segments"] == 1 and len(empty) == 3
