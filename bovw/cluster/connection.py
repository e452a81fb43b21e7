"""The connection to the scheduler of a Dask cluster, and to its workers.

Only paths, arrays, numbers and texts are sent to workers, and only functions of `worker.py` are
called there.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ClusterError, IncompatibleError, StorageError, imported, some
from .worker import check_same, identity, look

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:[0-9]{1,5}")
_PATIENCE = 10.0  # seconds to wait for the scheduler, and then for a first worker
_EVERY = 5.0  # seconds after which a wait looks whether there are workers


class LostError(ClusterError):
    """Several workers were lost one after another while they did the same work."""


class Cluster:
    """A connection to the scheduler of a Dask cluster; a context manager, which closes it.

    Parameters
    ----------
    scheduler : str
        Address such as ``tcp://10.0.0.1:8786``. ``tls://`` takes certificates from the
        configuration of Dask (``distributed.comm.tls``).

    Raises
    ------
    ClusterError
        When no scheduler answers there, or when it has no workers.
    MissingPackageError
        When distributed is not installed.
    """

    def __init__(self, scheduler: str) -> None:
        distributed = imported("distributed", "cluster", "a cluster")
        if not _ADDRESS.fullmatch(scheduler):
            raise ClusterError(
                f"scheduler={scheduler!r}: expected an address such as tcp://10.0.0.1:8786, as "
                "'dask scheduler' prints it"
            )
        self.scheduler, self._distributed = scheduler, distributed
        self._closed = imported("distributed.comm", "cluster", "a cluster").CommClosedError
        try:
            self._client: Any = distributed.Client(
                scheduler, timeout=_PATIENCE, set_as_default=False, name="bovw"
            )
        except (OSError, ValueError, TypeError, distributed.TimeoutError) as error:
            raise ClusterError(
                f"no scheduler answers at {scheduler} ({error!s:.300}): start one with 'dask "
                "scheduler', or check its address and certificates"
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except self._distributed.TimeoutError as error:
            self.close()
            raise ClusterError(
                f"the scheduler at {scheduler} has no workers: start some with 'dask worker "
                f"{scheduler}'"
            ) from error

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; scheduler and workers go on."""
        self._client.close()

    def workers(self) -> dict[str, int]:
        """Number of threads of each worker that is there now, by its address."""
        try:
            return dict(self._client.nthreads())
        except (OSError, self._closed) as error:
            raise ClusterError(
                f"the scheduler at {self.scheduler} was lost ({error!s:.200})"
            ) from error

    def check(self, paths: Sequence[str]) -> None:
        """Check that all workers have the software of this machine, and see some paths.

        Packages that hardly change an answer, such as another patch of numpy, give a warning.

        Raises
        ------
        IncompatibleError
            When bovw or OpenCV have another version there.
        StorageError
            When a path that exists here does not exist there.
        """
        mine, found = identity(), self._everywhere(look, list(paths))
        for address, seen in found.items():
            check_same(mine, seen["identity"], address)
            if seen["missing"]:
                raise StorageError(
                    f"the worker {address} does not see {some(seen['missing'], 2)}: mount the "
                    "same folders at the same paths on all machines"
                )
        minor = {
            f"{name} {version} ({mine[name]} here)"
            for seen in found.values()
            for name, version in seen["identity"].items()
            if mine.get(name) != version
        }
        if minor:
            warnings.warn(
                f"workers have other versions: {some(sorted(minor))}; answers should be the same "
                "but for rounding",
                stacklevel=3,
            )

    def _everywhere(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Call a function on each worker; those that are lost meanwhile are left out."""
        futures = {
            address: self._client.submit(function, *arguments, pure=False, workers=[address])
            for address in self.workers()
        }
        found = {}
        for address, future in futures.items():
            while address not in found and (future.done() or address in self.workers()):
                try:
                    found[address] = future.result(timeout=1)
                except self._distributed.TimeoutError:
                    if _timed_out(future):
                        raise
                except ImportError as error:
                    raise IncompatibleError(
                        f"the worker {address} cannot import bovw ({error}): install the same "
                        "version of bovw[cluster] on all workers"
                    ) from error
                except (self._closed, self._distributed.KilledWorker):
                    break
        self.cancel(list(futures.values()))
        return found

    def submit(
        self, function: Callable[..., Any], *arguments: Any, worker: str | None = None
    ) -> Any:
        """Let a worker call a function; return a future for `result`.

        `worker` is the address of the one that should do it, if it is there.
        """
        return self._client.submit(
            function,
            *arguments,
            pure=False,
            workers=None if worker is None else [worker],
            allow_other_workers=worker is not None,
        )

    def result(self, future: Any) -> Any:
        """Wait for a result; raise what the function raised.

        Raises
        ------
        LostError
            When several workers were lost while they did this.
        ClusterError
            When the scheduler was lost.
        """
        alone = False
        while True:
            try:
                return future.result(timeout=_EVERY)
            except self._distributed.TimeoutError:
                if _timed_out(future):
                    raise
                if self._client.status != "running":
                    raise ClusterError(f"the scheduler at {self.scheduler} was lost") from None
                if not alone and not self.workers():
                    alone = True
                    warnings.warn(
                        f"the scheduler at {self.scheduler} has no workers at present: waiting "
                        "for some",
                        stacklevel=2,
                    )
            except self._distributed.KilledWorker as error:
                raise LostError(
                    f"several workers were lost one after another doing the same work "
                    f"({error!s:.200}): look into their logs; did they run out of memory?"
                ) from error
            except (self._closed, self._distributed.CancelledError) as error:
                raise ClusterError(
                    f"the cluster of {self.scheduler} was lost ({error!s:.200}): start it, and "
                    "repeat the command"
                ) from error

    def cancel(self, futures: Sequence[Any]) -> None:
        """Do not begin work whose results nobody waits for any more."""
        if futures and self._client.status == "running":
            self._client.cancel(list(futures), force=True)


def _timed_out(future: Any) -> bool:
    """Whether it was the work that raised a TimeoutError, as a folder of a network may."""
    return future.status == "error" and isinstance(future.exception(), TimeoutError)
