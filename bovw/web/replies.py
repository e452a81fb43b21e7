"""What a worker answers, as bytes: JSON, then arrays and bytes, and never a pickle.

The workers read bytes that anybody sent, so they are trusted less than the server. What the server
sends them is pickled, as by joblib; what they send back is only read as numbers and text, each part
of which is checked, so that a worker in other hands cannot run code in the server by its answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BovwError, ImageError

_DTYPES = ("uint8", "float32")
_HEADER = 4  # bytes of the length of the JSON
LARGEST = 1 << 30
"""Largest number of bytes of an answer."""


class ReplyError(BovwError):
    """A worker answered what is no answer."""


@dataclass(frozen=True)
class Reply:
    """What a worker answers.

    Attributes
    ----------
    content : Any
        What JSON can hold.
    parts : tuple of ndarray
        Arrays of uint8 or float32.
    """

    content: Any
    parts: tuple[Any, ...] = ()


def reply_bytes(reply: Reply) -> bytes:
    """Write an answer as bytes."""
    arrays = [np.ascontiguousarray(part) for part in reply.parts]
    shapes = [[part.dtype.name, *part.shape] for part in arrays]
    return _joined({"content": reply.content, "parts": shapes}, arrays)


def error_bytes(error: BovwError) -> bytes:
    """Write as bytes why there is no answer."""
    if isinstance(error, ImageError):
        return _joined({"image": [error.name, error.found, error.advice]}, [])
    return _joined({"error": str(error)}, [])


def _joined(header: dict[str, Any], arrays: Sequence[Any]) -> bytes:
    text = json.dumps(header, allow_nan=False).encode("ascii")
    return b"".join(
        [len(text).to_bytes(_HEADER, "little"), text, *(part.tobytes() for part in arrays)]
    )


def read_reply(data: bytes) -> Reply:
    """Read an answer.

    Raises
    ------
    ImageError, BovwError
        The error that the worker answered.
    ReplyError
        When the bytes are no answer.
    """
    try:
        end = _HEADER + int.from_bytes(data[:_HEADER], "little")
        header = json.loads(data[_HEADER:end].decode("ascii"))
        if "parts" in header:
            return Reply(header["content"], _parts(header["parts"], data, end))
        told = [str(text) for text in header.get("image", [])] or str(header["error"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReplyError(f"a worker answered what is no answer ({error!s:.100})") from error
    if isinstance(told, str):
        raise BovwError(told)
    if len(told) != 3:
        raise ReplyError("a worker answered with an error that is none")
    raise ImageError(*told)


def _parts(shapes: list[Any], data: bytes, at: int) -> tuple[Any, ...]:
    parts: list[Any] = []
    for name, *shape in shapes:
        if name not in _DTYPES or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array of another kind")
        dtype = np.dtype(name)
        size = math.prod(shape) * dtype.itemsize
        if at + size > len(data):
            raise ValueError("an array that is cut off")
        # A copy: what is kept of an answer does not keep all of it, and can be written to.
        part = np.zeros(shape, dtype)
        if size:
            part.reshape(-1)[:] = np.frombuffer(data, dtype, offset=at, count=part.size)
        parts.append(part)
        at += size
    if at != len(data):
        raise ValueError("bytes at its end")
    return tuple(parts)
