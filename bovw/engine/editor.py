"""Changes an index: adds, updates, removes and merges pictures."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

from ..features import Extractor, Features
from ..index import Index, MemoryWriter, Writer
from ..parallel import uninterrupted
from ..pictures import Failure, Paths, PictureFile, find_pictures, folders_of, listed
from ..search import Calibration
from ..settings import checked_arguments
from ..storage import digest_at, index_writer, load_index
from .given import GivenFeatures
from .ingestion import check_on_error, ingest
from .plan import (
    Changes,
    Plan,
    duplicates,
    foreseen,
    make_plan,
    missing,
    removal,
    summary,
)
from .ranker import Ranker
from .words import Describe, describing, in_words

_log = logging.getLogger("bovw.engine")
Self = TypeVar("Self", bound="Editor")


class Editor(Ranker):
    """A `Searcher` whose index can be changed; `bovw.Engine` also makes and opens indexes.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        See `Engine`.
    folder : path, optional
        The folder of the index. Changes are written there immediately.
    trusted : bool
        See `Engine.open`.
    extractor : Extractor, optional
        See `Reader`.
    """

    def __init__(
        self,
        index: Index,
        *,
        n_jobs: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        trusted: bool = True,
        extractor: Extractor | None = None,
    ) -> None:
        super().__init__(index, n_jobs=n_jobs, extractor=extractor, folder=folder, trusted=trusted)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Pictures that could not be indexed."""
        return self.index.failures

    @checked_arguments
    def add(
        self,
        pictures: Paths,
        *,
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        retry: bool = False,
        cache: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        progress: bool = False,
    ) -> Changes:
        """Index pictures that are new or have changed, as a new segment.

        A picture replaces an earlier one with the same identifier. A file is not read when the
        index knows it with the same size and modification time. After Ctrl-C, the pictures that
        were finished are part of the index; after a crash, the next call continues where this one
        stopped. Other processes that read the folder see either the whole new segment or nothing
        of it. In a folder, segments of a similar size are merged when there are ten of them.

        Parameters
        ----------
        pictures, root, patterns
            See `find_pictures`. Identifiers should be relative to the same folder as in earlier
            calls.
        on_error, cache, progress
            See `build`.
        retry : bool
            Read files again that failed before, even if they have not changed since.
        dry_run : bool
            Change nothing, decode no picture, and return what would be done: `added` and `updated`
            are then the pictures that would be decoded. Files whose modification time has changed
            are read, to compare their content.

        Returns
        -------
        Changes

        Raises
        ------
        LockedError
            When another process is changing the index.
        StorageError
            When the index cannot be written.
        """
        files = find_pictures(pictures, root=root, patterns=patterns)
        return self._add(
            files,
            on_error=on_error,
            retry=retry,
            cache=cache,
            dry_run=dry_run,
            progress=progress,
        )

    @checked_arguments
    def sync(
        self,
        pictures: Paths,
        *,
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        retry: bool = False,
        cache: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        progress: bool = False,
    ) -> Changes:
        """Bring the index up to date with folders: `add`, and remove pictures that are gone.

        A picture is removed when its file lay in one of the given folders and no longer exists.
        The index also forgets failures of files that no longer exist there. When a folder holds
        no pictures at all now, nothing in it is removed and a warning says so: the disk may just
        not be mounted.
        """
        pictures = listed(pictures)
        files = find_pictures(pictures, root=root, patterns=patterns)
        return self._add(
            files,
            prune=folders_of(pictures),
            on_error=on_error,
            retry=retry,
            cache=cache,
            dry_run=dry_run,
            progress=progress,
        )

    def _add(
        self,
        files: Sequence[PictureFile],
        *,
        prune: Sequence[str] = (),
        on_error: str,
        retry: bool = False,
        cache: str | os.PathLike[str] | None,
        dry_run: bool = False,
        progress: bool,
        describer: Describe | None = None,
    ) -> Changes:
        """Add files, and remove what is gone; `describer` reads in the place of this machine."""
        check_on_error(on_error)
        self._check_extractor()
        if dry_run:
            self.refresh()
            plan = make_plan(files, self.index, retry=retry)
            return _told(foreseen(self.index, plan, missing(self.index, prune, files)), on_error)
        with self._writing() as writer:
            before = writer.index
            describe = describer or describing(
                before.settings,
                extractor=self.extractor,
                on_error=on_error,
                cache=cache,
                n_jobs=self.n_jobs,
                progress=progress,
            )
            plan = make_plan(files, before, retry=retry)
            gone = missing(before, prune, files)
            return self._carry_out(writer, plan, gone, describe, retry=retry, on_error=on_error)

    def _carry_out(
        self,
        writer: Writer,
        plan: Plan,
        gone: Sequence[str],
        describe: Describe,
        *,
        retry: bool,
        on_error: str,
    ) -> Changes:
        before, merge = writer.index, self.folder is not None
        try:
            ingest(
                writer,
                plan,
                gone,
                self._take,
                describe,
                retry=retry,
                on_error=on_error,
                merge=merge,
            )
        except BaseException:  # the next run knows these failures, so they are told now
            for failure in sorted(
                set(self.index.failures) - set(before.failures), key=lambda f: f.identifier
            ):
                _log.warning("failed: %s: %s", failure.path, failure.reason)
            raise
        changes = _told(summary(before, writer.index, plan, gone), on_error)
        _log.info("%s: %s", self.folder or "an index in memory", changes)
        return changes

    @checked_arguments
    def add_features(
        self,
        features: Mapping[str, Features],
        *,
        root: str | os.PathLike[str] | None = None,
        sync: bool = False,
        on_error: str = "record",
        retry: bool = False,
        dry_run: bool = False,
        progress: bool = False,
    ) -> Changes:
        """Index pictures by features that were extracted before; their files are not read.

        Whether a picture is new or has changed is decided by `Features.sha256`.

        Parameters
        ----------
        features : mapping of str to Features
            By the identifiers of the pictures, such as a dict of `Features.from_arrays`,
            `bovw.exchange.ColmapFeatures` or `HlocFeatures`. A value is taken when it is needed,
            twice if it is new. When taking it raises a BovwError, the picture is a failure.
        root : path, optional
            Folder of the pictures. An identifier is the path of a picture relative to it, with
            ``/``. Default: the paths are not known, and answers have the identifier as path.
        sync : bool
            Also remove the pictures and failures that are not among the features.
        on_error, retry, dry_run, progress
            See `add`.

        Returns
        -------
        Changes

        Raises
        ------
        LockedError
            When another process is changing the index.
        """
        check_on_error(on_error)
        given = GivenFeatures(features, root, progress=progress)

        def planned(before: Index) -> tuple[Plan, list[str]]:
            plan = make_plan(given.files(), before, retry=retry, look=False)
            known = {*self.identifiers, *(failure.identifier for failure in before.failures)}
            return plan, sorted(name for name in known if name not in features) if sync else []

        if dry_run:
            self.refresh()
            return _told(foreseen(self.index, *planned(self.index)), on_error)
        with self._writing() as writer:
            plan, gone = planned(writer.index)
            describe = in_words(partial(given.extract, on_error=on_error), on_error)
            return self._carry_out(writer, plan, gone, describe, retry=retry, on_error=on_error)

    def _take(self, index: Index) -> None:
        self.index = index

    @checked_arguments
    def remove(self, identifiers: str | Iterable[str], *, dry_run: bool = False) -> Changes:
        """Remove pictures, or entries of failures. Their bytes stay on disk until `compact`.

        Parameters
        ----------
        identifiers : str or iterable of str
        dry_run : bool
            Change nothing, and return what would be done.

        Returns
        -------
        Changes

        Raises
        ------
        UnknownPictureError
            When one of the identifiers is not in the index; then nothing is removed.
        LockedError
            When another process is changing the index.
        """
        names = [identifiers] if isinstance(identifiers, str) else list(dict.fromkeys(identifiers))
        if dry_run:
            self.refresh()
            self.index.without(names)  # refuses what is not there
            return removal(self.index, names)
        with self._writing() as writer:
            changes = removal(writer.index, names)
            if names:
                with uninterrupted():
                    self.index = writer.commit(writer.index.without(names))
        _log.info("%s: %s", self.folder or "an index in memory", changes)
        return changes

    @checked_arguments
    def keep(self, calibration: Calibration) -> None:
        """Keep the threshold of a match in the index, and how it was measured.

        All later searches, evaluations and comparisons with this index use it.

        Raises
        ------
        LockedError
            When another process is changing the index.
        """
        with self._writing() as writer, uninterrupted():
            self.index = writer.keep(calibration)

    def compact(self) -> None:
        """Merge all segments into one, and drop pictures that were removed or replaced.

        If the candidate method uses an nmslib graph, the graph is built again. Pictures that were
        added after a graph was built are not in it, and are compared one by one.
        """
        with self._writing() as writer, uninterrupted():
            self.index = writer.merge()

    def refresh(self) -> bool:
        """Load changes that other processes made to the folder; False when there are none."""
        if self.folder is None or (
            self.index.digest and digest_at(self.folder) == self.index.digest
        ):
            return False
        index = load_index(self.folder, trusted=self.trusted, n_jobs=self.n_jobs)
        if index.digest == self.index.digest:
            return False
        index.check(f"the index {self.folder}", self.extractor)
        self.index = self._as_here(index)
        return True

    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Groups of identifiers whose files are identical, byte for byte."""
        return duplicates(self.collection)

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        if self.folder is None:
            yield MemoryWriter(self.index)
            return
        with index_writer(self.folder, self.index, trusted=self.trusted) as writer:
            if writer.index is not self.index:  # another process has changed it
                writer.index.check(f"the index {self.folder}", self.extractor)
                self.index = writer.index = self._as_here(writer.index)
            yield writer


def _told(changes: Changes, on_error: str) -> Changes:
    """Failures are not told to who wants to skip them."""
    return replace(changes, failed=(), failed_before=()) if on_error == "skip" else changes
