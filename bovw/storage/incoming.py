"""Pictures that other machines have described for an index, waiting for its one writer.

Each batch is a file of its own in ``incoming/``, with entries as in the journal. It appears when it
is complete. The writer takes the entries over into its journal, and removes the file.
"""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from .journal import JOURNAL_BYTES, Entry, entries_of, packed, read_journal
from .looking import content_of, names_in

INCOMING = "incoming"
_ENDING = ".batch"


def open_incoming(folder: Path) -> None:
    """Make the place for batches in the folder of an index."""
    place = folder / INCOMING
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {place}: {error.strerror or error}") from error


def unfinished(folder: Path, n_words: int) -> Iterator[Entry]:
    """Yield what a run that goes on or was interrupted has read and not committed.

    These are the entries of the journal, and those of batches that it does not hold yet.
    """
    yield from read_journal(folder, n_words)
    for name in sorted(names_in(folder / INCOMING)):
        if name.endswith(_ENDING):
            yield from read_batch(folder, name, n_words)


def write_batch(folder: Path, items: Iterable[Entry]) -> tuple[str, int, int]:
    """Write a batch; return its name, its size in bytes, and its CRC-32.

    Raises
    ------
    StorageError
        When it cannot be written, for example because `folder` is not there on this machine.
    """
    content = b"".join(map(packed, items))
    name = f"{uuid.uuid4().hex}{_ENDING}"
    aside = folder / INCOMING / f".{name}"
    try:
        with aside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, folder / INCOMING / name)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {folder / INCOMING}: {error.strerror or error}; the index must lie in "
            "a folder that all machines see at the same path, and may write"
        ) from error
    return name, len(content), zlib.crc32(content)


def read_batch(
    folder: Path, name: str, n_words: int, expected: tuple[int, int] | None = None
) -> list[Entry]:
    """Read a batch; of a damaged one, the entries before the damage.

    `expected` is its size and CRC-32: then a file that is not there, or another, is a StorageError.
    """
    path = folder / INCOMING / name
    try:
        content = content_of(path, JOURNAL_BYTES)
    except OSError as error:
        raise StorageError(
            f"{path} was written by another machine, but is not seen here ({error.strerror}): the "
            "index must lie in a folder that all machines see at the same path"
        ) from error
    if expected not in (None, (len(content), zlib.crc32(content))):
        raise StorageError(
            f"{path} is not as another machine has written it: check the shared folder, and repeat "
            "the command"
        )
    return list(entries_of(content, path, n_words))


def discard_batch(folder: Path, name: str) -> None:
    """Remove a batch whose entries were taken over; one that cannot be removed does no harm."""
    with suppress(OSError):
        (folder / INCOMING / name).unlink(missing_ok=True)


def close_incoming(folder: Path) -> None:
    """Remove the place for batches, with whatever machines have left there."""
    place = folder / INCOMING
    with suppress(OSError, StorageError):
        for name in names_in(place):
            (place / name).unlink(missing_ok=True)
        place.rmdir()
