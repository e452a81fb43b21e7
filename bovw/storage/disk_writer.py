"""Changing an index on disk: one writer, whose changes are there at once or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..collection import SegmentBuilder
from ..errors import IncompatibleError, StorageError
from ..index import Index
from ..pictures import Failure, PictureFile
from ..settings import Settings
from .folders import new_folder_at, sync
from .index_folder import (
    KIND,
    VERSION,
    load_index,
    write_graph,
)
from .journal import JournalledBuilder, read_journal
from .lock import locked
from .manifest import file_facts, parse_manifest, replace_manifest
from .segment_folder import (
    load_segment,
    segment_name,
    write_merged,
    write_segment,
)


@contextmanager
def index_writer(
    path: str | os.PathLike[str], index: Index | None = None, *, trusted: bool = True
) -> Iterator[IndexWriter]:
    """Hold the lock of an index on disk, and give what changes it.

    Parameters
    ----------
    path : path
    index : Index, optional
        What was loaded from there. When somebody has changed it since, or without one, it is
        loaded.
    trusted : bool
        See `load_index`.

    Raises
    ------
    LockedError
        When another process is changing it.
    """
    folder = Path(path)
    with locked(folder) as is_still_there:
        manifest = parse_manifest(folder, KIND, VERSION)
        remove_unlisted(folder, manifest["files"])
        if index is None or index.digest != manifest["digest"]:
            n_jobs = None if index is None else index.vocabulary.n_jobs
            index = load_index(folder, trusted=trusted, n_jobs=n_jobs)
        yield IndexWriter(folder, manifest, index, trusted, is_still_there)


class IndexWriter:
    """Writes changes of an index; see `index_writer`.

    Attributes
    ----------
    folder : Path
    index : Index
        As it lies on disk.
    """

    def __init__(
        self,
        folder: Path,
        manifest: dict[str, Any],
        index: Index,
        trusted: bool,
        is_still_there: Callable[[], bool],
    ) -> None:
        self.folder, self.index = folder, index
        self._is_still_there = is_still_there
        # Nobody else changes it while the lock is held.
        self._manifest, self._trusted = manifest, trusted

    def commit(self, changed: Index) -> Index:
        """Write the segments that the index on disk has not, and make this the next generation.

        Returns
        -------
        Index
            The same, with the new segments mapped from disk.
        """
        known = {segment.number for segment in self.index.segments}
        new = [s for s in changed.segments if s.number and s.number not in known]
        with self._writing():
            for segment in new:
                with self._folder(segment_name(segment.number)) as place:
                    write_segment(place, segment)
            kept = {
                segment_name(s.number): changed.dead.get(s.number, ()) for s in changed.segments
            }
            kept.pop(segment_name(0), None)
            self._publish(kept, self._manifest.get("candidates"))
        n_words = changed.vocabulary.n_words_
        mapped = {
            s.number: load_segment(self.folder, self._manifest, segment_name(s.number), n_words)
            for s in new
        }
        segments = tuple(mapped.get(s.number, s) for s in changed.segments)
        self.index = replace(changed, segments=segments, digest=self._manifest["digest"])
        return self.index

    def compact(self) -> Index:
        """Write the index as one segment, with what nmslib searches, as the next generation."""
        index, number = self.index, self.index.next_number
        name = segment_name(number)
        with self._writing():
            with self._folder(name) as place:
                write_merged(place, index.collection, index.failures, index.vocabulary.n_words_)
            keys = (number << 32) + np.arange(len(index.collection), dtype=np.int64)
            candidates = f"candidates/{number:04d}"
            # An engine may search otherwise than the index says; the graph is the index's.
            usual = self._settings.candidates
            with self._folder(candidates) as place:
                has_graph = usual == index.settings.candidates and write_graph(place, index, keys)
            self._publish({name: ()}, candidates if has_graph else None)
        loaded = load_index(self.folder, trusted=self._trusted, n_jobs=index.vocabulary.n_jobs)
        graph = loaded.graph if usual == index.settings.candidates else None
        self.index = replace(loaded, settings=index.settings, graph=graph)
        return self.index

    @contextmanager
    def builder(
        self, wanted: Sequence[PictureFile], *, retry: bool = False
    ) -> Iterator[tuple[SegmentBuilder, list[PictureFile]]]:
        """Give what collects pictures, with what an interrupted run has left of those wanted.

        Parameters
        ----------
        wanted : sequence of PictureFile
        retry : bool
            Pictures that failed in that run are to be read again.

        Yields
        ------
        builder : SegmentBuilder
        wanted : list of PictureFile
            Those that are left to read.
        """
        n_words = self.index.vocabulary.n_words_
        usual, mine = self._settings, self.index.settings
        if (usual.images, usual.features) != (mine.images, mine.features):
            raise IncompatibleError(
                f"{self.folder} describes pictures by {usual.images} and {usual.features}, this "
                f"engine by {mine.images} and {mine.features}: add through one that was not changed"
            )
        files = {(f.identifier, f.path, f.size, f.mtime_ns): f for f in wanted}
        left = []
        for item in read_journal(self.folder, n_words):
            known = item if isinstance(item, Failure) else item[0]
            key = (known.identifier, known.path, known.size, known.mtime_ns)
            if key in files and not (retry and isinstance(item, Failure)):
                left.append(item)
                del files[key]
        with JournalledBuilder(self.folder, n_words, left) as builder:
            yield builder, list(files.values())

    @property
    def _settings(self) -> Settings:
        """What the index says, whatever the engine searches with."""
        return Settings.from_dict(self._manifest["settings"])

    def _publish(self, segments: Mapping[str, Sequence[int]], candidates: str | None) -> None:
        """Replace the manifest: these are the segments now, and what was removed from them."""
        files: dict[str, Any] = {}
        for name in ("vocabulary", *segments, *([candidates] if candidates else [])):
            # What others have put there since is not the index's.
            known = {n: f for n, f in self._manifest["files"].items() if n.startswith(f"{name}/")}
            new = () if known else sorted((self.folder / name).iterdir())
            files |= known or {f"{name}/{path.name}": file_facts(path) for path in new}
        manifest = {
            **self._manifest,
            "generation": int(self._manifest["generation"]) + 1,
            "segments": [{"name": name, "dead": list(dead)} for name, dead in segments.items()],
            "candidates": candidates,
            "files": files,
        }
        self._check_place()
        self._manifest = {**manifest, "digest": replace_manifest(self.folder, manifest)}
        remove_unlisted(self.folder, files)

    @contextmanager
    def _folder(self, name: str) -> Iterator[Path]:
        """Give an empty folder that takes its place when the block succeeds."""
        target = self.folder / name
        # What is there was left by a failure: the manifest does not list it.
        with new_folder_at(target, overwrite=True) as aside:
            yield aside
        sync(target.parent)

    def _check_place(self) -> None:
        if not self._is_still_there():
            raise StorageError(
                f"{self.folder} was moved or removed while it was being changed; nothing more is "
                "written: do it again where it lies now"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._check_place()
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"cannot write {self.folder}: {error.strerror or error}; what was there is "
                "untouched, make room and go on with the same command"
            ) from error


def unlisted(folder: Path, files: Mapping[str, Any]) -> list[Path]:
    """Segments and graphs that lie in an index and are not in its manifest."""
    listed = {name.rsplit("/", 1)[0] for name in files}
    return [
        path
        for room in ("segments", "candidates")
        for path in sorted((folder / room).glob("*"))
        if f"{room}/{path.name}" not in listed and (path.is_dir() or path.is_symlink())
    ]


def remove_unlisted(folder: Path, files: Mapping[str, Any]) -> None:
    """Remove segments and graphs that the manifest does not list; whoever reads them keeps them."""
    for path in unlisted(folder, files):
        if path.is_symlink():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".manifest.json.*"):
        path.unlink(missing_ok=True)
