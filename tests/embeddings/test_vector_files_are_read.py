"""Files of embeddings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bovw.embeddings import Embeddings, load_embeddings, save_embeddings, vector_files
from bovw.errors import EmbeddingError, StorageError

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
        rows = [row.astype(np.float16) for row in VECTORS]
        column = pa.array(
            [list(row.astype(kind.value_type.to_pandas_dtype())) for row in rows], kind
        )
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
