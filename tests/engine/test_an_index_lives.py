"""An index that grows and shrinks answers as one that was built at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.errors import (
    ImageError,
    IncompatibleError,
    StorageError,
    UnknownPictureError,
)
from bovw.pictures import PictureFile
from bovw.storage import IndexWriter

from ..support import FEW, answers, names


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
    engine.index.histograms.wait()
    graphs = engine.index.histograms.graphs
    engine.add(names(folder)[9:])
    engine.remove(names(folder)[0].name)
    assert engine.index.histograms.graphs == graphs
    again = bovw.Engine.open(tmp_path / "i")
    for opened in (engine, again):
        assert opened.search(names(folder)[10])[0].identifier == names(folder)[10].name
        found = [a.identifier for a in opened.search(names(folder)[0])]
        assert names(folder)[0].name not in found
    engine.compact()
    histograms = bovw.Engine.open(tmp_path / "i", verify="full").index.histograms
    histograms.wait()
    assert histograms.is_fresh


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
        "bovw.features.extraction.extract_query",
        lambda query, *rest, **more: read.append(Path(query[0]).name) or original(query, *rest),
    )
    from bovw.features import SiftExtractor

    def original(query: Any, settings: bovw.Settings, *_: Any) -> Any:
        return SiftExtractor(settings.features).extract(query[0], settings.images)

    changes = empty.sync(folder)
    assert read == [second.name]
    with monkeypatch.context() as patch:  # its time is known from now on
        patch.setattr("bovw.engine.plan.read_bytes", None)
        assert len(empty.sync(folder).unchanged) == 11
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
            "bovw.engine.editor.find_pictures",
            lambda *_, **__: [PictureFile("sub", str(folder / "sub"))],
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
    monkeypatch.setattr("bovw.index.tiers._TOGETHER", 3)
    for n in (1, 2, 3):
        assert len(empty.add(names(folder)[:n]).added) == 1
    assert empty.info()["n_segments"] == 1 and len(empty) == 3


def test_pictures_of_folders_that_may_not_be_mounted_are_kept(
    empty: bovw.Engine, folder: Path, tmp_path: Path
) -> None:
    disk, home = tmp_path / "disk", tmp_path / "home"
    for place in (disk, home):
        place.mkdir()
    for picture in names(folder)[:3]:
        picture.rename(disk / picture.name)
    empty.add([folder, disk])
    (tmp_path / "away").mkdir()
    for picture in names(disk):
        picture.rename(tmp_path / "away" / picture.name)
    with pytest.warns(UserWarning, match="3 pictures that lay in .*disk.* are kept"):
        assert empty.sync([folder, disk]).removed == ()
    disk.rmdir()
    # Another picture that happens to be called so does not say that the folder has moved.
    (home / names(tmp_path / "away")[0].name).write_bytes(names(folder)[0].read_bytes())
    assert empty.sync(home).removed == ()
    names(folder)[0].unlink()
    assert len(empty.sync(iter([folder])).removed) == 1
    assert len(empty) == 11


def test_what_is_restored_as_it_was_is_called_updated(empty: bovw.Engine, folder: Path) -> None:
    empty.add(folder)
    picture = names(folder)[2]
    content, facts = picture.read_bytes(), picture.stat()
    picture.write_bytes(b"no")
    assert len(empty.add(folder).failed) == 1
    picture.write_bytes(content)
    os.utime(picture, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert empty.add(folder).updated == (picture.name,)


def test_a_merge_that_fails_stops_no_run(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bovw.storage.journal.SEGMENT_PICTURES", 1)
    monkeypatch.setattr("bovw.engine.words.PICTURES_AT_ONCE", 1)
    monkeypatch.setattr("bovw.index.tiers._TOGETHER", 4)

    def full(*_: Any) -> None:
        raise StorageError("no room")

    monkeypatch.setattr(IndexWriter, "merge", full)
    with pytest.raises(StorageError, match="no room"):
        empty.add(folder)
    assert empty.folder is not None and len(bovw.Engine.open(empty.folder)) == 12
