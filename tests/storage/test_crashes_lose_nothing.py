"""What an index survives: interruptions, full disks, and other processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw.collection import PictureWords
from bovw.errors import (
    FormatError,
    LockedError,
    SettingsError,
    StorageError,
    UnknownPictureError,
)
from bovw.nearest import NearestNeighbours
from bovw.storage import (
    INCOMING,
    IndexWriter,
    diagnose,
    index_writer,
    locked,
    open_incoming,
    read_batch,
    read_journal,
    write_batch,
)

from ..support import FEW, SAMPLE, answers, names


def test_an_interrupted_run_is_taken_up(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal knows what was finished; here the run ends as if the machine had stopped."""
    assert empty.folder is not None
    monkeypatch.setattr("bovw.engine.words.PICTURES_AT_ONCE", 1)
    given: list[Any] = []

    def stopping(files: Any, *rest: Any, **more: Any) -> Any:
        given.append([file.identifier for file in files])
        for number, item in enumerate(original(files, *rest, **more)):
            if number == stop_at:
                raise SystemExit
            yield item

    from bovw.engine.words import extract_files as original

    monkeypatch.setattr("bovw.engine.words.extract_files", stopping)
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
    from bovw.engine.words import extract_files as original

    def interrupted(*given: Any, **more: Any) -> Any:
        for number, item in enumerate(original(*given, **more)):
            if number == 4:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr("bovw.engine.words.extract_files", interrupted)
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


def test_a_folder_that_is_moved_away_is_not_written(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.engine.words import extract_files as original

    assert empty.folder is not None
    elsewhere = empty.folder.with_name("elsewhere")

    def moving(*given: Any, **more: Any) -> Any:
        yield from original(*given, **more)
        assert empty.folder is not None
        empty.folder.rename(elsewhere)

    with monkeypatch.context() as patch:
        patch.setattr("bovw.engine.words.extract_files", moving)
        with pytest.raises(StorageError, match="was moved or removed while"):
            empty.add(folder)
    assert not empty.folder.exists()
    engine = bovw.Engine.open(elsewhere)
    assert len(engine.add(folder).added) == 12
    with pytest.raises(FormatError, match="no such folder"):
        empty.add(folder)


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


def test_segments_are_merged_before_too_many_files_are_open(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bovw.storage.journal.SEGMENT_PICTURES", 1)
    monkeypatch.setattr("bovw.engine.words.PICTURES_AT_ONCE", 1)
    monkeypatch.setattr("bovw.index.tiers._TOGETHER", 4)
    most = []
    commit = IndexWriter.commit

    def counted(writer: IndexWriter, *given: Any) -> Any:
        index = commit(writer, *given)
        most.append(len(index.segments))
        return index

    monkeypatch.setattr(IndexWriter, "commit", counted)
    assert len(empty.add(folder).added) == 12
    assert max(most) == 4 and len(empty) == 12


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_nmslib_says_that_the_disk_is_full(tmp_path: Path, rng: np.random.Generator) -> None:
    graph = NearestNeighbours(rng.random((500, 16), np.float32))
    (tmp_path / "g").symlink_to("/dev/full")
    with pytest.raises(OSError, match="nmslib could not write"):
        graph.save(tmp_path / "g")


def test_what_other_machines_left_is_taken_over(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers have finished pictures for a run that was interrupted before it took them over."""
    assert empty.folder is not None
    whole = bovw.Engine.build(folder, vocabulary=empty.vocabulary, settings=FEW)
    collection = whole.collection
    described = [
        (record, PictureWords(**collection.stored(i)))
        for i, record in enumerate(collection.records)
    ]
    open_incoming(empty.folder)
    write_batch(empty.folder, described[:4])
    name, size, crc = write_batch(empty.folder, described[4:7])
    batch = empty.folder / INCOMING / name
    assert len(read_batch(empty.folder, name, collection.segments[0].n_words, (size, crc))) == 3
    batch.write_bytes(batch.read_bytes()[:-1])  # its last picture is damaged
    with pytest.raises(StorageError, match="not as another machine has written it"):
        read_batch(empty.folder, name, collection.segments[0].n_words, (size, crc))
    assert not any("incoming" in note for note in diagnose(empty.folder).notes)
    whole.save(folder.parent / "whole")
    with pytest.raises(LockedError, match="6 pictures in its journal"):
        bovw.merge_indexes([empty.folder, folder.parent / "whole"], folder.parent / "both")
    read: list[str] = []

    def reading(files: Any, *rest: Any, **more: Any) -> Any:
        read.extend(file.identifier for file in files)
        return original(files, *rest, **more)

    from bovw.engine.words import extract_files as original

    monkeypatch.setattr("bovw.engine.words.extract_files", reading)
    empty.add(folder)
    assert read == [record.identifier for record, _ in described[6:]]
    assert not (empty.folder / INCOMING).exists()
    assert answers(empty, names(folder)[:2]) == answers(whole, names(folder)[:2])
