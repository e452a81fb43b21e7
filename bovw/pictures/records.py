"""What became of a picture that was given: a record, or a failure with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a picture besides its features.

    Attributes
    ----------
    identifier, path : str
    width, height : int
        Pixels of the original, after its EXIF orientation.
    sha256 : str
        Hash of the bytes of the file.
    size, mtime_ns : int
        Bytes of the file, and when it was changed: who finds both the same need not read it.
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
    """A picture that could not be indexed, and why; `size` and `mtime_ns` as of a `Record`."""

    identifier: str
    path: str
    reason: str
    size: int = 0
    mtime_ns: int = 0
