"""What changes an index, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ..collection import SegmentBuilder
from ..pictures import PictureFile
from .index import Index


class Writer(Protocol):
    """Changes an index: `MemoryWriter`, or `storage.IndexWriter`."""

    index: Index

    def commit(self, changed: Index) -> Index:
        """Make another index the present one, and return it as it is kept."""

    def compact(self) -> Index:
        """Merge all segments to one."""

    def builder(
        self, wanted: Sequence[PictureFile], *, retry: bool = False
    ) -> AbstractContextManager[tuple[SegmentBuilder, list[PictureFile]]]:
        """Give what collects pictures, and which of those that are wanted it has not yet."""


class MemoryWriter:
    """Changes an index that lies nowhere.

    Attributes
    ----------
    index : Index
    """

    def __init__(self, index: Index) -> None:
        self.index = index

    def commit(self, changed: Index) -> Index:
        """Make another index the present one."""
        self.index = changed
        return changed

    def compact(self) -> Index:
        """Merge all segments to one."""
        return self.commit(self.index.compacted())

    @contextmanager
    def builder(
        self, wanted: Sequence[PictureFile], *, retry: bool = False
    ) -> Iterator[tuple[SegmentBuilder, list[PictureFile]]]:
        """Give what collects pictures; it has none yet."""
        yield SegmentBuilder(self.index.vocabulary.n_words_), list(wanted)
