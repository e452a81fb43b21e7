"""Embeddings as systems: what is done with them, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bovw.comparison import EmbeddingOptions, compare, embedding_run
from bovw.embeddings import EmbeddingIndex, Embeddings, save_embeddings
from bovw.errors import EmbeddingError
from bovw.evaluation import GroundTruth, compare_runs

from ..support import SAMPLE


@pytest.mark.parametrize(
    "options",
    [
        {"pca": 8, "whiten": True},
        {"quantise": "sq8"},
        {"quantise": "sq1"},
        {"augment": 2},
        {"expand": "average", "answers": 2},
        {"expand": "discriminative", "answers": 2},
        {"rerank": "k-reciprocal"},
        {"rerank": "diffusion"},
        {"method": "hnsw"},
        {"method": "hnsw", "expand": "alpha", "rerank": "diffusion"},
    ],
)
def test_what_can_be_done_with_embeddings(
    truth: GroundTruth, net: Embeddings, options: dict[str, object]
) -> None:
    plain = embedding_run(net, truth, "plain")
    run = embedding_run(net, truth, "net", options=EmbeddingOptions(**options))  # type: ignore[arg-type]
    compared = compare_runs(truth, [plain, run], ["ap"])
    assert compared.scores["net"].macro("ap") > 0.8 * compared.scores["plain"].macro("ap")
    assert all(sorted(r) == list(range(30)) for r in run.rankings.values())


def test_what_a_graph_does_not_find_is_left_out(
    truth: GroundTruth, net: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(self: object, asked: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.tile(np.array([7, 3, -1], np.int32), (len(asked), 1))
        return rows, np.tile(np.array([0.9, 0.8, 0], np.float32), (len(asked), 1))

    monkeypatch.setattr("bovw.nearest.NearestNeighbours.search", found)
    name = truth.queries[0].name
    for options in ({}, {"rerank": "k-reciprocal"}):
        run = embedding_run(net, truth, "n", options=EmbeddingOptions(method="hnsw", **options))  # type: ignore[arg-type]
        n = run.count(name)
        assert {7, 3} <= set(run.ranked(name).tolist())
        assert n == 2 if not options else n >= 2
        assert (np.diff(run.rankings[name][n:]) > 0).all()  # by name


def test_queries_with_boxes_need_vectors_of_their_own(truth: GroundTruth, net: Embeddings) -> None:
    query = replace(truth.queries[0], bbox=(0, 0, 100, 100))
    boxed = replace(truth, queries=(query,))
    with pytest.raises(EmbeddingError, match="ask for a part"):
        embedding_run(net, boxed, "net")
    asked = Embeddings((query.image,), net.aligned([query.image]))
    assert embedding_run(net, boxed, "net", queries=asked).rankings[query.name][0] >= 0
    with pytest.raises(EmbeddingError, match="named and ordered"):
        embedding_run(net, boxed, "net", queries=net)


def test_queries_of_another_network_are_refused(truth: GroundTruth, net: Embeddings) -> None:
    names = [query.image for query in truth.queries]
    other = Embeddings(tuple(names), np.ones((len(names), 8)))
    with pytest.raises(EmbeddingError, match="8 dimensions: expected 32"):
        embedding_run(net, truth, "net", queries=other)


def test_augmented_vectors_are_compressed_afterwards(
    truth: GroundTruth, net: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise what is searched would take more bytes than the table says."""
    kept = []

    def scores(index: EmbeddingIndex, asked: np.ndarray) -> np.ndarray:
        kept.append(index.embeddings.vectors)
        return asked @ kept[-1].T

    monkeypatch.setattr(EmbeddingIndex, "scores", scores)
    embedding_run(net, truth, "n", options=EmbeddingOptions(augment=2, quantise="sq1"))
    # Of a bit a dimension two values are left; scaling to length 1 keeps their ratios.
    for column in range(3):
        ratios = (kept[0][:, column] / kept[0][:, 31]).round(4)
        assert len(np.unique(ratios)) <= 4


def test_distractors_among_embeddings_are_ranked(
    compared: Path, truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    """Not so other pictures that lie beside the base, nor queries that are not in it."""
    rng = np.random.default_rng(1)
    others = ("noise/1.jpg", "noise/2.jpg", "covers/cover_01_1.jpg", "asked.jpg")
    vectors = np.concatenate([net.vectors, rng.normal(size=(4, 32))])
    many = Embeddings(net.identifiers + others, vectors)
    query = replace(truth.queries[0], image="asked.jpg", name="asked")
    asked = replace(truth, queries=(*truth.queries, query))
    run = embedding_run(many, asked, "net", root=SAMPLE)
    assert set(run.items) == truth.images | set(others[:2])
    assert embedding_run(many, asked, "net").items == tuple(sorted(truth.images))
    elsewhere = embedding_run(many, asked, "net", root=tmp_path)
    assert set(elsewhere.items) == truth.images | set(others[:3])
    save_embeddings(many, tmp_path / "net.npz")
    compared = compare(asked, [f"{tmp_path}/net.npz,pca=8"], root=SAMPLE, metrics=["ap"])
    notes = "; ".join(compared.notes)
    assert "net ranks 2 pictures that the ground truth does not name" in notes
    assert "1 pictures that net has vectors of lie beside the base" in notes
    assert "projection or quantisation of net was learned from 32 of the pictures" in notes


def test_what_is_learned_from_some_that_are_tested_is_said(
    truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    names = (*net.identifiers[:3], *map(str, range(40)))
    save_embeddings(Embeddings(names, rng.normal(size=(43, 32))), tmp_path / "other.npz")
    for shared, part in ((3, slice(None)), (0, slice(3, None))):
        learned = Embeddings(names[part], rng.normal(size=(43, 32))[part])
        save_embeddings(learned, tmp_path / "other.npz")
        options = EmbeddingOptions(whiten=True, learn=str(tmp_path / "other.npz"))
        run = embedding_run(net, truth, "net", options=options)
        assert run.facts["n_learned_from_tested"] == shared
    assert embedding_run(net, truth, "net").facts["n_learned_from_tested"] == 0


def test_queries_are_found_by_content_whatever_stands_beside(
    compared: Path, truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    for name in truth.images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((SAMPLE / name).read_bytes())
    query = truth.queries[0]
    (root / "copy.jpg").write_bytes((SAMPLE / query.image).read_bytes())
    asked = replace(query, image="copy.jpg", name="copy", junk=frozenset())
    hidden = replace(truth, queries=(asked,), in_base="junk")
    vectors = np.concatenate([net.vectors, net.aligned([query.image])])
    save_embeddings(Embeddings((*net.identifiers, "copy.jpg"), vectors), tmp_path / "net.npz")
    system = f"{tmp_path}/net.npz"
    alone = compare(hidden, [system], root=root, metrics=["p@1"])
    assert any("1 queries are in the base: junk" in note for note in alone.notes)
    assert alone.taken["copy"] == {query.image}
    (root / sorted(truth.images)[-1]).unlink()
    some = compare(hidden, [system], root=root, metrics=["p@1"])
    assert any("1 of 30 pictures of the base and 0 of 1 queries" in note for note in some.notes)
    none = compare(hidden, [system], root=tmp_path, metrics=["p@1"])
    assert any("by name only: their pictures are not in" in note for note in none.notes)


def test_embeddings_have_their_published_scores(data: Path) -> None:
    """Of the README beside them: exact cosine search, trapezoid AP, junk removed."""
    expected = {
        "ukbench1000/gnd": 0.984,
        "smvs_dvd/gnd": 0.180,
        "smvs_dvd/gnd_all": 0.171,
        "oxford1k/gnd": 0.662,
        "oxford1k/gnd_official": 0.369,
        "oxford1k/gnd_rox": 0.200,
    }
    for name, published in expected.items():
        folder = data / name.split("/")[0]
        queries = folder / f"mobilenet_v2_{name.split('/')[1]}_queries.npz"
        options = f",queries={queries}" if queries.exists() else ""
        compared = compare(
            data / f"{name}.json",
            [f"net={folder}/mobilenet_v2.npz{options}"],
            metrics=["ap_trapezoid"],
        )
        assert compared.scores["net"].macro("ap_trapezoid") == pytest.approx(published, abs=2e-3)
