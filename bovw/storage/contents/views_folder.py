"""Views of a whole index on disk: what depends on all of its pictures together.

``views/0007/`` holds the order of the pictures (`Collection.keys`) and their `Weights`. Without it,
these are computed when the index is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...collection import Segment, alive
from ...errors import FormatError
from ...index import Index
from ...search import Weights
from ..arrays import load_array
from ..manifest import ADVICE


def write_views(folder: Path, keys: NDArray[np.int64], weights: Weights) -> None:
    """Write the keys and weights of an index into an empty folder."""
    np.save(folder / "keys.npy", keys)
    np.save(folder / "idf.npy", weights.idf)
    np.save(folder / "lengths.npy", weights.lengths)


def folders_listed(
    segments: Iterable[str], graphs: Iterable[str], views: Mapping[str, Any] | None
) -> list[str]:
    """Folders of an index whose files its manifest lists."""
    return ["vocabulary", *segments, *graphs, *([views["folder"]] if views else [])]


def views_entry(name: str, index: Index) -> dict[str, Any]:
    """What the manifest says of the views of an index."""
    return {"folder": name, "changed": index.weights.changed}


def load_views(
    folder: Path,
    manifest: Mapping[str, Any],
    segments: Sequence[Segment],
    dead: Mapping[int, tuple[int, ...]],
    n_words: int,
) -> tuple[NDArray[np.int64], Weights] | None:
    """Memory-map the keys and weights of an index; None when the manifest lists none."""
    entry = manifest.get("views")
    if entry is None:
        return None
    place, changed = entry["folder"], entry["changed"]
    if not isinstance(place, str) or type(changed) is not int or changed < 0:
        raise FormatError(f"{folder}: the manifest is not as expected (views): {ADVICE}")
    expected = np.concatenate([alive(s, dead.get(s.number, ())) for s in segments])
    n = len(expected)
    keys = load_array(folder, manifest, f"{place}/keys.npy", ("int64",), (n,))
    if not np.array_equal(np.sort(keys), expected):
        raise FormatError(f"{folder / place / 'keys.npy'} does not fit the segments: {ADVICE}")
    lengths = load_array(folder, manifest, f"{place}/lengths.npy", ("float32",), (n, 2))
    idf = load_array(folder, manifest, f"{place}/idf.npy", ("float32",), (n_words,))
    for name, array in (("lengths", lengths), ("idf", idf)):
        if not (np.isfinite(array).all() and (array >= 0).all()):
            path = folder / place / f"{name}.npy"
            raise FormatError(f"{path} holds NaN, infinite or negative numbers: {ADVICE}")
    return keys, Weights(idf, lengths, changed)
