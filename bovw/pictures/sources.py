"""What may be given as a picture, and how its bytes or pixels are got."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from ..errors import ImageError, shown

LARGEST_FILE = 1 << 30
"""Largest size of a file, in bytes; a larger one is refused before it is read."""

_BLOCK = 1 << 20  # bytes that are asked for at once
_INPUT = ("/dev/stdin", *(f"/dev/fd/{number}" for number in range(256)))


class Readable(Protocol):
    """An open file, or what can be read like one."""

    def read(self, size: int = ..., /) -> bytes:
        """Read at most `size` bytes."""


class ArrayLike(Protocol):
    """Anything that NumPy takes as an array, such as a tensor."""

    def __array__(self) -> NDArray[Any]:
        """Return the values as an array."""


Path_: TypeAlias = str | os.PathLike[str]
Source: TypeAlias = Path_ | bytes | NDArray[Any] | PillowImage.Image | Readable | ArrayLike
"""What may be given as a picture; see `read_image`."""
Content: TypeAlias = Path_ | bytes | NDArray[Any] | PillowImage.Image


def describe(source: Any) -> str:
    """Return a name of a source for messages: its path, or what kind of data it is."""
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return f"<{len(source)} bytes>"
    if isinstance(source, np.ndarray):
        return f"<array {source.shape} {source.dtype}>"
    if isinstance(source, PillowImage.Image):
        return f"<{source.mode} picture of {source.width} x {source.height}>"
    name = getattr(source, "name", None)
    if hasattr(source, "read") and isinstance(name, str):
        return name
    return f"<{type(source).__name__}>"


def content_of(source: Any) -> Content:
    """Return a source as a path, bytes, an array, or a picture of Pillow.

    Raises
    ------
    ImageError
        When it is nothing of the kind, or cannot be read.
    """
    name = describe(source)
    if isinstance(source, (str, os.PathLike, np.ndarray, PillowImage.Image)):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if source is None:
        advice = "give a picture (cv2.imread returns None for a file that it cannot read)"
        raise ImageError("None", "no picture", advice)
    if isinstance(source, (list, tuple)):
        advice = "give numpy.asarray(values, numpy.uint8); several pictures have calls of their own"
        raise ImageError(f"a {type(source).__name__}", "no picture", advice)
    if hasattr(source, "read"):
        return _read(source, name)
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        try:
            return np.asarray(source)
        except Exception as error:  # a tensor on another device raises its own errors
            said = " ".join(str(error).split())
            raise ImageError(name, f"no array ({said})", "give a NumPy array") from error
    advice = "give a path, bytes, an open file, an array, or a picture of Pillow"
    raise ImageError(shown(source), "no picture", advice)


def _read(source: Any, name: str) -> bytes:
    try:
        try:
            content = source.read(_BLOCK)
            if isinstance(content, (bytes, bytearray, memoryview)) and len(content):
                parts = [bytes(content)]  # a pipe may give less than was asked for
                while sum(map(len, parts)) <= LARGEST_FILE and (part := source.read(_BLOCK)):
                    parts.append(bytes(part))
                content = b"".join(parts)
        except TypeError:  # it takes no number
            content = source.read()
    except MemoryError as error:
        raise ImageError(name, "too large for the memory at hand", "shrink it") from error
    except Exception as error:  # closed, not for reading, or a broken connection
        said = " ".join(str(error).split())
        raise ImageError(name, f"cannot be read ({said})", "open it again") from error
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise ImageError(name, "an open text", "open it with 'rb'")
    if not len(content):
        raise ImageError(name, "an empty file", "if it was read before: seek(0)")
    _check_length(len(content), name)
    return bytes(content)


def _check_length(length: int, name: str) -> None:
    if length > LARGEST_FILE:
        raise ImageError(
            name, f"a file of more than {LARGEST_FILE >> 20} MB, which is not read", "shrink it"
        )


def read_bytes(path: Path_) -> bytes:
    """Read a file; raise an ImageError when it cannot be read, or is no regular file.

    A file larger than `LARGEST_FILE` is refused before it is read.
    """
    name = describe(path)
    try:
        facts = Path(path).stat()
        is_input = stat.S_ISFIFO(facts.st_mode) and os.fspath(path) in _INPUT
        if stat.S_ISDIR(facts.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Reading any other pipe could block for ever, and a device may have no end.
        if not (stat.S_ISREG(facts.st_mode) or is_input):
            raise ImageError(name, "not a regular file", "take it out of the folder")
        _check_length(facts.st_size, name)
        with Path(path).open("rb") as file:
            # Of a file, one byte more than its length is asked for, to see if it grows. A pipe has
            # no length.
            content = file.read(LARGEST_FILE + 1) if is_input else file.read(facts.st_size + 1)
            if not is_input and len(content) > facts.st_size:  # it grows
                content += file.read(LARGEST_FILE + 1 - len(content))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = (
            "check the path" if isinstance(error, FileNotFoundError) else "give a readable file"
        )
        raise ImageError(name, reason, advice) from error
    except ValueError as error:  # a NUL, or letters that no path has
        raise ImageError(name, f"no path of a file ({error})", "check the path") from error
    except MemoryError as error:
        raise ImageError(name, "a file too large for the memory at hand", "shrink it") from error
    _check_length(len(content), name)
    return content
