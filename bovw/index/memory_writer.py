"""Writers: the interface to change an index, and the one for an index in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ..collection import SegmentBuilder
from ..pictures import PictureFile
from ..search import Calibration
from .index import Index


class Writer(Protocol):
    """Changes an index: `MemoryWriter`, or `storage.IndexWriter`."""

    index: Index

    def commit(self, changed: Index) -> Index:
        """Make a changed index the current one; return it as the writer stores it."""

    def merge(self, numbers: Collection[int] | None = None) -> Index:
        """Merge segments, all by default, into one."""

    def keep(self, calibration: Calibration) -> Index:
        """Keep the threshold of a match, and how it was measured."""

    def builder(
        self, wanted: Sequence[PictureFile], *, retry: bool = False
    ) -> AbstractContextManager[tuple[SegmentBuilder, list[PictureFile]]]:
        """Give a segment builder, and those of the wanted files that it does not have yet."""


class MemoryWriter:
    """Changes an index in memory, without any files.

    Attributes
    ----------
    index : Index
    """

    def __init__(self, index: Index) -> None:
        self.index = index

    def commit(self, changed: Index) -> Index:
        """Make a changed index the current one."""
        self.index = changed
        return changed

    def merge(self, numbers: Collection[int] | None = None) -> Index:
        """Merge all segments into one; in memory there is no need to merge only some."""
        return self.commit(self.index.compacted())

    def keep(self, calibration: Calibration) -> Index:
        """Keep the threshold of a match, and how it was measured."""
        return self.commit(self.index.calibrated(calibration))

    @contextmanager
    def builder(
        self, wanted: Sequence[PictureFile], *, retry: bool = False
    ) -> Iterator[tuple[SegmentBuilder, list[PictureFile]]]:
        """Give an empty segment builder, and all the wanted files."""
        yield SegmentBuilder(self.index.vocabulary.n_words_), list(wanted)
