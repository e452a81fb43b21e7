"""The engine: an index of pictures that is made, searched and changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..index import Index, MemoryWriter, Writer, augment_index
from ..parallel import limited_threads, uninterrupted
from ..pictures import Failure, Paths, PictureFile, find_pictures, folders_of, listed
from ..settings import Settings
from ..storage import index_writer, load_index, save_index
from ..vocabulary import Vocabulary, train_on_files
from .ingestion import (
    check_on_error,
    empty_index,
    fitting_settings,
    ingest,
)
from .plan import (
    Changes,
    duplicates,
    make_plan,
    missing,
    removal,
    summary,
)
from .searcher import Searcher


class Engine(Searcher):
    """An index of pictures that answers which of them show what a query shows.

    Make one with `Engine.build` in memory, with `Engine.create` in a folder, or open one that is
    there with `Engine.open`.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        Pictures whose features are extracted at once; -1: as many as there are cores.
    folder : path, optional
        Where the index lies; changes are written there at once.
    trusted : bool
        See `open`.

    Examples
    --------
    >>> engine = Engine.build("pictures/")            # doctest: +SKIP
    >>> engine.save("pictures.bovw")                  # doctest: +SKIP
    >>> for answer in engine.search("query.jpg"):     # doctest: +SKIP
    ...     print(answer.identifier, answer.score, answer.inliers)
    >>> engine.add("more/")                           # doctest: +SKIP
    """

    def __init__(
        self,
        index: Index,
        *,
        n_jobs: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        trusted: bool = True,
    ) -> None:
        super().__init__(index, n_jobs=n_jobs)
        self.folder = None if folder is None else Path(folder)
        self.trusted = trusted
        self._usual = index.settings  # of the index itself, however this engine searches

    def _with(self, index: Index) -> Engine:
        engine = type(self)(index, n_jobs=self.n_jobs, folder=self.folder, trusted=self.trusted)
        engine._usual = self._usual
        return engine

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Pictures that could not be indexed."""
        return self.index.failures

    # Making, saving and opening

    @classmethod
    def build(
        cls,
        pictures: Paths,
        *,
        vocabulary: Vocabulary | None = None,
        settings: Settings | None = None,
        preset: str = "strong",
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> Engine:
        """Index pictures in memory.

        Parameters
        ----------
        pictures, root, patterns
            See `find_pictures`.
        vocabulary : Vocabulary, optional
            Without it one is trained on the pictures themselves, sized to them.
        settings : Settings, optional
            Without them pictures are described as for the vocabulary, where it says how, and the
            rest is as in `preset`.
        preset : str
            Name of the settings that hold when none are given ("strong", "classic", "fast"), or
            a file of them; see `load_settings`.
        on_error : {"record", "skip", "raise"}
            Leave pictures that cannot be read out and list them in `failures`, leave them out
            without a word, or raise.
        cache : path, optional
            A folder in which features are kept by content, so that interrupted or repeated work
            goes on from there.
        n_jobs : int, optional
            Pictures that are read at once; -1: as many as there are cores.
        progress : bool
            Show progress on stderr when that is a terminal.

        Raises
        ------
        IncompatibleError
            When vocabulary and settings do not fit.
        """
        check_on_error(on_error)
        settings = fitting_settings(settings, preset, vocabulary)
        files = find_pictures(pictures, root=root, patterns=patterns)
        with ExitStack() as stack:
            if vocabulary is None:
                if cache is None:  # pictures are described once, and used twice
                    cache = stack.enter_context(tempfile.TemporaryDirectory())
                vocabulary = train_on_files(
                    files,
                    settings,
                    sized=True,
                    on_error=on_error,
                    cache=cache,
                    n_jobs=n_jobs,
                    progress=progress,
                )
            engine = cls(empty_index(vocabulary, settings), n_jobs=n_jobs)
            engine._add(files, on_error=on_error, cache=cache, progress=progress)
        return engine

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        vocabulary: Vocabulary,
        *,
        settings: Settings | None = None,
        preset: str = "strong",
        overwrite: bool = False,
        n_jobs: int | None = None,
    ) -> Engine:
        """Make an index without pictures in a folder, for `add` to fill.

        Pictures that are added to it are written as they come, so that memory does not grow with
        their number, and what was done before an interruption is not done again.

        Parameters
        ----------
        path : path
        vocabulary, settings, preset, n_jobs
            See `build`.
        overwrite : bool
            See `save`.
        """
        settings = fitting_settings(settings, preset, vocabulary)
        save_index(path, empty_index(vocabulary, settings), overwrite=overwrite)
        return cls.open(path, n_jobs=n_jobs)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        verify: str = "quick",
        trusted: bool = True,
        n_jobs: int | None = None,
    ) -> Engine:
        """Open an index in a folder; its features are mapped, not read.

        Parameters
        ----------
        path : path
        verify : {"quick", "full"}
            Check manifest, sizes, headers and shapes; or every byte as well.
        trusted : bool
            Whether nmslib may load its own files. Somebody who wishes you ill could make some that
            crash it; they are made anew from the rest when this is false.
        n_jobs : int, optional

        Raises
        ------
        FormatError
            When it is not an index, or is damaged.
        IncompatibleError
            When this OpenCV describes pictures differently from the one it was made with.
        """
        index = load_index(path, verify=verify, trusted=trusted, n_jobs=n_jobs)
        index.check(f"the index {os.fsdecode(path)}")
        return cls(index, n_jobs=n_jobs, folder=path, trusted=trusted)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the index to a folder, as one segment.

        The engine itself stays where it is: open the folder to change what lies there.

        Raises
        ------
        ExistsError
            When the folder exists and `overwrite` is false. It is replaced only when the new one
            is complete.
        """
        save_index(path, self.index, overwrite=overwrite)

    def augmented(self, n_answers: int = 5, *, progress: bool = False) -> Engine:
        """Return an engine whose pictures also have the features of those that they match.

        An offline step that searches once for each picture; see `augment_index`.
        """
        with limited_threads(1):
            index = augment_index(self.index, n_answers, progress=progress)
        return Engine(index, n_jobs=self.n_jobs)

    # Changing

    def add(
        self,
        pictures: Paths,
        *,
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        retry: bool = False,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> Changes:
        """Index pictures that are new, or have changed, as a segment of their own.

        A picture whose identifier is known takes the place of the earlier one. Files of the size
        and time that the index knows are not read. Interrupted by Ctrl-C, what was finished is
        part of the index; after a crash, the next call goes on where it stopped. Readers of the
        same folder see all of a segment, or none. More than forty segments are merged.

        Parameters
        ----------
        pictures, root, patterns
            See `find_pictures`; identifiers should be relative to the same folder as before.
        on_error, cache, progress
            See `build`.
        retry : bool
            Read again what failed before and has not changed since.

        Returns
        -------
        Changes

        Raises
        ------
        LockedError
            When another process is changing the index.
        StorageError
            When it cannot be written.
        """
        files = find_pictures(pictures, root=root, patterns=patterns)
        return self._add(files, on_error=on_error, retry=retry, cache=cache, progress=progress)

    def sync(
        self,
        pictures: Paths,
        *,
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        retry: bool = False,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> Changes:
        """Make the index show what folders hold: `add`, and remove what is no longer there.

        Removed are pictures of the index whose files lay in the folders given and are gone; what
        the index says of failures there is forgotten. Of a folder in which there is no picture now
        nothing is removed, for it may only not be mounted, and a warning says so.
        """
        pictures = listed(pictures)
        files = find_pictures(pictures, root=root, patterns=patterns)
        return self._add(
            files,
            prune=folders_of(pictures),
            on_error=on_error,
            retry=retry,
            cache=cache,
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
        progress: bool,
    ) -> Changes:
        check_on_error(on_error)
        with self._writing() as writer:
            before = writer.index
            plan = make_plan(files, before, retry=retry)
            gone = missing(before, prune, files)
            ingest(
                writer,
                plan,
                gone,
                self._take,
                retry=retry,
                on_error=on_error,
                cache=cache,
                n_jobs=self.n_jobs,
                progress=progress,
                merge=self.folder is not None,
            )
            changes = summary(before, writer.index, plan, gone)
            if on_error == "skip":
                changes = replace(changes, failed=())
            return changes

    def _take(self, index: Index) -> None:
        self.index = index

    def remove(self, identifiers: str | Iterable[str]) -> Changes:
        """Remove pictures, or what is said of failures; bytes stay on disk until `compact`.

        Raises
        ------
        UnknownPictureError
            When the index has not one of them; nothing is removed then.
        LockedError
            When another process is changing the index.
        """
        names = [identifiers] if isinstance(identifiers, str) else list(dict.fromkeys(identifiers))
        with self._writing() as writer:
            changes = removal(writer.index, names)
            if names:
                with uninterrupted():
                    self.index = writer.commit(writer.index.without(names))
        return changes

    def compact(self) -> None:
        """Merge all segments to one, without what was removed or replaced.

        What nmslib searches is made anew; until then it knows nothing of later pictures, which
        are compared one by one.
        """
        with self._writing() as writer, uninterrupted():
            self.index = writer.compact()

    def refresh(self) -> bool:
        """Read what others have changed since the index was opened; False when nothing was."""
        if self.folder is None:
            return False
        index = load_index(self.folder, trusted=self.trusted, n_jobs=self.n_jobs)
        if index.digest == self.index.digest:
            return False
        index.check(f"the index {self.folder}")
        self.index = self._as_here(index)
        return True

    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Groups of identifiers whose pictures are the same, byte for byte."""
        return duplicates(self.collection.records)

    def _as_here(self, index: Index) -> Index:
        """Change the settings of what lies on disk now as this engine's were changed."""
        mine = self.settings.differences(self._usual)
        changed = index.changed(**mine) if mine else index
        self._usual = index.settings
        return changed

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        if self.folder is None:
            yield MemoryWriter(self.index)
            return
        with index_writer(self.folder, self.index, trusted=self.trusted) as writer:
            if writer.index is not self.index:  # somebody else has changed it
                writer.index.check(f"the index {self.folder}")
                self.index = writer.index = self._as_here(writer.index)
            yield writer

    def info(self) -> dict[str, Any]:
        """Return facts about the index, for JSON."""
        return {
            "n_pictures": len(self),
            "n_failed": len(self.failures),
            "n_without_features": int(np.count_nonzero(self.collection.sizes == 0)),
            "n_features": self.collection.n_features,
            "n_duplicates": sum(len(group) - 1 for group in self.duplicates()),
            "n_segments": sum(segment.number > 0 for segment in self.index.segments),
            "n_removed": sum(map(len, self.index.segments)) - len(self),
            "n_words": self.vocabulary.n_words_,
            "vocabulary": self.vocabulary.facts(),
            "settings": self.settings.to_dict(),
            "versions": self.index.versions,
        }
