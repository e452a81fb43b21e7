"""Read pickles that contain only containers, numbers, text and numpy arrays, and run no code.

An ordinary unpickler calls any function that a file names. This one accepts only the names in
`_ALLOWED`. Even numpy's own classes are not called with the data of the file: a malicious file
could make an array of objects whose addresses are arbitrary bytes. Instead, types and arrays are
built from parts that were checked.
"""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GroundTruthError
from .parsing import PathLike


def load_pickle(path: PathLike) -> Any:
    """Read a pickle of any protocol; strings written by Python 2 are read as Latin-1.

    Returns
    -------
    object
        Arrays in it are instances of a private subclass of `numpy.ndarray`.

    Raises
    ------
    GroundTruthError
        When the file is broken, or names a class or function that is not allowed.
    """
    where = os.fsdecode(path)
    try:
        with Path(path).open("rb") as file:
            return _Unpickler(file, encoding="latin1").load()
    except OSError as error:
        raise GroundTruthError(f"{where}: {error.strerror}; check the path") from error
    except GroundTruthError as error:
        raise GroundTruthError(f"{where}: {error}") from None
    except Exception as error:  # a broken pickle raises nearly anything
        raise GroundTruthError(
            f"{where} is no pickle, or a broken one ({error}); fetch it again"
        ) from error


class _DType:
    """Used in place of `numpy.dtype`; accepts only the codes of plain types."""

    def __init__(self, code: str, *_: object) -> None:
        if not re.fullmatch(r"[biufc]\d{1,2}|[SU]\d+|O8?", code):
            raise GroundTruthError(f"it holds arrays of type {code!r}, which are not allowed")
        self.dtype: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray[Any, np.dtype[Any]]):
    """Used in place of `numpy.ndarray`; numpy checks shape and size against the data."""

    def __new__(cls, *_: object) -> _Array:
        return super().__new__(cls, 0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        if self.size:  # numpy would free memory that views of the array still use
            raise GroundTruthError("it fills an array twice")
        version, shape, kind, fortran, data = state
        super().__setstate__((version, shape, kind.dtype, fortran, data))


def _scalar(kind: _DType, data: bytes | str) -> Any:
    raw = data if isinstance(data, bytes) else data.encode("latin1")
    return np.frombuffer(raw, kind.dtype, count=1)[0]


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise GroundTruthError(f"it asks for the encoding {encoding!r}, which is not allowed")
    return text.encode("latin1")


def _bytearray(content: bytes | str = b"", encoding: str = "latin1") -> bytearray:
    # A number is not accepted: it would allocate as much memory as the file asks for.
    return bytearray(content if isinstance(content, bytes) else _encode(content, encoding))


_ALLOWED: dict[tuple[str, str], Any] = {
    **{("builtins", t.__name__): t for t in (set, frozenset, list, dict, tuple, complex, slice)},
    ("builtins", "bytearray"): _bytearray,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array.__new__,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
_RENAMED = {"__builtin__": "builtins", "numpy.core.multiarray": "numpy._core.multiarray"}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _RENAMED.get(module, module)
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise GroundTruthError(
                f"it names {module}.{name}, but a ground truth may hold only containers, numbers, "
                "text and numpy arrays; do not open it by other means unless you trust its source"
            ) from None
