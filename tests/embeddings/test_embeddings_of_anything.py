"""Embeddings of what is in memory, and of an index of faiss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bovw.embeddings import Embeddings, as_array, as_embeddings, load_embeddings, save_embeddings
from bovw.errors import EmbeddingError

NAMES = ("a.jpg", "b c.jpg", "d/e.jpg")
VECTORS = np.array([[1, 2, 3, 4], [0.5, 0, 0, 1], [7, 7, 7, 7]], np.float32)


class Tensor:
    """What a tensor of PyTorch does: NumPy gets it only without gradient, from main memory."""

    def __init__(self, values: Any, *, gradient: bool, device: str, dtype: str) -> None:
        self.values, self.gradient, self.device, self.dtype = values, gradient, device, dtype

    def _as(self, **changes: Any) -> Tensor:
        known = {"gradient": self.gradient, "device": self.device, "dtype": self.dtype}
        return Tensor(self.values, **{**known, **changes})

    def detach(self) -> Tensor:
        return self._as(gradient=False)

    def cpu(self) -> Tensor:
        return self._as(device="cpu")

    def float(self) -> Tensor:
        return self._as(dtype="torch.float32")

    def numpy(self) -> Any:
        if self.gradient:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.device != "cpu" or self.dtype == "torch.bfloat16":
            raise TypeError(f"can't convert {self.device} {self.dtype} to numpy")
        return self.values


def same(found: Embeddings, names: tuple[str, ...] = NAMES) -> None:
    assert found.identifiers == names
    assert np.array_equal(found.vectors, VECTORS) and found.vectors.dtype == np.float32


@pytest.mark.parametrize("dtype", ["torch.float32", "torch.bfloat16"])
def test_tensors(dtype: str) -> None:
    tensor = Tensor(VECTORS, gradient=True, device="cuda:0", dtype=dtype)
    same(Embeddings(NAMES, tensor))  # type: ignore[arg-type]
    same(as_embeddings(tensor, NAMES))
    rows = {
        name: Tensor(row, gradient=True, device="cuda:0", dtype=dtype)
        for name, row in zip(NAMES, VECTORS, strict=True)
    }
    same(as_embeddings(rows))
    same(as_embeddings(rows, names=["x", "y", "z"]), ("x", "y", "z"))


def test_arrays_lists_and_what_has_array(tmp_path: Path) -> None:
    class Jax:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return VECTORS.astype(np.float64)

    for source in (VECTORS, VECTORS.tolist(), Jax()):
        same(as_embeddings(source, NAMES))
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")
    same(as_embeddings(VECTORS, tmp_path / "names.txt"))
    same(as_embeddings(Embeddings(("x", "y", "z"), VECTORS), NAMES))
    save_embeddings(Embeddings(NAMES, VECTORS), tmp_path / "e.npz")
    same(as_embeddings(tmp_path / "e.npz"))
    for source, names, message in (
        (VECTORS, None, "without names"),
        ([[1, 2], [3]], NAMES, "all of one length"),
        ({"a": [1, 2], "b": [3]}, None, "one length for all"),
        ({}, None, "expected numbers of shape"),
        (VECTORS[:2], NAMES, "3 names and 2 vectors"),
    ):
        with pytest.raises(EmbeddingError, match=message):
            as_embeddings(source, names)
    with pytest.raises(EmbeddingError, match="array or a tensor"):
        as_array([[1], [2, 3]])


def test_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    columns = pandas.DataFrame(VECTORS)
    for frame in (
        columns.assign(name=NAMES),
        columns.assign(name=NAMES, label=["x", "y", "z"]),
        columns.set_axis(list(NAMES), axis="index"),
        pandas.DataFrame({"which": NAMES, "vector": VECTORS.tolist()}),
        pandas.DataFrame({"path": NAMES, "vector": list(VECTORS), "size": [1, 2, 3]}),
    ):
        same(as_embeddings(frame))
    same(as_embeddings(columns, NAMES))
    two = pandas.DataFrame({"path": NAMES, "a": list(VECTORS), "b": list(VECTORS)})
    same(as_embeddings(two, key="b"))
    for frame, key, message in (
        (two, None, "say which with key"),
        (two, "c", "expected c, a column of lists"),
        (columns, None, "expected one that names the pictures"),
        (columns.assign(x=NAMES, y=NAMES), None, "x, y could be the names"),
        (pandas.DataFrame({"name": NAMES}), None, "columns, of numbers"),
    ):
        with pytest.raises(EmbeddingError, match=message):
            as_embeddings(frame, key=key)


def test_an_index_of_faiss(tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    path = tmp_path / "net.faiss"
    flat = faiss.IndexFlatIP(4)
    flat.add(VECTORS)
    faiss.write_index(flat, str(path))
    with pytest.raises(EmbeddingError, match=r"without names.*net\.txt"):
        load_embeddings(path)
    path.with_suffix(".txt").write_text("\n".join(NAMES) + "\n")
    same(load_embeddings(path))
    inverted = faiss.IndexIVFFlat(faiss.IndexFlatL2(4), 4, 1)
    inverted.train(VECTORS)
    inverted.add(VECTORS)
    faiss.write_index(inverted, str(path))
    same(load_embeddings(path))
    numbered = faiss.IndexIDMap2(faiss.IndexFlatL2(4))
    numbered.add_with_ids(VECTORS[::-1].copy(), np.array([2, 1, 0]))
    faiss.write_index(numbered, str(path))
    same(load_embeddings(path))
    path.with_suffix(".txt").unlink()
    numbered = faiss.IndexIDMap(faiss.IndexFlatL2(4))
    numbered.add_with_ids(VECTORS, np.array([70, 80, 90]))
    faiss.write_index(numbered, str(path))
    same(load_embeddings(path), ("70", "80", "90"))


def test_an_index_of_faiss_without_vectors(tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    path = tmp_path / "net.index"
    for index, message in (
        (faiss.IndexFlatIP(4), "without vectors"),
        (faiss.IndexPQ(4, 2, 4), "without vectors"),
    ):
        faiss.write_index(index, str(path))
        with pytest.raises(EmbeddingError, match=message):
            load_embeddings(path, names=NAMES)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(EmbeddingError, match="damaged, cut short"):
        load_embeddings(path)
    with pytest.raises(EmbeddingError, match="No such file"):
        load_embeddings(tmp_path / "no.faiss")
