"""Embeddings: files of them, projection, search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from bovw import vector_files
from bovw.embeddings import (
    EmbeddingIndex,
    Embeddings,
    Projection,
    load_embeddings,
    save_embeddings,
)
from bovw.errors import (
    EmbeddingError,
    NotFittedError,
    SettingsError,
    StorageError,
    TrainingError,
)

NAMES = ("b.jpg", "a/ä.jpg", "odd\udcff name.jpg")
VECTORS = np.array([[3, 4, 0], [0, 0, 0], [0.5, -1, 2]], np.float32)


@pytest.fixture
def small() -> Embeddings:
    """Three vectors that float16 holds exactly, one of them zero."""
    return Embeddings(NAMES, VECTORS)


def assert_same(found: Embeddings, names: tuple[str, ...] = NAMES) -> None:
    assert found.identifiers == names
    assert found.vectors.dtype == np.float32
    assert np.array_equal(found.vectors, VECTORS)


# Embeddings


def test_numbers_of_any_type_become_float32() -> None:
    for kind in (np.float16, np.float64, np.int8):
        found = Embeddings(("x",), np.array([[1, -2]], kind))
        assert found.vectors.dtype == np.float32
        assert found.vectors.tolist() == [[1, -2]]


@pytest.mark.parametrize(
    ("names", "vectors", "message"),
    [
        (("a", "b"), np.ones((3, 2)), "2 names and 3 vectors"),
        ((), np.ones((0, 2)), "at least one"),
        (("a",), np.ones(3), r"shape \(3,\)"),
        (("a",), np.ones((1, 0)), r"shape \(1, 0\)"),
        (("a",), np.array([["1"]]), "expected numbers"),
        (("a", "b"), np.array([[1.0], [np.nan]]), "1 vectors are not finite, the first in row 1"),
        (("a",), np.array([[1e300]]), "not finite"),
        ((1,), np.ones((1, 2)), "a name is 1"),
    ],
)
def test_malformed_embeddings_are_refused(names: Any, vectors: np.ndarray, message: str) -> None:
    with pytest.raises(EmbeddingError, match=message):
        Embeddings(names, vectors)


def test_normalised_leaves_zeros(small: Embeddings) -> None:
    unit = small.normalised()
    assert unit.identifiers == NAMES
    assert unit.vectors[0] == pytest.approx([0.6, 0.8, 0])
    assert unit.vectors[1].tolist() == [0, 0, 0]
    assert np.linalg.norm(unit.vectors[2]) == pytest.approx(1)


def test_aligned_follows_the_names_asked_for(small: Embeddings) -> None:
    rows = small.aligned([NAMES[2], NAMES[0], NAMES[2]])
    assert np.array_equal(rows, VECTORS[[2, 0, 2]])
    assert small.aligned([]).shape == (0, 3)
    with pytest.raises(EmbeddingError, match=r"2 of 3 pictures have no vector \(x, y\)"):
        small.aligned(["x", NAMES[0], "y"])
    with pytest.raises(EmbeddingError, match=r"\(m0, m1, m2, m3, m4, m5\)"):
        small.aligned([f"m{i}" for i in range(6)])


def test_queries_may_repeat_a_name_and_a_base_may_not() -> None:
    twice = Embeddings(("a", "b", "a"), VECTORS)
    with pytest.raises(EmbeddingError, match="a names rows 0 and 2"):
        twice.aligned(["b"])
    with pytest.raises(EmbeddingError, match="a names rows 0 and 2"):
        EmbeddingIndex(twice)


# Files


def test_saved_embeddings_come_back(tmp_path: Path, small: Embeddings) -> None:
    path = tmp_path / "new" / "e.npz"
    save_embeddings(Embeddings(("old",), np.ones((1, 1))), path)
    save_embeddings(small, path)
    assert_same(load_embeddings(path))
    assert [p.name for p in path.parent.iterdir()] == ["e.npz"]


def test_where_embeddings_cannot_be_saved(tmp_path: Path, small: Embeddings) -> None:
    with pytest.raises(EmbeddingError, match=r"ends in \.npz"):
        save_embeddings(small, tmp_path / "e.npy")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        save_embeddings(small, tmp_path / "file" / "e.npz")


def test_npz_with_arrays_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    raw = np.array([name.encode("utf-8", "surrogateescape") for name in NAMES])
    np.savez(path, paths=raw, x=VECTORS.astype(np.float16), epochs=np.int64(3))
    assert_same(load_embeddings(path))
    np.savez(path, paths=raw, x=VECTORS, y=-VECTORS)
    with pytest.raises(EmbeddingError, match="x, y could be the vectors: say which with key"):
        load_embeddings(path)
    assert_same(load_embeddings(path, key="x"))
    with pytest.raises(EmbeddingError, match="expected z"):
        load_embeddings(path, key="z")
    np.savez(path, paths=raw, labels=raw, x=VECTORS)
    with pytest.raises(EmbeddingError, match="could be the names"):
        load_embeddings(path)
    np.savez(path, names=raw, labels=raw, vectors=VECTORS, x=VECTORS)
    assert_same(load_embeddings(path))


def test_npy_finds_names_beside_it_or_takes_those_given(tmp_path: Path) -> None:
    path = tmp_path / "e.npy"
    np.save(path, VECTORS)
    with pytest.raises(EmbeddingError, match=r"without names.* e\.txt"):
        load_embeddings(path)
    assert_same(load_embeddings(path, names=list(NAMES)))
    path.with_suffix(".json").write_text(json.dumps(NAMES))
    assert_same(load_embeddings(path))
    text = "\n".join(NAMES) + "\n"
    path.with_suffix(".txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    path.with_suffix(".json").write_text('["only one"]')
    assert_same(load_embeddings(path))
    with pytest.raises(EmbeddingError, match=r"e\.npy: 1 names and 3 vectors"):
        load_embeddings(path, names=path.with_suffix(".json"))
    path.with_suffix(".json").write_text('{"a": 1}')
    with pytest.raises(EmbeddingError, match="expected a list of names"):
        load_embeddings(path, names=str(path.with_suffix(".json")))


@pytest.mark.parametrize(
    "heading",
    ["", "name,0,1,2\n", ",0,1,2\n", "picture,x,y,z\n", "picture,0,1,2\n", "file name,1,2,3\n"],
)
def test_csv(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "e.csv"
    rows = [
        f'"{name}",' + ",".join(map(str, row))
        for name, row in zip(NAMES, VECTORS.tolist(), strict=True)
    ]
    text = heading + "\n".join(rows) + "\n\n"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert_same(load_embeddings(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1,2\nb,1\n", "line 2: 1 numbers, expected 2"),
        ("a,1,2\nb,1,x\n", "line 2: expected a name, then numbers"),
        ("a,1,x\nb,1,2\n", "line 1: expected a name, then numbers"),
        ("a,1,1e99\n", "not finite"),
        ("name,x\n", "no vectors, empty but for a heading perhaps"),
        ("", "no vectors"),
        ("a;1;2\nb;3;4\n", "semicolons between the columns: expected commas"),
        ("a\nb\n", r"shape \(1, 0\)"),
    ],
)
def test_odd_csv(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(EmbeddingError, match=message):
        load_embeddings(path)


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "e.h5"
    raw = [name.encode("utf-8", "surrogateescape") for name in NAMES]
    with h5py.File(path, "w") as file:
        file.create_dataset("names", data=raw, dtype=h5py.string_dtype())
        file.create_dataset("vectors", data=VECTORS.astype(np.float16))
        file.create_dataset("labels", data=np.arange(3))
        file.create_dataset("nothing", data=h5py.Empty("f"))
    assert_same(load_embeddings(path))
    with h5py.File(path, "w") as file:  # strings of fixed length, in a group
        file.create_dataset("g/paths", data=np.array(raw))
        file.create_dataset("g/x", data=VECTORS)
        file.create_dataset("g/y", data=VECTORS)
    assert_same(load_embeddings(path, key="g/x"))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(EmbeddingError):
        load_embeddings(path)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "set=1" / "e.parquet"  # no partition of a dataset
    path.parent.mkdir()
    names = ("b", "a", "ä")
    for kind in (pa.list_(pa.float16()), pa.list_(pa.float64()), pa.list_(pa.float32(), 3)):
        column = pa.array([row.astype(np.float16).tolist() for row in VECTORS], kind)
        parquet.write_table(pa.table({"n": [1, 2, 3], "path": names, "x": column}), path)
        assert_same(load_embeddings(path), names)
    strings = {"label": ["l"] * 3, "path": names, "note": ["n"] * 3}
    parquet.write_table(pa.table({**strings, "x": VECTORS.tolist()}), path)
    assert_same(load_embeddings(path), names)
    del strings["path"]
    parquet.write_table(pa.table({**strings, "x": VECTORS.tolist()}), path)
    with pytest.raises(EmbeddingError, match="label, note could be the names: call one of them"):
        load_embeddings(path)
    columns = {f"x{i}": VECTORS[:, i] for i in range(3)}
    coded = pa.array(names).dictionary_encode()
    index = {"__index_level_0__": np.arange(3)}
    parquet.write_table(pa.table({**columns, "name": coded, **index}), path, row_group_size=2)
    assert_same(load_embeddings(path), names)
    table = pa.table({"names": names, "x": VECTORS.tolist(), "y": (-VECTORS).tolist()})
    parquet.write_table(table, path)
    with pytest.raises(EmbeddingError, match="x, y could be the vectors"):
        load_embeddings(path)
    assert_same(load_embeddings(path, key="x"), names)
    with pytest.raises(EmbeddingError, match="a column of lists"):
        load_embeddings(path, key="names")
    for odd in ([[1.0], [1.0, 2.0], [3.0]], [[1.0], None, [3.0]]):
        parquet.write_table(pa.table({"names": names, "x": odd}), path)
        with pytest.raises(EmbeddingError, match="lists of one length"):
            load_embeddings(path)
    parquet.write_table(pa.table({"names": names, "x": [[1.0], [None], [3.0]]}), path)
    with pytest.raises(EmbeddingError, match="not finite"):
        load_embeddings(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EmbeddingError, match="damaged"):
        load_embeddings(path)


@pytest.mark.parametrize("suffix", [".h5", ".parquet"])
def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(vector_files, "import_module", absent)
    with pytest.raises(EmbeddingError, match=r"pip install bovw\[embeddings\]"):
        load_embeddings(tmp_path / f"e{suffix}")


def test_files_that_are_missing_unknown_or_pickled(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="No such file"):
        load_embeddings(tmp_path / "none.npz")
    with pytest.raises(EmbeddingError, match=r"ends in \.npz"):
        load_embeddings(tmp_path / "e.pkl")
    path = tmp_path / "e.npz"
    np.savez(path, names=np.array(NAMES, object), vectors=VECTORS)
    with pytest.raises(EmbeddingError, match="strings, not objects"):
        load_embeddings(path)
    np.save(tmp_path / "e.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(EmbeddingError, match="damaged"):
        load_embeddings(tmp_path / "e.npy")


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_damage_never_shows_as_another_error(
    tmp_path: Path, suffix: str, rng: np.random.Generator
) -> None:
    path = tmp_path / f"e{suffix}"
    names = list("abc")
    if suffix == ".npz":
        np.savez_compressed(path, names=np.array(names), vectors=VECTORS)
    else:
        np.save(path, VECTORS)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(EmbeddingError):
            load_embeddings(path, names=names)
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_embeddings(path, names=names)
        except EmbeddingError:
            continue


# Projection


def test_whitening_makes_variances_equal_and_centres(rng: np.random.Generator) -> None:
    x = rng.normal(5, 1, (400, 6)) * [9, 5, 3, 1, 0.5, 0.1]
    model = Projection().fit(x)
    assert model.mean_ == pytest.approx(x.mean(axis=0), rel=1e-4)
    inner = (x - x.mean(axis=0)) @ model.projection_
    assert np.cov(inner.T) == pytest.approx(np.eye(6), abs=1e-3)
    found = model.transform(x)
    expected = inner / np.linalg.norm(inner, axis=1, keepdims=True)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-4)


def test_without_whitening_distances_stay(rng: np.random.Generator) -> None:
    x = rng.standard_normal((30, 5))
    found = Projection(whiten=False).fit(x).transform(x)
    centred = x - x.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert found @ found.T == pytest.approx(centred @ centred.T, abs=1e-5)


def test_the_power_of_whitening(rng: np.random.Generator) -> None:
    x = rng.standard_normal((300, 3)) * [10, 2, 1]
    model = Projection(power=0.25).fit(x)
    kept = ((x - x.mean(axis=0)) @ model.projection_).var(axis=0, ddof=1)
    assert kept == pytest.approx(np.sqrt(model.explained_variance_), rel=1e-3)
    plain, none = Projection(whiten=False).fit(x), Projection(power=0).fit(x)
    assert np.array_equal(plain.projection_, none.projection_)


def test_projection_onto_the_first_components_by_hand() -> None:
    x = np.array([[4, 0], [-4, 0], [0, 1], [0, -1]])
    model = Projection(1, whiten=False).fit(x)
    assert np.abs(model.projection_) == pytest.approx(np.array([[1], [0]]), abs=1e-6)
    assert np.abs(model.transform(x[:2])) == pytest.approx(np.ones((2, 1)))


def test_directions_without_variance_are_not_blown_up(rng: np.random.Generator) -> None:
    few = rng.standard_normal((5, 20)).astype(np.float32)  # of rank 4 when centred
    model = Projection().fit(few)
    assert model.projection_.shape == (20, 5)
    assert not model.projection_[:, 4].any()
    assert np.isfinite(model.transform(few)).all()


def test_projection_is_deterministic_and_can_be_cloned(rng: np.random.Generator) -> None:
    x = rng.standard_normal((50, 8)).astype(np.float32)
    first = Projection(4, power=0.3).fit(x)
    again = clone(first).fit(x.copy())
    assert again.get_params() == {"n_components": 4, "whiten": True, "power": 0.3}
    assert np.array_equal(first.projection_, again.projection_)


def test_projections_that_cannot_be(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, 8))
    with pytest.raises(NotFittedError):
        Projection().transform(x)
    for model in (Projection(0), Projection(9), Projection(power=1.5)):
        with pytest.raises(SettingsError):
            model.fit(x)
    for model, rows in ((Projection(6), x), (Projection(), x[:1]), (Projection(), x[:3] * 0)):
        with pytest.raises(TrainingError):
            model.fit(rows)
    with pytest.raises(EmbeddingError, match="7 dimensions: expected 8"):
        Projection(2).fit(x).transform(x[:, :7])


# Search


@pytest.mark.parametrize("method", ["exact", "hnsw"])
def test_dot_products_by_hand(method: Any) -> None:
    vectors = np.array([[1, 0], [2, 0], [0, 3], [1, 0], [-1, 1]])
    index = EmbeddingIndex(Embeddings(tuple("abcde"), vectors), method)
    found = index.search(np.array([[1, 0], [0, 1]]), 4)
    assert found.indices[0].tolist() == [1, 0, 3, 2]  # equal ones by row
    assert found.similarities[0].tolist() == [2, 1, 1, 0]
    assert found.indices[1].tolist() == [2, 4, 0, 1]
    assert found.similarities[1].tolist() == [3, 1, 0, 0]
    assert index.search(np.array([[1, 0]]), 99).indices.shape == (1, 5)
    assert index.search(np.zeros((0, 2)), 3).indices.shape == (0, 3)
    assert index.scores(np.array([[1, 0.5]])).tolist() == [[1, 2, 1.5, 1, -0.5]]


def test_a_graph_finds_what_comparing_with_all_finds(rng: np.random.Generator) -> None:
    vectors = rng.standard_normal((600, 16))
    base = Embeddings(tuple(map(str, range(600))), vectors)  # of different lengths
    queries = rng.standard_normal((20, 16))
    exact = EmbeddingIndex(base).search(queries, 10)
    graph = EmbeddingIndex(base, "hnsw", ef_search=400).search(queries, 10)
    same = [
        len(set(a) & set(b))
        for a, b in zip(exact.indices.tolist(), graph.indices.tolist(), strict=True)
    ]
    assert np.mean(same) > 9.5
    scores = queries @ vectors.T
    assert np.take_along_axis(scores, graph.indices, 1) == pytest.approx(
        graph.similarities, abs=1e-4
    )
    assert exact.similarities == pytest.approx(-np.sort(-scores, axis=1)[:, :10], abs=1e-4)


def test_what_a_graph_does_not_find_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    index = EmbeddingIndex(Embeddings(tuple("abc"), np.eye(3)), "hnsw")
    answer = (
        np.array([[2, 1, -1]], np.int32),
        np.array([[-3.0, -3.0, -np.inf]], np.float32),
    )
    monkeypatch.setattr(index._graph, "search", lambda queries, k: answer)
    found = index.search(np.ones((1, 3)), 3)
    assert found.indices.tolist() == [[1, 2, -1]]
    assert found.similarities.tolist() == [[-3, -3, 0]]


def test_search_in_blocks_gives_the_same(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = EmbeddingIndex(Embeddings(tuple("abcdef"), np.eye(6)))
    queries = rng.integers(0, 9, (7, 6))
    whole = index.search(queries, 4)
    monkeypatch.setattr("bovw.reranking._SCORES_AT_ONCE", 12)
    parts = index.search(queries, 4)
    assert np.array_equal(whole.indices, parts.indices)
    assert np.array_equal(whole.similarities, parts.similarities)


def test_searches_that_cannot_be(small: Embeddings) -> None:
    index = EmbeddingIndex(small)
    with pytest.raises(SettingsError, match="k=0"):
        index.search(VECTORS, 0)
    with pytest.raises(EmbeddingError, match="2 dimensions: expected 3"):
        index.search(VECTORS[:, :2], 1)
    with pytest.raises(EmbeddingError, match="expected numbers of shape"):
        index.scores(VECTORS[0])
    with pytest.raises(SettingsError, match="'exact' or 'hnsw'"):
        EmbeddingIndex(small, "flat")  # type: ignore[arg-type]


def test_ukbench_leave_one_out(data: Path) -> None:
    found = load_embeddings(data / "ukbench1000" / "mobilenet_v2.npz").normalised()
    numbers = np.array([int(name[7:12]) for name in found.identifiers])
    lists = EmbeddingIndex(found).search(found.vectors, 2).indices
    own = np.arange(len(numbers))
    first = np.where(lists[:, 0] == own, lists[:, 1], lists[:, 0])
    assert (numbers[first] // 4 == numbers // 4).mean() == pytest.approx(0.998, abs=0.0011)
