"""A random sample of a stream of descriptors, in memory or on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError, TrainingError
from ..features import Descriptors

# Descriptors that are held in memory before they are written to the folder of a sample.
_BYTES_AT_ONCE = 64 << 20


class DescriptorSample:
    """A uniform random sample of a stream of descriptors, in bounded memory.

    Every descriptor gets a random number, and the descriptors with the smallest numbers are kept.
    The numbers depend only on the seed and on the position of the picture.

    Parameters
    ----------
    size : int
        How many descriptors are kept. Up to twice as many are held meanwhile.
    random_state : int
    folder : path, optional
        An empty folder in which the descriptors are held; default: in memory.
    """

    def __init__(self, size: int, random_state: int, folder: Path | None = None) -> None:
        self.size = size
        self.seen = 0
        self._random_state = random_state
        self._folder = folder
        self._drawn: list[NDArray[np.float64]] = []
        self._kept: list[Descriptors] = []
        self._held = 0
        self._limit = np.inf
        self._kind: tuple[np.dtype[np.generic], int] | None = None
        self._written: list[Path] = []

    def add(self, descriptors: Descriptors, position: int) -> None:
        """Add the descriptors ``(n, d)`` of the picture at `position` to the stream."""
        if len(descriptors) == 0:  # how long they would be may not be known
            return
        kind = descriptors.dtype, descriptors.shape[1]
        if self._kind is not None and kind != self._kind:
            raise TrainingError(
                f"descriptors of {kind[1]} values of {kind[0]} after others of "
                f"{self._kind[1]} of {self._kind[0]}: expected one kind"
            )
        self._kind = kind
        self.seen += len(descriptors)
        drawn = np.random.default_rng((self._random_state, position)).random(len(descriptors))
        lucky = drawn < self._limit
        self._drawn.append(drawn[lucky])
        self._kept.append(descriptors[lucky])
        self._held += int(lucky.sum())
        if self._held > 2 * self.size:
            self._shrink()
        elif self._folder is not None and self._bytes(self._kept) > _BYTES_AT_ONCE:
            self._write()

    @staticmethod
    def _bytes(arrays: list[Descriptors]) -> int:
        return sum(array.nbytes for array in arrays)

    def _shrink(self) -> None:
        """Keep only the descriptors with the smallest numbers."""
        drawn = np.concatenate(self._drawn)
        order = np.argsort(drawn, kind="stable")[: self.size]
        if len(order) == self.size:
            self._limit = float(drawn[order[-1]])
        kept = np.zeros(len(drawn), bool)
        kept[order] = True
        self._drawn, self._held = [drawn[kept]], len(order)
        if self._folder is None:
            self._kept = [np.concatenate(self._kept)[kept]]
            return
        self._write()
        first = 0
        for path in self._written:  # one at a time, each is small
            part = np.load(path)
            self._save(path, part[kept[first : first + len(part)]])
            first += len(part)

    def _write(self) -> None:
        if self._folder is not None and self._kept:
            path = self._folder / f"part-{len(self._written):05}.npy"
            self._save(path, np.concatenate(self._kept))
            self._written.append(path)
            self._kept = []

    def _save(self, path: Path, array: Descriptors) -> None:
        try:
            np.save(path, array)
        except OSError as error:
            raise StorageError(
                f"cannot write {path}: {error.strerror}; a sample of {self.size} descriptors needs "
                "room on disk for twice as many"
            ) from error

    def descriptors(self) -> Descriptors:
        """Return the sample ``(n, d)``, at most `size` rows, in the order of the stream.

        With a folder it is memory-mapped from ``sample.npy`` in it, and the stream has ended.
        """
        if self._kind is None:
            return np.zeros((0, 1), np.uint8)
        self._shrink()
        if self._folder is None:
            return self._kept[0]
        path = self._folder / "sample.npy"
        try:
            with path.open("wb") as file:
                np.lib.format.write_array_header_1_0(
                    file,
                    {
                        "descr": np.lib.format.dtype_to_descr(self._kind[0]),
                        "fortran_order": False,
                        "shape": (self._held, self._kind[1]),
                    },
                )
                for part in self._written:
                    np.load(part, mmap_mode="r").tofile(file)
                    part.unlink()
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}; make room") from error
        self._written = []
        mapped: Descriptors = np.load(path, mmap_mode="r")
        return mapped
