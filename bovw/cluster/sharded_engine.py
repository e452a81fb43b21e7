"""`ShardedEngine`: searches an index whose segments are held by the workers of a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from ..engine import BatchSearcher
from ..errors import FormatError
from ..features import Extractor
from ..index import Index
from ..settings import checked_arguments
from ..storage import load_index
from .connection import Cluster
from .shards import ShardedIndex, Shards

Self = TypeVar("Self", bound="ShardedEngine")


class ShardedEngine(BatchSearcher):
    """Searches an index with several machines; answers are exactly those of one machine.

    Each worker holds some segments of the index, memory-mapped from the shared folder. This process
    extracts the features of queries and looks up their words; workers find candidates, score and
    verify them. What depends on all pictures together is that of the whole index. So candidates,
    scores, evidence, decisions and order are those of `bovw.Engine`, once it has loaded its graphs.

    When a worker is lost, others take its segments over, and repeat what it was doing. An index of
    one segment is searched by one worker: `bovw compact` is not for an index that is searched this
    way.

    Use `open`, and `close` at the end, or a ``with`` block.

    Examples
    --------
    >>> with ShardedEngine.open("photos.bovw", "tcp://10.0.0.1:8786") as engine:  # doctest: +SKIP
    ...     print(engine.search("query.jpg"))
    """

    index: Index

    @classmethod
    @checked_arguments
    def open(
        cls: type[Self],
        path: str | os.PathLike[str],
        scheduler: str,
        *,
        trusted: bool = True,
        extractor: Extractor | None = None,
        n_jobs: int | None = None,
    ) -> Self:
        """Open an index in a shared folder, to be searched by the workers of a scheduler.

        Parameters
        ----------
        path : path
            All workers must see it at the same absolute path.
        scheduler : str
            Address of the scheduler, such as ``tcp://10.0.0.1:8786``.
        trusted, extractor, n_jobs
            See `bovw.Engine.open`. The features of queries are extracted by this machine.

        Raises
        ------
        ClusterError
            When the scheduler does not answer, or has no workers.
        IncompatibleError
            When bovw or OpenCV have another version on a worker.
        StorageError
            When a worker does not see the index.
        """
        folder = Path(os.path.abspath(os.fsdecode(path)))
        cluster = Cluster(scheduler)
        try:
            index = _opened(cluster, folder, trusted, n_jobs)
            index.check(f"the index {folder}", extractor)
            engine = cls(index, n_jobs=n_jobs)
        except BaseException:
            cluster.close()
            raise
        engine.extractor = extractor
        return engine

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the scheduler; workers go on."""
        self._shards.cluster.close()

    def refresh(self) -> bool:
        """See changes of the index, and divide it anew among the workers that are there now.

        Return whether the index had changed.
        """
        shards, before = self._shards, self.index.digest
        index = _opened(shards.cluster, shards.folder, shards.trusted, self.n_jobs)
        index.check(f"the index {shards.folder}", self.extractor)
        self.index = self._as_here(index)
        return index.digest != before

    @property
    def _shards(self) -> Shards:
        assert isinstance(self.index, ShardedIndex) and self.index.shards is not None
        return self.index.shards


def _opened(cluster: Cluster, folder: Path, trusted: bool, n_jobs: int | None) -> ShardedIndex:
    cluster.check([str(folder)])
    index = load_index(folder, trusted=trusted, n_jobs=n_jobs)
    if index.stored_weights is None or not len(index.collection):
        raise FormatError(
            f"{folder} is empty, or was written by an older version: 'bovw compact' brings it up "
            "to date"
        )
    return index.as_kind(ShardedIndex, shards=Shards(cluster, index, folder, trusted))
