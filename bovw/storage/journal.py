"""A journal of pictures that are already indexed, but not yet part of a segment.

Each entry holds its length and a checksum. After a crash, an incomplete entry at the end is
recognised and ignored, and all entries before it are used again.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..collection import ARRAYS, PictureWords, SegmentBuilder, array_kinds
from ..errors import StorageError
from ..pictures import Failure, Record
from .contents.segment_folder import checked_failure, checked_record
from .looking import content_of, is_own_file, looking
from .places import sync

JOURNAL = "journal"
SEGMENT_PICTURES = 2_000
"""Largest number of pictures in a segment that is made while an index is built."""
JOURNAL_BYTES = 4 << 30
"""Largest journal that is read: room for 2,000 pictures with 100,000 features each."""
_HEAD = struct.Struct("<4sIII")  # mark, length of JSON, length of arrays, CRC-32 of both
_MARK = b"bvwj"


Entry: TypeAlias = Failure | tuple[Record, PictureWords]


def packed(item: Entry) -> bytes:
    """An entry as the bytes that stand in a journal, with their length and checksum."""
    if isinstance(item, Failure):
        content: dict[str, Any] = {"failure": astuple(item)}
        arrays = b""
    else:
        record, picture = item
        content = {"picture": astuple(record), "n": len(picture)}
        parts = [np.ascontiguousarray(getattr(picture, name)).tobytes() for name in ARRAYS]
        arrays = b"".join(parts)
    text = json.dumps(content).encode("ascii")
    head = _HEAD.pack(_MARK, len(text), len(arrays), zlib.crc32(arrays, zlib.crc32(text)))
    return head + text + arrays


class JournalledBuilder(SegmentBuilder):
    """A `SegmentBuilder` that also writes each picture to the journal immediately.

    Parameters
    ----------
    folder : Path
        Folder of the index.
    n_words : int
        Size of the vocabulary.
    left : sequence of Failure or (Record, PictureWords)
        Entries of an earlier journal to take over.
    """

    def __init__(self, folder: Path, n_words: int, left: Sequence[Entry] = ()) -> None:
        super().__init__(n_words)
        self._path, self.diary = folder / JOURNAL, folder
        self._size = 0  # of all whole entries
        aside = folder / f".{JOURNAL}.new"
        try:
            aside.unlink(missing_ok=True)  # also if it is a link
            self._file = aside.open("xb", buffering=0)
            for item in left:
                if isinstance(item, Failure):
                    self.fail(item)
                else:
                    self.append(*item)
            self.flush()
            self._file.close()  # an open file cannot be renamed on Windows
            os.replace(aside, self._path)
            sync(folder)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    @property
    def is_full(self) -> bool:
        """Whether it holds enough pictures for a segment."""
        return len(self) >= SEGMENT_PICTURES

    def __enter__(self) -> JournalledBuilder:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the journal; its file is kept unless it is empty."""
        with suppress(OSError):  # errors of writing were raised earlier
            self._file.close()
        if not self.pictures and not self.failures:
            with suppress(OSError):  # an empty journal does no harm
                self._path.unlink(missing_ok=True)

    def append(self, record: Record, picture: PictureWords) -> None:
        """Add a picture."""
        self._write((record, picture))
        super().append(record, picture)

    def fail(self, failure: Failure) -> None:
        """Note a picture that could not be read."""
        self._write(failure)
        super().fail(failure)

    def clear(self) -> None:
        """Forget the collected pictures; call it once they are part of a segment."""
        try:
            self._file.truncate(0)
        except OSError as error:
            raise _cannot_write(self._path, error) from error
        self._size = 0
        super().clear()

    def flush(self) -> None:
        """Wait until all added entries are on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def _write(self, item: Entry) -> None:
        entry = packed(item)
        try:
            left = memoryview(entry)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            # Half an entry would hide those that may still come after it.
            with suppress(OSError):
                self._file.truncate(self._size)
            raise _cannot_write(self._path, error) from error
        self._size += len(entry)


def read_journal(folder: Path, n_words: int) -> Iterator[Entry]:
    """Yield the entries that an interrupted run left; none when there is no journal.

    Raises
    ------
    StorageError
        When there is one that could not be looked at, or that is larger than any journal.
    """
    path = folder / JOURNAL
    if not is_own_file(path):
        return
    try:
        content = content_of(path, JOURNAL_BYTES)
    except StorageError as error:
        raise StorageError(
            f"{error}; or remove it, which loses the finished pictures of an interrupted run"
        ) from error
    except OSError:  # it was removed just now
        return
    yield from entries_of(content, path, n_words)


def entries_of(content: bytes, path: Path, n_words: int) -> Iterator[Entry]:
    """Yield the whole entries of the content of a journal; `path` names it in errors."""
    at = 0
    while len(content) - at >= _HEAD.size:
        mark, n_text, n_arrays, crc = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        if mark != _MARK or at + n_text + n_arrays > len(content):
            return
        try:
            with looking(path):
                text = content[at : at + n_text]
                arrays = content[at + n_text : at + n_text + n_arrays]
                if zlib.crc32(arrays, zlib.crc32(text)) != crc:
                    return
                item = _read(json.loads(text), arrays, n_words)
        except (ValueError, TypeError, KeyError, RecursionError):  # not written by this class
            return
        at += n_text + n_arrays
        yield item


def _read(entry: dict[str, Any], arrays: bytes, n_words: int) -> Entry:
    if "failure" in entry:
        return checked_failure(entry["failure"])
    record, picture = checked_record(entry["picture"]), _unpacked(arrays, entry["n"], n_words)
    if len(picture) and int(picture.words.max()) >= n_words:
        raise ValueError(f"word {picture.words.max()} of {n_words}")
    return record, picture


def _unpacked(content: bytes, n: int, n_words: int) -> PictureWords:
    kinds = array_kinds(n_words)
    each = sum(dtype.itemsize * int(np.prod(shape, dtype=int)) for dtype, shape in kinds.values())
    if type(n) is not int or n * each != len(content):
        raise ValueError(f"{len(content)} bytes for {n!r} features")
    arrays, at = {}, 0
    for name, (dtype, shape) in kinds.items():
        count = n * int(np.prod(shape, dtype=int))
        arrays[name] = np.frombuffer(content, dtype, count, at).reshape(n, *shape)
        at += count * dtype.itemsize
    return PictureWords(**arrays)


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror or error}; what was indexed before is untouched, "
        "make room and continue with the same command"
    )
