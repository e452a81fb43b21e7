"""What only indexes of many pictures do, tried with few: graphs, kept weights, merging in tiers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.storage import diagnose

from ..support import FEW, answers, names

GRAPH = FEW.changed(candidates={"graph_from": 4, "n_candidates": 5, "n_components": 8})


def identifiers(engine: bovw.Engine, query: Path, **more: object) -> list[str]:
    return [answer.identifier for answer in engine.search(query, 3, **more)]  # type: ignore[arg-type]


@pytest.fixture
def with_graph(vocabulary: bovw.Vocabulary, folder: Path, tmp_path: Path) -> bovw.Engine:
    """An index of ten pictures in a folder, with a graph."""
    made = bovw.Engine.build(names(folder)[:10], vocabulary=vocabulary, settings=GRAPH)
    made.save(tmp_path / "i")
    engine = bovw.Engine.open(tmp_path / "i")
    engine.index.histograms.wait()
    return engine


def test_a_large_index_has_a_graph_and_says_so(with_graph: bovw.Engine, folder: Path) -> None:
    engine = with_graph
    assert engine.folder is not None
    assert engine.info()["candidates"] == "lsa-hnsw"
    assert [path.name for path in names(Path(engine.folder) / "candidates")] == ["0001"]
    assert len(engine.index.histograms.graphs) == 1 and engine.index.histograms.is_fresh
    assert engine.candidate_recall(10, 3) > 0.9
    for picture in names(folder)[:10:3]:
        assert identifiers(engine, picture)[0] == picture.name
    assert diagnose(engine.folder).is_sound


def test_filters_and_changes_use_the_graph(with_graph: bovw.Engine, folder: Path) -> None:
    engine, pictures = with_graph, names(folder)
    engine.add(pictures[10:])
    engine.remove(pictures[0].name)
    graphs = engine.index.histograms.graphs
    assert len(graphs) == 1 and not engine.index.histograms.is_fresh
    assert identifiers(engine, pictures[11])[0] == pictures[11].name
    assert pictures[0].name not in identifiers(engine, pictures[0])
    allowed = [pictures[3].name, pictures[11].name]
    assert set(identifiers(engine, pictures[5], allow=allowed)) <= set(allowed)
    assert pictures[5].name not in identifiers(engine, pictures[5], deny=[pictures[5].name])
    engine.compact()
    engine.index.histograms.wait()
    assert engine.index.histograms.is_fresh
    assert engine.folder is not None and diagnose(engine.folder).is_sound


def test_a_damaged_graph_is_not_needed(with_graph: bovw.Engine, folder: Path) -> None:
    assert with_graph.folder is not None
    path = Path(with_graph.folder) / "candidates/0001/histograms.nmslib"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    engine = bovw.Engine.open(with_graph.folder)
    engine.index.histograms.wait()
    assert engine.index.histograms.graphs == ()
    assert identifiers(engine, names(folder)[2])[0] == names(folder)[2].name
    assert diagnose(with_graph.folder, repair=True).repaired
    assert diagnose(with_graph.folder).is_sound


def test_document_frequencies_are_kept_until_many_pictures_have_changed(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bovw.index.index._MANY", 1)
    monkeypatch.setattr("bovw.search.histograms._STALE", 3)  # one in three
    pictures = names(folder)
    empty.add(pictures[:9])
    before = empty.index.weights
    empty.add(pictures[9:11])
    empty.remove(pictures[0].name)
    kept = empty.index.weights
    assert kept.changed == 3 and np.array_equal(kept.idf, before.idf)
    assert len(kept.lengths) == len(empty) == 10 and (kept.lengths > 0).all()
    assert empty.folder is not None
    opened = bovw.Engine.open(empty.folder)
    assert opened.index.weights.changed == 3
    assert answers(opened, pictures[2:4]) == answers(empty, pictures[2:4])
    assert identifiers(opened, pictures[10])[0] == pictures[10].name
    assert diagnose(empty.folder).is_sound
    empty.add(pictures[11:])
    assert empty.index.weights.changed == 0
    empty.compact()
    whole = bovw.Engine.build(pictures[1:], vocabulary=empty.vocabulary, settings=FEW)
    assert answers(empty, pictures[:2]) == answers(whole, pictures[:2])


def test_some_segments_are_merged(
    empty: bovw.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures that a later segment has resolved do not come back."""
    monkeypatch.setattr("bovw.index.tiers._SMALL", 5)
    monkeypatch.setattr("bovw.index.tiers._TOGETHER", 3)
    pictures = names(folder)
    content = pictures[11].read_bytes()
    pictures[11].write_bytes(b"no")
    empty.add(pictures[:6])  # a segment of the second tier
    empty.add(pictures[11])
    assert [failure.identifier for failure in empty.failures] == [pictures[11].name]
    pictures[11].write_bytes(content)
    for picture in (pictures[11], *pictures[6:8]):
        empty.add(picture)
    assert empty.failures == ()
    assert empty.folder is not None
    manifest = json.loads((Path(empty.folder) / "manifest.json").read_text())
    assert len(manifest["segments"]) < 5
    empty.remove(pictures[7].name)
    left = [*pictures[:7], pictures[11]]
    whole = bovw.Engine.build(left, vocabulary=empty.vocabulary, settings=FEW)
    assert answers(empty, pictures[:3]) == answers(whole, pictures[:3])
    assert diagnose(empty.folder).is_sound
