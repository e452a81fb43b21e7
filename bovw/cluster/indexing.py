"""Indexing with other machines: workers read and describe pictures, this machine commits them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import islice
from pathlib import Path
from typing import Any

from ..engine import PICTURES_AT_ONCE, Changes, Described, Engine, spare_cache
from ..engine import update_index as update_locally
from ..errors import ClusterError, StorageError, some
from ..index import Index
from ..parallel import progress_bar
from ..pictures import Failure, Paths, PictureFile
from ..settings import Settings, checked_arguments
from ..storage import close_incoming, digest_at, discard_batch, open_incoming, read_batch
from ..vocabulary import Vocabulary
from .connection import Cluster, LostError
from .worker import describe, identity

_AHEAD = 2  # batches for each thread of the workers: one at work, one waiting


@checked_arguments
def update_index(
    path: str | os.PathLike[str],
    pictures: Paths,
    *,
    scheduler: str,
    vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    preset: str | None = None,
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    overwrite: bool = False,
    on_error: str = "record",
    cache: str | os.PathLike[str] | None = None,
    trusted: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> tuple[Engine, Changes]:
    """Index pictures into a folder as `bovw.update_index` does, with the workers of a cluster.

    Workers read the pictures, extract their features, and assign them to words. They write what an
    index keeps of them beside the index. This process alone takes it over and commits it, in the
    order of the files, so the result is the index that one machine makes, byte for byte if all
    machines compute alike (the same software and kind of processor).

    When a worker is lost, others do its work. A picture that costs several workers their lives
    becomes a failure. Workers may come and go.

    Parameters
    ----------
    path : path
        Workers must see it at the same path, and may write there.
    pictures : path or iterable of paths
        Workers must see these at the same paths.
    scheduler : str
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``.
    cache : path, optional
        Must be shared, too.
    n_jobs : int, optional
        How many pictures this machine reads in parallel when it trains a vocabulary.
    vocabulary, settings, preset, root, patterns, sync, retry, overwrite
        See `bovw.update_index`.
    on_error, trusted, progress
        See `bovw.update_index`. An extractor of your own cannot be sent to workers.

    Returns
    -------
    Engine
    Changes

    Raises
    ------
    ClusterError
        When the scheduler does not answer, has no workers, or is lost.
    IncompatibleError
        When bovw or OpenCV have another version on a worker.
    StorageError
        When a worker does not see the pictures or the index.
    MissingPackageError
        When distributed is not installed.
    """
    cache = None if cache is None else os.path.abspath(os.fsdecode(cache))
    with Cluster(scheduler) as cluster:
        describer = Describer(
            cluster, on_error=on_error, cache=cache, trusted=trusted, progress=progress
        )
        return update_locally(
            path,
            pictures,
            vocabulary=vocabulary,
            settings=settings,
            preset=preset,
            root=root,
            patterns=patterns,
            sync=sync,
            retry=retry,
            overwrite=overwrite,
            on_error=on_error,
            cache=cache,
            trusted=trusted,
            n_jobs=n_jobs,
            progress=progress,
            describer=describer,
        )


class Describer:
    """Lets workers describe pictures; a `bovw.engine.Describe`.

    Parameters
    ----------
    cluster : Cluster
    on_error, cache, trusted, progress
        See `update_index`.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        on_error: str,
        cache: str | None,
        trusted: bool,
        progress: bool,
    ) -> None:
        self._cluster, self._progress = cluster, progress
        self._how = {
            "on_error": on_error,
            "cache": cache,
            "trusted": trusted,
        }

    def __call__(
        self, files: Sequence[PictureFile], index: Index, folder: Path | None
    ) -> Iterator[Sequence[Described | Failure]]:
        if folder is None:
            raise ClusterError("an index in memory is not seen by workers: use a folder")
        folder = Path(os.path.abspath(folder))
        if files:
            open_incoming(folder)
            there = [file.path for file in (files[0], files[-1]) if file.size]
            self._cluster.check([str(folder), *there])
            yield from self._described(files, index, folder)
            close_incoming(folder)

    def _described(
        self, files: Sequence[PictureFile], index: Index, folder: Path
    ) -> Iterator[Sequence[Described | Failure]]:
        spare = spare_cache(folder)
        job = {
            **self._how,
            "cache": self._how["cache"] or (str(spare) if spare.is_dir() else None),
            "folder": str(folder),
            "digest": digest_at(folder / "vocabulary"),
            "settings": index.settings.to_dict(),
            "identity": identity(),
        }
        starts = iter(range(0, len(files), PICTURES_AT_ONCE))
        under_way: deque[tuple[Sequence[PictureFile], Any]] = deque()
        counted = range(len(files))
        ticks = iter(progress_bar(counted, "reading pictures") if self._progress else counted)
        try:
            while True:
                threads = sum(self._cluster.workers().values())
                for start in starts:
                    batch = files[start : start + PICTURES_AT_ONCE]
                    under_way.append((batch, self._submitted(job, batch)))
                    if len(under_way) >= _AHEAD * max(1, threads):
                        break
                if not under_way:
                    next(ticks, None)  # the end of the progress
                    return
                batch, future = under_way[0]
                for done in self._done(job, batch, future):
                    yield self._entries(done, index, folder)
                    discard_batch(folder, done["name"])
                under_way.popleft()
                for _ in islice(ticks, len(batch)):
                    pass
        finally:
            self._cluster.cancel([future for _, future in under_way])

    def _submitted(self, job: dict[str, Any], files: Sequence[PictureFile]) -> Any:
        return self._cluster.submit(describe, {**job, "files": [astuple(file) for file in files]})

    def _done(
        self, job: dict[str, Any], files: Sequence[PictureFile], future: Any
    ) -> Iterator[dict[str, Any]]:
        """Wait for a batch; if it costs several workers their lives, halve it to find out why.

        A batch with `failure` is the picture that does.
        """
        try:
            yield self._cluster.result(future)
        except LostError as error:
            if len(files) > 1:
                half = len(files) // 2
                for part in (files[:half], files[half:]):
                    yield from self._done(job, part, self._submitted(job, part))
                return
            (file,) = files
            reason = (
                "several workers were lost while they read it (out of memory?); make it smaller, "
                "lower images.max_pixels, or leave it out"
            )
            if job["on_error"] == "raise":
                raise ClusterError(f"{file.path}: {reason}") from error
            lost = Failure(file.identifier, file.path, reason, file.size, file.mtime_ns)
            yield {"name": "", "failure": lost}

    def _entries(
        self, batch: dict[str, Any], index: Index, folder: Path
    ) -> list[Described | Failure]:
        if "failure" in batch:
            return [batch["failure"]]
        hidden = [path for path in batch["unseen"] if Path(path).exists()]
        if hidden:
            raise StorageError(
                f"the worker {batch['machine']} does not see {some(hidden, 2)}: mount the same "
                "folders at the same paths on all machines, and repeat the command"
            )
        expected = batch["size"], batch["crc"]
        return [
            entry
            if isinstance(entry, Failure)
            else Described(*entry, batch["left_out"].get(entry[0].identifier, 0))
            for entry in read_batch(folder, batch["name"], index.vocabulary.n_words_, expected)
        ]
