"""The links between pictures that were found before, in a file beside the index.

``links.npz`` is not part of the index: no manifest lists it, everything in it can be found again,
and whoever deletes it loses only time. It names pictures by a digest of their identifier and
content, so it stays right when pictures are added, removed or merged into another segment; and it
says by a fingerprint with what vocabulary and settings they were compared. A file with another
fingerprint, or a damaged one, is not used, and is replaced.
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import is_regular, replaced
from ..groups import LINK, Compared

LINKS = "links.npz"  # name of the file
_VERSION = 1  # also of what a link holds, and of how it is measured
_ARRAYS = {"keys": np.dtype(np.uint8), "done": np.dtype(bool), "links": LINK}


def read_links(folder: Path, fingerprint: str) -> Compared | None:
    """Read the links of an index; None when there are none that were found in the same way."""
    path = folder / LINKS
    if not is_regular(path):
        return None
    try:
        with zipfile.ZipFile(path) as listed:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in listed.infolist()):
                raise ValueError("compressed")  # it could be larger than memory
        with np.load(path, allow_pickle=False) as file:
            made_as = str(file["made_as"])
            arrays = {name: file[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        return _warned(path, repr(error))
    if made_as != f"{_VERSION} {fingerprint}":
        return _warned(path, "it is of another vocabulary, of other settings or another version")
    problem = _problem(arrays)
    return _warned(path, problem) if problem else Compared(**arrays)


def write_links(folder: Path, fingerprint: str, compared: Compared) -> None:
    """Replace the links of an index.

    Raises
    ------
    StorageError
        When the file cannot be written; an earlier one is unchanged.
    """
    with replaced(folder / LINKS) as file:
        np.savez(
            file,
            made_as=np.array(f"{_VERSION} {fingerprint}"),
            keys=compared.keys,
            done=compared.done,
            links=compared.links,
        )


def _problem(arrays: dict[str, NDArray[Any]]) -> str | None:
    keys, done, links = arrays["keys"], arrays["done"], arrays["links"]
    if any(arrays[name].dtype != dtype for name, dtype in _ARRAYS.items()):
        return "it holds other kinds of arrays"
    if keys.shape != (len(done), Compared.KEY_BYTES) or done.ndim != 1 or links.ndim != 1:
        return "its arrays do not fit each other"
    ends = np.stack([links["one"], links["other"]], axis=1)
    if (ends < 0).any() or (ends >= len(keys)).any() or (ends[:, 0] == ends[:, 1]).any():
        return "it links pictures that it does not name"
    floats = [links[name] for name in LINK.names or () if LINK[name].kind == "f"]
    if not all(np.isfinite(values).all() for values in floats):
        return "it holds NaN or infinite numbers"
    return None


def _warned(path: Path, why: str) -> Compared | None:
    warnings.warn(f"{path} is not used: {why:.200}; all pictures are compared again", stacklevel=4)
    return None
