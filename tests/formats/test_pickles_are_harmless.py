"""The one pickle that is read: plain values, and nothing that runs."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bovw.errors import GroundTruthError
from bovw.formats import load_revisited
from bovw.formats.restricted_pickle import load_pickle


class Call:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickle_of_plain_values(tmp_path: Path, protocol: int) -> None:
    content = {
        "containers": ({1, 2}, frozenset({3}), bytearray(b"\xff"), b"\x80", slice(1), 2j),
        "arrays": [np.arange(6.0).reshape(2, 3).T, np.array([1], ">i4"), np.array(["ä", "b"])],
        "objects": np.array([{1}, None, np.float32(2)], object),
        "scalars": [np.int64(3), np.bool_(True), np.str_("s")],
    }
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    read = load_pickle(path)
    assert read["containers"] == content["containers"]
    for found, expected in zip(read["arrays"], content["arrays"], strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype.newbyteorder("=")
    assert read["objects"].tolist() == [{1}, None, 2]
    assert read["scalars"] == content["scalars"]


def test_pickle_of_python_2_and_numpy_1(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x02\xff\x01tb."
    )
    assert load_pickle(path).tolist() == [255, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call(os.system, "touch broken-in"), "names posix.system"),
        (Call(eval, "1"), "names builtins.eval"),
        (Call(getattr, {}, "clear"), "names builtins.getattr"),
        (Call(io.open, "x", "w"), "names _?io.open"),
        (Call(zipfile.ZipFile, "x"), "names zipfile"),
        (np.zeros(1, [("field", "O")]), r"type 'V8', which are not allowed"),
        (Call(bytearray, 1 << 40), "is no pickle, or a broken one"),
        (np.random.default_rng(0), "names numpy.random"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_pickle_runs_nothing(tmp_path: Path, call: Any, message: str, protocol: int) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps([np.array([call, 1], object)], protocol))
    with pytest.raises(GroundTruthError, match=message):
        load_revisited(path)


@pytest.mark.parametrize(
    "content",
    [
        # An array of objects whose type claims that its bytes are plain: addresses.
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01btR(I1\n(I1\nt"
        b"cnumpy\ndtype\n(VO8\nI00\nI01\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntbI00\nC\x08AAAAAAAAtb.",
        # The same state twice: rows taken in between would show freed memory.
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01btRp0\n(I1\n(I1\nt"
        b"cnumpy\ndtype\n(Vu1\ntRI00\nC\x01Atp1\nbg1\nb.",
        b"c_codecs\nencode\n(Vx\nVzlib\ntR.",  # another codec than Latin-1
        b"cnumpy\ndtype\n(N}Vprocess\nI1\nstb.",  # a state for a class
        b"cbuiltins\nlist\n(N}Vappend\nI1\nstb.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\ndict\n(I0\nttR.",
        b"\x80\x04\x8c\x08builtins\x8c\x0elist.__class__\x93.",
        b"Pidentifier\n.",
        # Fewer objects than the shape says: numpy would read beyond them.
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01"
        b"(J\xa0\x86\x01\x00tcnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR\x89]tb.",
        b"\x80\x02}" + b"K\x01" + b"2\x86" * 60 + b"K\x02s.",  # a key that is hashed for ever
        b"\x80\x02]K\x01" + b"2\x86" * 60 + b"a.",  # small here, and 2 ** 60 values to walk
        b"\x80\x02]q\x00h\x00a.",  # a list that holds itself
        b"]" * 100_000 + b"a" * 99_999 + b".",  # deeper than anything can be walked
        b"",
        b"not a pickle",
    ],
)
def test_pickle_forged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "forged.pkl"
    path.write_bytes(content)
    with pytest.raises(GroundTruthError, match=r"forged.pkl"):
        load_pickle(path)
