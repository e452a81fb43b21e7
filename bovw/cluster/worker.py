"""What workers do: the functions that this package calls there.

They take and give paths, arrays, numbers and texts. What they hold (vocabularies, segments) is only
kept so that it need not be opened again: a worker that is lost takes nothing with it.
"""

from __future__ import annotations

import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import split_keys
from ..engine import Described, described_by
from ..errors import ClusterError, IncompatibleError, StorageError
from ..features import extract_files
from ..index import Index
from ..parallel import limited_threads
from ..pictures import Failure, PictureFile, is_gone
from ..search import Correspondences, QueryFeatures, Sought, Weights
from ..settings import CandidateSettings, Settings, versions
from ..storage import digest_at, load_index, load_vocabulary, write_batch
from ..vocabulary import Vocabulary

Held = TypeVar("Held")
_MOST_HELD = 32


@lru_cache(maxsize=1)
def identity() -> dict[str, str]:
    """Versions of the software on this machine that decides answers."""
    import cv2

    found = {n: v for n, v in versions().items() if n != "opencv-python-headless"}
    return {**found, "opencv": cv2.__version__}


def check_same(expected: Mapping[str, str], found: Mapping[str, str], worker: str) -> None:
    """Raise an IncompatibleError when a worker has another bovw or OpenCV than who asks it."""
    for name in ("bovw", "opencv"):
        if found[name] != expected[name]:
            raise IncompatibleError(
                f"the worker {worker} has {name} {found[name]}, the machine that asks it "
                f"{expected[name]}: install the same version on all machines"
            )


def look(paths: Sequence[str]) -> dict[str, Any]:
    """Tell which software this machine has, and which of some paths it does not see."""
    return {"identity": identity(), "missing": [p for p in paths if not Path(p).exists()]}


def describe(job: Mapping[str, Any]) -> dict[str, Any]:
    """Read pictures, describe them by words, and write them as a batch beside the index.

    Parameters
    ----------
    job : mapping
        `folder` of the index and the `digest` of its vocabulary; `settings`; `files`, each as the
        values of a PictureFile; `on_error`, `cache` and `trusted`; `identity`: the software that
        is expected.

    Returns
    -------
    dict
        `name`, `size` and `crc` of the batch; `left_out` by identifier; `unseen`: files that are
        not there on this machine; `machine`: its name.
    """
    _check_here(job["identity"])
    folder, settings = Path(job["folder"]), Settings.from_dict(job["settings"])
    files = [PictureFile(*values) for values in job["files"]]
    words = _vocabulary(str(folder / "vocabulary"), job["digest"], job["trusted"])
    entries: list[Any] = []
    left_out: dict[str, int] = {}
    extracted = extract_files(
        files, settings, on_error=job["on_error"], cache=job["cache"], careful=False
    )
    with limited_threads(1):
        for batch in described_by(extracted, words, job["on_error"]):
            for entry in batch:
                if isinstance(entry, Described):
                    entries.append((entry.record, entry.words))
                    left_out[entry.record.identifier] = entry.left_out
                else:
                    entries.append(entry)
    unseen = [one.path for one in entries if isinstance(one, Failure) and is_gone(one.path)]
    name, size, crc = write_batch(folder, entries)
    return {
        "name": name,
        "size": size,
        "crc": crc,
        "left_out": left_out,
        "unseen": unseen,
        "machine": socket.gethostname(),
    }


def near(
    shard: Mapping[str, Any],
    query: Mapping[str, Any],
    sought: Mapping[str, Any],
    allowed: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """Find near histograms in a shard; see `HistogramIndex.part`."""
    heavy = sought["heavy"]
    asked = Sought(**{**sought, "heavy": None if heavy is None else matrix(heavy)})
    return plain(_opened(shard).histograms.part(matrix(query), asked, allowed))


def aggregated_scores(
    shard: Mapping[str, Any],
    picture: Mapping[str, Any],
    positions: NDArray[np.int32],
    settings: Mapping[str, Any],
) -> NDArray[np.float32]:
    """Score pictures of a shard; see `Base.aggregated_scores`."""
    base = _opened(shard).base
    with limited_threads(1):
        return base.aggregated_scores(
            QueryFeatures(**picture), positions, Settings.from_dict(settings)
        )


def matches(
    shard: Mapping[str, Any],
    picture: Mapping[str, Any],
    positions: NDArray[np.int32],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Match a query with pictures of a shard; see `Base.matches`."""
    base = _opened(shard).base
    with limited_threads(1):
        return plain(
            base.matches(QueryFeatures(**picture), positions, Settings.from_dict(settings))
        )


def verifications(
    shard: Mapping[str, Any],
    picture: Mapping[str, Any],
    positions: NDArray[np.int32],
    settings: Mapping[str, Any],
    tentative: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Verify pictures of a shard; see `Base.verifications`."""
    base = _opened(shard).base
    pairs = None if tentative is None else Correspondences(**tentative)
    with limited_threads(1):
        found = base.verifications(
            QueryFeatures(**picture), positions, pairs, Settings.from_dict(settings)
        )
    return [plain(one) for one in found]


def plain(value: Any) -> dict[str, Any]:
    """The fields of a dataclass of arrays and numbers."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


def plain_row(row: sparse.csr_matrix) -> dict[str, Any]:
    """A histogram ``(1, n_words)`` as arrays; `matrix` is the way back."""
    return {"data": row.data, "indices": row.indices, "n_words": int(row.shape[1])}


def matrix(row: Mapping[str, Any]) -> sparse.csr_matrix:
    """A histogram ``(1, n_words)`` from its arrays."""
    ends = [0, len(row["data"])]
    return sparse.csr_matrix((row["data"], row["indices"], ends), shape=(1, row["n_words"]))


class _Holder:
    """Keeps what was opened last; each thing is opened by one thread, while others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Held]) -> Held:
        with self._lock:
            if key not in self._held:
                made = make()
                while len(self._held) >= _MOST_HELD:
                    self._held.popitem(last=False)
                self._held[key] = made
            self._held.move_to_end(key)
            found: Held = self._held[key]
            return found


_HOLDER = _Holder()


def _check_here(expected: Mapping[str, str]) -> None:
    """Refuse work of a machine with another bovw or OpenCV; a worker may have come later."""
    check_same(expected, identity(), socket.gethostname())


def _vocabulary(folder: str, digest: str, trusted: bool) -> Vocabulary:
    def make() -> Vocabulary:
        _check_digest(Path(folder), digest)
        return load_vocabulary(folder, trusted=trusted)

    return _HOLDER.get(("vocabulary", folder, digest, trusted), make)


def _opened(shard: Mapping[str, Any]) -> Index:
    """Open some segments of an index, with the weights of the whole index."""

    def make() -> Index:
        _check_here(shard["identity"])
        folder, numbers = Path(shard["folder"]), list(shard["segments"])
        _check_digest(folder, shard["digest"])
        index = load_index(folder, trusted=shard["trusted"])
        if index.digest != shard["digest"]:
            _check_digest(folder, shard["digest"])
            raise ClusterError(f"{folder} was changed while it was opened: try again")
        whole = index.weights
        mine = np.isin(split_keys(index.collection.keys)[0], numbers)
        graphs = [g for g in index.graphs if np.isin(split_keys(g.keys)[0], numbers).any()]
        part = replace(
            index,
            segments=tuple(s for s in index.segments if s.number in numbers),
            settings=replace(index.settings, candidates=CandidateSettings(**shard["candidates"])),
            graphs=tuple(graphs),
            stored_keys=index.collection.keys[mine],
            stored_weights=Weights(whole.idf, whole.lengths[mine], whole.changed),
        )
        part.histograms.wait()
        return part

    key = "shard", shard["folder"], shard["digest"], tuple(shard["segments"])
    return _HOLDER.get((*key, tuple(sorted(shard["candidates"].items())), shard["trusted"]), make)


def _check_digest(folder: Path, digest: str) -> None:
    """Raise when a folder is not there on this machine, or is of another generation."""
    found = digest_at(folder)
    if found == digest:
        return
    if not folder.exists():
        raise StorageError(
            f"the worker {socket.gethostname()} does not see {folder}: mount the same folders at "
            "the same paths on all machines"
        )
    raise IncompatibleError(
        f"{folder} has changed since it was opened, or the worker {socket.gethostname()} sees "
        "another folder there: open the index again (refresh)"
    )
