"""Indexing and searching with three worker processes, some of which are killed meanwhile."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import cpu_count

import bovw
from bovw.errors import ClusterError, IncompatibleError, StorageError
from bovw.features import extract_files
from bovw.parallel import thread_count, worker_count
from bovw.pictures import Failure, find_pictures
from bovw.storage import index_writer

from ..support import FEW, told
from .machines import Machines, wait_for

pytest.importorskip("distributed", reason="pip install 'bovw[cluster]'")

from bovw.cluster import ShardedEngine, update_index


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, pictures: list[Path]) -> Path:
    """Thirty pictures, and one that is broken."""
    folder = tmp_path_factory.mktemp("base")
    for picture in pictures:
        shutil.copy(picture, folder / picture.name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, base: Path, vocabulary: bovw.Vocabulary
) -> Path:
    """The index that one machine makes, in three segments."""
    path = tmp_path_factory.mktemp("alone") / "i.bovw"
    engine = bovw.Engine.create(path, vocabulary, settings=FEW)
    for start in (1, 3, 5):
        some = sorted(base.glob(f"poster_0[{start}{start + 1}]*.jpg"))
        engine.add(some, root=base)
    engine.remove("poster_02_3.jpg")
    return path


def content(index: Path) -> dict[str, bytes]:
    """All files of an index but those that differ by time, or between runs."""
    return {
        path.relative_to(index).as_posix(): path.read_bytes()
        for path in sorted(index.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "writer.lock")
    }


def killed_when(process: subprocess.Popen[bytes], happened: Callable[[], Any]) -> threading.Thread:
    """Stop a worker at once, and kill it when something has happened."""
    process.send_signal(signal.SIGSTOP)

    def kill() -> None:
        wait_for(happened, "the moment to kill a worker")
        process.kill()
        process.wait()

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_workers_make_the_index_that_one_machine_makes(
    machines: Machines, base: Path, vocabulary: bovw.Vocabulary, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    from bovw.cluster import indexing

    caplog.set_level("INFO", "bovw.progress")
    monkeypatch.setattr(indexing, "PICTURES_AT_ONCE", 4)
    how: dict[str, Any] = {"vocabulary": vocabulary, "settings": FEW}
    one, changes = bovw.update_index(tmp_path / "one", base, **how)
    machines.ready()
    checked = threading.Event()
    check = indexing.Cluster.check

    def check_and_tell(self: Any, paths: Any) -> None:
        check(self, paths)
        checked.set()
        stopped.wait()

    # A worker is given pictures, does not get on with them, and is killed when others are done.
    stopped = threading.Event()
    incoming = tmp_path / "many" / "incoming"

    def stop_and_kill() -> None:
        checked.wait()
        thread = killed_when(machines.workers[1], lambda: any(incoming.glob("*.batch")))
        stopped.set()
        thread.join()

    monkeypatch.setattr(indexing.Cluster, "check", check_and_tell)
    thread = threading.Thread(target=stop_and_kill)
    thread.start()
    many, same = update_index(
        tmp_path / "many", base, scheduler=machines.address, progress=True, **how
    )
    thread.join()
    assert "reading pictures: 31 done" in caplog.text
    assert same == changes and len(changes.added) == 30
    assert [failure.identifier for failure in many.failures] == ["broken.jpg"]
    assert content(tmp_path / "many") == content(tmp_path / "one")
    again, nothing = update_index(tmp_path / "many", base, scheduler=machines.address)
    assert len(nothing.unchanged) == 30 and len(again) == len(one)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kernel": {"method": "hamming"}, "expansion": {"method": "discriminative"}},
        {"kernel": {"method": "none"}, "expansion": {"method": "average"}},
    ],
    ids=["strong", "discriminative", "classic"],
)
def test_answers_are_those_of_one_machine(
    machines: Machines, alone: Path, pictures: list[Path], changes: dict[str, Any]
) -> None:
    machines.ready()
    one = bovw.Engine.open(alone).changed(**changes)
    with ShardedEngine.open(alone, machines.address) as engine:
        many = engine.changed(**changes)
        for query in pictures[::17]:
            assert told(many.search(query, None)) == told(one.search(query, None))
        named = {"allow": lambda name: "_04_" in name or "_02_" in name, "also": "mirror"}
        assert told(many.search(pictures[3], 5, **named)) == told(
            one.search(pictures[3], 5, **named)
        )
        stored = "poster_05_2.jpg"
        assert told(many.search_stored(stored, 4)) == told(one.search_stored(stored, 4))
        why = many.explain(pictures[0], "poster_06_1.jpg").to_dict()
        assert why == one.explain(pictures[0], "poster_06_1.jpg").to_dict()


def test_graphs_of_segments_are_searched_as_on_one_machine(
    machines: Machines, alone: Path, pictures: list[Path], tmp_path: Path
) -> None:
    few = FEW.changed(candidates={"graph_from": 9, "n_candidates": 6, "n_components": 8})
    engine = bovw.Engine.create(tmp_path / "i", bovw.Engine.open(alone).vocabulary, settings=few)
    for start in (0, 12, 24):  # the last segment is too small for a graph
        engine.add(pictures[start : start + 12], root=pictures[0].parent)
    with index_writer(tmp_path / "i") as writer:
        for number in (1, 2):
            writer.merge([number])
        graphs = writer.commit(writer.index.without([pictures[5].name])).graphs
    assert len(graphs) == 2
    one = bovw.Engine.open(tmp_path / "i")
    one.index.histograms.wait()
    machines.ready()
    with ShardedEngine.open(tmp_path / "i", machines.address) as many:
        for query in pictures[2::9]:
            assert told(many.search(query, 4)) == told(one.search(query, 4))
        how: dict[str, Any] = {"deny": [picture.name for picture in pictures[12:16]]}
        assert told(many.search(pictures[17], 4, **how)) == told(one.search(pictures[17], 4, **how))


def test_segments_of_a_killed_worker_are_searched_by_others(
    machines: Machines, alone: Path, pictures: list[Path]
) -> None:
    machines.ready()
    one = bovw.Engine.open(alone)
    with ShardedEngine.open(alone, machines.address) as engine:
        engine.search(pictures[0])  # all workers have opened their segments
        asked = threading.Event()
        submit = engine._shards.cluster.submit

        def submitted(*arguments: Any, **named: Any) -> Any:
            future = submit(*arguments, **named)
            asked.set()
            return future

        engine._shards.cluster.submit = submitted  # type: ignore[method-assign]
        thread = killed_when(machines.workers[0], asked.is_set)
        assert told(engine.search(pictures[7])) == told(one.search(pictures[7]))
        thread.join()
        assert told(engine.search(pictures[20])) == told(one.search(pictures[20]))
        assert len(engine._shards.cluster.workers()) == 2


def test_a_changed_index_is_seen_after_a_refresh(
    machines: Machines, alone: Path, pictures: list[Path], tmp_path: Path
) -> None:
    machines.ready()
    shutil.copytree(alone, tmp_path / "i")
    with ShardedEngine.open(tmp_path / "i", machines.address) as engine:
        bovw.Engine.open(tmp_path / "i").remove("poster_01_1.jpg")
        with pytest.raises(IncompatibleError, match="has changed since it was opened"):
            engine.search(pictures[0])
        assert engine.refresh() and not engine.refresh()
        assert engine.search(pictures[0])[0].identifier != "poster_01_1.jpg"


def test_joblib_runs_the_rest_on_the_workers(machines: Machines, base: Path) -> None:
    from distributed import Client
    from joblib import parallel_config

    machines.ready()
    files = find_pictures(base)[::4]
    alone = list(extract_files(files, FEW))
    with (
        Client(machines.address, set_as_default=False) as client,
        parallel_config(backend="dask", client=client),
    ):
        assert worker_count(-1) == 3
        assert thread_count(-1) <= cpu_count()
        many = list(extract_files(files, FEW, n_jobs=-1))
    assert [file for file, _ in many] == files
    for (_, one), (_, other) in zip(alone, many, strict=True):
        if isinstance(one, Failure):
            assert other == one
        else:
            assert isinstance(other, bovw.Features)
            assert np.array_equal(other.descriptors, one.descriptors)
            assert np.array_equal(other.keypoints, one.keypoints)


def test_what_does_not_fit_is_refused(
    machines: Machines, alone: Path, base: Path, vocabulary: bovw.Vocabulary, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    machines.ready()
    with pytest.raises(ClusterError, match="expected an address"):
        ShardedEngine.open(alone, "localhost")
    engine = bovw.Engine.open(alone)
    other = {"method": "lsa-hnsw"}
    with (
        ShardedEngine.open(alone, machines.address) as sharded,
        pytest.raises(IncompatibleError, match="one graph over all pictures"),
    ):
        sharded.changed(candidates=other).search(next(base.glob("poster*.jpg")))
    from bovw.cluster import connection
    from bovw.cluster.worker import identity

    newer = {**identity(), "opencv": "99.0"}
    monkeypatch.setattr(connection, "identity", lambda: newer)
    with pytest.raises(IncompatibleError, match=r"has opencv .*, the machine that asks it 99\.0"):
        ShardedEngine.open(alone, machines.address)
    monkeypatch.undo()
    with (
        connection.Cluster(machines.address) as cluster,
        pytest.raises(StorageError, match="does not see /no/such/folder"),
    ):
        cluster.check(["/no/such/folder"])
    assert len(engine) == 29
