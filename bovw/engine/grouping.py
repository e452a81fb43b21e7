"""Compares all pictures of an index with each other, going on from what was compared before."""

from __future__ import annotations

import hashlib
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError
from ..groups import NO_LINKS, Compared, identical, strongest
from ..index import Index, fingerprint_of, links_of
from ..parallel import progress_bar
from ..storage import read_links, write_links
from .plan import duplicates
from .reader import Reader
from .spreading import spread

_SECONDS = 120.0  # so much work is lost at most when the process is killed


def linked(reader: Reader, *, anew: bool = False, progress: bool = False) -> NDArray[np.void]:
    """Find the links between all pictures of an index.

    A picture that was compared with all others before, as the file of links in the index's folder
    says, is not searched for again; new pictures find it. What was found is kept there also after
    Ctrl-C. A picture that kills the process that searches for it is left out, with a warning.

    Parameters
    ----------
    reader : Reader
        Its settings say how pictures are compared.
    anew : bool
        Whether to compare all pictures again.
    progress : bool
        Show a progress bar on stderr, if stderr is a terminal.

    Returns
    -------
    (m,) ndarray of `LINK`
        Ends are positions; each pair occurs once. Identical files are linked, too.
    """
    index, folder = reader.index, reader.folder
    fingerprint, keys = fingerprint_of(index), _keys(index)
    before = None if folder is None or anew else read_links(folder, fingerprint)
    done, links = _here(before, keys)
    known = done.copy()
    todo = np.flatnonzero(~done).tolist()
    found = [links]

    def keep() -> None:
        if folder is not None:
            found[:] = [strongest(np.concatenate(found))]
            _try_to_write(folder, fingerprint, Compared(keys, done, found[0]))

    last = time.monotonic()
    try:
        with closing(spread(reader, links_of, todo, lost=_none)) as compared:
            walked = progress_bar(compared, "comparing", len(todo)) if progress else compared
            for position, new in zip(todo, walked, strict=True):
                if new is None:
                    name = index.collection.records[position].identifier
                    warnings.warn(f"{name} killed the process that compared it", stacklevel=3)
                    continue
                found.append(new)
                done[position] = True
                if time.monotonic() - last > _SECONDS:
                    keep()
                    last = time.monotonic()
    finally:
        if (done != known).any() or before is None or len(before.keys) != len(keys):
            keep()
    return strongest(np.concatenate([*found, _identical(index)]))


def _none(_: int) -> None:
    """The links of a picture that killed its process."""


def known_links(reader: Reader) -> NDArray[np.void] | None:
    """Links that were found before; None when some picture was not yet compared with all others.

    See `linked`.
    """
    index = reader.index
    before = None if reader.folder is None else read_links(reader.folder, fingerprint_of(index))
    if before is None:
        return None
    done, links = _here(before, _keys(index))
    return strongest(np.concatenate([links, _identical(index)])) if done.all() else None


def _keys(index: Index) -> NDArray[np.uint8]:
    """A digest of the identifier and the content of each picture; see `Compared`."""
    keys = np.zeros((len(index.collection), Compared.KEY_BYTES), np.uint8)
    for place, record in enumerate(index.collection.records):
        text = f"{record.identifier}\0{record.sha256}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(text).digest()[: Compared.KEY_BYTES]
        keys[place] = np.frombuffer(digest, np.uint8)
    return keys


def _here(
    before: Compared | None, keys: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], NDArray[np.void]]:
    """Which pictures of the index were compared before, and the links of those still there."""
    done = np.zeros(len(keys), bool)
    if before is None:
        return done, NO_LINKS
    positions = {key.tobytes(): place for place, key in enumerate(keys)}
    now = np.array([positions.get(key.tobytes(), -1) for key in before.keys], np.int64)
    done[now[before.done & (now >= 0)]] = True
    links = before.links.copy()
    for name in ("one", "other"):
        links[name] = now[links[name]]
    links = links[(links["one"] >= 0) & (links["other"] >= 0)]
    # Pictures are in order of identifier, then as now, so `one` is still the smaller.
    return done, links


def _identical(index: Index) -> NDArray[np.void]:
    positions = index.collection.positions
    links = [
        identical(positions[group[0]], positions[name])
        for group in duplicates(index.collection)
        for name in group[1:]
    ]
    return np.array(links, NO_LINKS.dtype) if links else NO_LINKS


def _try_to_write(folder: Path, fingerprint: str, compared: Compared) -> None:
    try:
        write_links(folder, fingerprint, compared)
    except StorageError as error:  # the answer does not need the file
        warnings.warn(f"links are not kept for the next time: {error}", stacklevel=4)
