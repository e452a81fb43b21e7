"""Record of a picture that was indexed, and failure of one that could not be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """Facts about a picture, besides its features.

    Attributes
    ----------
    identifier, path : str
    width, height : int
        Size of the original in pixels, after its EXIF orientation was applied.
    sha256 : str
        Hash of the bytes of the file.
    size, mtime_ns : int
        Size in bytes and modification time of the file. A file with the same two values is taken
        as unchanged, and is not read again.
    """

    identifier: str
    path: str
    width: int
    height: int
    sha256: str
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be indexed, and why; `size` and `mtime_ns` as in `Record`."""

    identifier: str
    path: str
    reason: str
    size: int = 0
    mtime_ns: int = 0
