"""Changes an index on disk: one writer at a time, and each change is atomic."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..collection import Collection as CollectionOfPictures
from ..collection import SegmentBuilder, keys_of, split_keys
from ..errors import IncompatibleError, StorageError
from ..index import Index
from ..pictures import Failure, PictureFile
from ..search import Calibration
from ..settings import Settings
from .contents.graph_folder import graph_for, graph_name, listed_graphs, write_graph
from .contents.index_folder import (
    KIND,
    VERSION,
    VERSIONS,
    load_index,
    upgraded,
)
from .contents.merging import write_merged
from .contents.segment_folder import load_segment, segment_name, write_segment
from .contents.values import read_settings
from .contents.views_folder import folders_listed, views_entry, write_views
from .folders import new_folder_at
from .incoming import close_incoming, unfinished
from .journal import JournalledBuilder
from .links_file import LINKS
from .lock import locked
from .looking import is_folder, is_link, names_in
from .manifest import digest_at, file_facts, parse_manifest, replace_manifest
from .places import MANIFEST

# Names of segments and graphs, and of working folders next to them.
_OURS = re.compile(r"[0-9]{4,}|\.[0-9]{4,}\..+")


@contextmanager
def index_writer(
    path: str | os.PathLike[str], index: Index | None = None, *, trusted: bool = True
) -> Iterator[IndexWriter]:
    """Hold the lock of an index on disk, and give an `IndexWriter`.

    Parameters
    ----------
    path : path
    index : Index, optional
        The index that was loaded from this folder earlier. Without it, or when the folder has
        changed since, the index is loaded.
    trusted : bool
        See `load_index`.

    Raises
    ------
    LockedError
        When another process is changing the index.
    """
    folder = Path(path)
    with locked(folder) as is_still_there:
        manifest = upgraded(parse_manifest(folder, KIND, VERSIONS))
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
        The index as it is on disk.
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
        # No other process can change the manifest while the lock is held.
        self._manifest, self._trusted = manifest, trusted

    def commit(self, changed: Index) -> Index:
        """Write the segments of `changed` that are not on disk, and publish a new generation.

        Returns
        -------
        Index
            The changed index, with the new segments memory-mapped from disk.
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
            self._publish(kept, listed_graphs(self._manifest), self._write_views(changed))
        n_words = changed.vocabulary.n_words_
        mapped = {}
        # The change is made. A segment that cannot be mapped now stays in memory, with the same
        # content.
        with suppress(StorageError, MemoryError):
            for s in new:
                name = segment_name(s.number)
                mapped[s.number] = load_segment(self.folder, self._manifest, name, n_words)
        segments = tuple(mapped.get(s.number, s) for s in changed.segments)
        self.index = replace(
            changed,
            segments=segments,
            digest=self._manifest["digest"],
            stored_keys=changed.collection.keys,
            stored_weights=changed.weights,
        )
        return self.index

    def keep(self, calibration: Calibration) -> Index:
        """Keep the threshold of a match, and how it was measured, as a new generation."""
        threshold = {"geometry": {"match_evidence": calibration.match_evidence}}
        more = {
            "settings": self._settings.changed(**threshold).to_dict(),
            "calibration": calibration.to_dict(),
        }
        with self._writing():
            kept = {entry["name"]: entry["dead"] for entry in self._manifest["segments"]}
            graphs = listed_graphs(self._manifest)
            self._publish(kept, graphs, self._manifest.get("views"), more)
        self.index = replace(self.index.calibrated(calibration), digest=self._manifest["digest"])
        return self.index

    def merge(self, numbers: Collection[int] | None = None) -> Index:
        """Write some segments as one, with nmslib's graph, as a new generation; default: all."""
        index, number = self.index, self.index.next_number
        merged = [s for s in index.segments if numbers is None or s.number in numbers]
        of, _ = split_keys(index.collection.keys)
        mine = np.isin(of, [segment.number for segment in merged])
        keys = index.collection.keys.copy()
        keys[mine] = keys_of(number, np.arange(np.count_nonzero(mine)))
        part = CollectionOfPictures(tuple(merged), index.collection.keys[mine])
        failures = index.failures_in({segment.number for segment in merged})
        kept = {
            segment_name(s.number): index.dead.get(s.number, ())
            for s in index.segments
            if s not in merged
        }
        gone = {graph_name(segment.number) for segment in merged}
        graphs = [name for name in listed_graphs(self._manifest) if name not in gone]
        # An engine may search with other settings than those on disk. A graph on disk must fit the
        # settings on disk.
        usual = self._settings.candidates == index.settings.candidates
        with self._writing():
            with self._folder(segment_name(number)) as place:
                write_merged(place, part, failures)
            graph = graph_for(index, np.flatnonzero(mine)) if usual else None
            if graph is not None:
                with self._folder(graph_name(number)) as place:
                    write_graph(place, graph, index, keys)
                graphs.append(graph_name(number))
            # The pictures stay in their order. If all are merged, document frequencies are counted
            # anew if need be.
            stale = numbers is None and index.weights.changed > 0
            views = self._write_views(replace(index, stored_weights=None) if stale else index, keys)
            self._publish({**kept, segment_name(number): ()}, graphs, views)
        n_jobs = index.vocabulary.n_jobs
        try:
            loaded = load_index(self.folder, trusted=self._trusted, n_jobs=n_jobs)
        except StorageError as error:
            raise StorageError(f"{self.folder} was compacted, and is sound; but {error}") from error
        self.index = replace(loaded, settings=index.settings, graphs=loaded.graphs if usual else ())
        return self.index

    @contextmanager
    def builder(
        self, wanted: Sequence[PictureFile], *, retry: bool = False
    ) -> Iterator[tuple[SegmentBuilder, list[PictureFile]]]:
        """Give a segment builder that already holds what an interrupted run has finished.

        Parameters
        ----------
        wanted : sequence of PictureFile
            Files to read. Only these are taken over from the interrupted run.
        retry : bool
            Whether files that failed in the interrupted run are read again.

        Yields
        ------
        builder : SegmentBuilder
        wanted : list of PictureFile
            Files that still have to be read.
        """
        n_words = self.index.vocabulary.n_words_
        usual, mine = self._settings, self.index.settings
        if (usual.images, usual.features) != (mine.images, mine.features):
            raise IncompatibleError(
                f"{self.folder} describes pictures by {usual.images} and {usual.features}, this "
                f"engine by {mine.images} and {mine.features}: add with the engine before `changed`"
            )
        files = {(f.identifier, f.path, f.size, f.mtime_ns): f for f in wanted}
        left = []
        for item in unfinished(self.folder, n_words):
            known = item if isinstance(item, Failure) else item[0]
            key = (known.identifier, known.path, known.size, known.mtime_ns)
            if key in files and not (retry and isinstance(item, Failure)):
                left.append(item)
                del files[key]
        with JournalledBuilder(self.folder, n_words, left) as builder:
            close_incoming(self.folder)  # what was there is in the journal now
            yield builder, list(files.values())

    @property
    def _settings(self) -> Settings:
        """Settings on disk; the engine may search with others."""
        return read_settings(self._manifest["settings"])

    def _write_views(self, index: Index, keys: NDArray[np.int64] | None = None) -> dict[str, Any]:
        """Write the views of an index; return their entry for the manifest."""
        name = f"views/{int(self._manifest['generation']) + 1:04d}"
        with self._folder(name) as place:
            write_views(place, index.collection.keys if keys is None else keys, index.weights)
        return views_entry(name, index)

    def _publish(
        self,
        segments: Mapping[str, Sequence[int]],
        graphs: Sequence[str],
        views: Mapping[str, Any] | None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace the manifest; `segments` maps names to the positions of removed entries."""
        files: dict[str, Any] = {}
        for name in folders_listed(segments, graphs, views):
            # Of a folder that is listed already, keep the list: others may have added files to it.
            known = {n: f for n, f in self._manifest["files"].items() if n.startswith(f"{name}/")}
            new = () if known else names_in(self.folder / name)
            if not known and not new:
                raise StorageError(f"{self.folder / name} is gone, though it was just written")
            files |= known or {f"{name}/{n}": file_facts(self.folder / name / n) for n in new}
        manifest = {
            **self._manifest,
            **(more or {}),
            "version": VERSION,
            "generation": int(self._manifest["generation"]) + 1,
            "segments": [{"name": name, "dead": list(dead)} for name, dead in segments.items()],
            "candidates": list(graphs),
            "views": views,
            "files": files,
        }
        self._check_place()
        self._manifest = {**manifest, "digest": replace_manifest(self.folder, manifest)}
        remove_unlisted(self.folder, files)

    @contextmanager
    def _folder(self, name: str) -> Iterator[Path]:
        """Give an empty folder that becomes ``folder / name`` when the block succeeds."""
        target = self.folder / name
        # The manifest does not list this name yet: anything there is a leftover of a failure.
        with new_folder_at(target, overwrite=True) as aside:
            yield aside

    def _check_place(self) -> None:
        if not self._is_still_there():
            raise StorageError(
                f"{self.folder} was moved or removed while it was being changed; nothing more is "
                "written: repeat the command with its new path"
            )
        # These digests may differ after an error, such as a disk that failed just when the manifest
        # had been replaced. To go on could use names of segments twice, and overwrite files.
        known = self._manifest["digest"]
        if not self.index.digest == known == digest_at(self.folder):
            raise StorageError(
                f"an earlier change of {self.folder} by this command was not finished; nothing "
                "more is written: repeat the command"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._check_place()
        try:
            yield
        except MemoryError as error:
            raise StorageError(
                f"cannot write {self.folder}: not enough memory; what was there is untouched, free "
                "some and continue with the same command"
            ) from error
        except OSError as error:
            raise StorageError(
                f"cannot write {self.folder}: {error.strerror or error}; what was there is "
                "untouched, make room and continue with the same command"
            ) from error


def unlisted(folder: Path, files: Mapping[str, Any]) -> list[Path]:
    """Find folders of segments and graphs that lie in an index but are not in its manifest.

    Only those with a name that this program gives; others, such as a copy that somebody made, are
    not ours.
    """
    listed = {name.rsplit("/", 1)[0] for name in files}
    return [
        path
        for room in ("segments", "candidates", "views")
        for name in names_in(folder / room)
        if f"{room}/{name}" not in listed
        and _OURS.fullmatch(name)
        and (is_link(path := folder / room / name) or is_folder(path))
    ]


def remove_unlisted(folder: Path, files: Mapping[str, Any]) -> None:
    """Remove segments and graphs that the manifest does not list; open readers are unaffected.

    Call it only with the files of a manifest that was just read or written, and holding the lock.
    What cannot be looked at or removed now is left to the next change.
    """
    with suppress(OSError, StorageError):
        for path in unlisted(folder, files):
            if is_link(path):
                path.unlink(missing_ok=True)
            else:
                shutil.rmtree(path, ignore_errors=True)
        for name in names_in(folder):
            if name.startswith((f".{MANIFEST}.", f".{LINKS}.")):
                (folder / name).unlink(missing_ok=True)
