"""The engine: creates, changes and searches an index of pictures."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ..errors import SettingsError
from ..features import Extractor, Features
from ..groups import LEVELS, Groups, checked_level, group_pictures, keeper_order
from ..index import augment_index
from ..parallel import limited_threads
from ..pictures import Paths, find_pictures
from ..settings import Settings, checked_arguments
from ..storage import load_index, save_index
from ..vocabulary import Vocabulary, train_on_files
from .editor import Editor
from .given import described_features, fitting_vocabulary
from .grouping import known_links, linked
from .ingestion import (
    check_on_error,
    described,
    empty_index,
    fitting_settings,
    kind_of,
    opened_vocabulary,
)
from .searcher import Also

_log = logging.getLogger("bovw.engine")


class Engine(Editor):
    """An index of pictures that can be searched with a query picture, and changed.

    `Engine.build` makes an index in memory, `Engine.create` makes an empty one in a folder, and
    `Engine.open` opens one that already exists in a folder.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        How many pictures have their features extracted in parallel; -1: one for each core.
    folder : path, optional
        Folder of the index; every change is written there immediately.
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

    # Making, saving and opening

    @classmethod
    @checked_arguments
    def build(
        cls,
        pictures: Paths,
        *,
        vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        preset: str = "strong",
        root: str | os.PathLike[str] | None = None,
        patterns: Sequence[str] | None = None,
        on_error: str = "record",
        extractor: Extractor | None = None,
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> Engine:
        """Index pictures in memory.

        Parameters
        ----------
        pictures, root, patterns
            See `find_pictures`.
        vocabulary : Vocabulary, path, "builtin" or "own", optional
            One that was trained before, or its folder, or a file of centres (see `own_words`).
            "builtin" is the vocabulary that comes with this package: it needs no training, and
            indexes that have it can be merged (`merge_indexes`). With "own", and by default, a
            vocabulary is trained on these pictures. Its number of words then depends on how many
            features they have.
        settings : Settings, optional
            Without them, the settings of `preset` are used. The settings of images and features
            are then those that the vocabulary was trained with, if it records them.
        preset : str
            Settings to use when `settings` is not given: "strong" (best ranking), "classic"
            (textbook method), "marks" (for registers of logos: also mirrored and negative),
            "fast" (fewer features and candidates), or the path of a JSON file of settings; see
            `load_settings`.
        on_error : {"record", "skip", "raise"}
            What to do with pictures that cannot be read: leave them out and list them in
            `failures`, leave them out silently, or raise an ImageError.
        extractor : Extractor, optional
            What extracts the features, instead of SIFT; see `ExtractorTemplate`. The index
            remembers its description. Neural networks may need many cores for a picture, and are
            copied for each process: use `n_jobs` with care.
        cache : path, optional
            A folder that keeps the extracted features by the content of the picture, so that
            interrupted or repeated work need not extract them again.
        n_jobs : int, optional
            How many pictures are read in parallel; -1: one for each core.
        progress : bool
            Show a progress bar on stderr, if stderr is a terminal.

        Raises
        ------
        IncompatibleError
            When the settings describe pictures differently from the vocabulary.
        """
        check_on_error(on_error)
        about = described(extractor)
        vocabulary = opened_vocabulary(vocabulary, n_jobs=n_jobs, kind=kind_of(about))
        settings = fitting_settings(settings, preset, vocabulary, about)
        files = find_pictures(pictures, root=root, patterns=patterns)
        with ExitStack() as stack:
            if vocabulary is None:
                if cache is None:  # training and indexing use the same features
                    cache = stack.enter_context(tempfile.TemporaryDirectory())
                vocabulary = train_on_files(
                    files,
                    settings,
                    sized=True,
                    on_error=on_error,
                    extractor=extractor,
                    cache=cache,
                    n_jobs=n_jobs,
                    progress=progress,
                )
            engine = cls(empty_index(vocabulary, settings, about), n_jobs=n_jobs)
            engine.extractor = extractor
            engine._add(files, on_error=on_error, cache=cache, progress=progress)
        return engine

    @classmethod
    @checked_arguments
    def create(
        cls,
        path: str | os.PathLike[str],
        vocabulary: Vocabulary | str | os.PathLike[str],
        *,
        settings: Settings | None = None,
        preset: str = "strong",
        overwrite: bool = False,
        extractor: Extractor | None = None,
        n_jobs: int | None = None,
    ) -> Engine:
        """Make an index without pictures in a folder; `add` then fills it.

        Added pictures are written to disk as they are indexed, so memory use does not grow with
        their number. After an interruption, pictures that were already indexed are not indexed
        again.

        Parameters
        ----------
        path : path
        vocabulary, settings, preset, extractor, n_jobs
            See `build`.
        overwrite : bool
            See `save`.
        """
        about = described(extractor)
        words = opened_vocabulary(vocabulary, n_jobs=n_jobs, output=path, kind=kind_of(about))
        if words is None:
            raise SettingsError(
                f"vocabulary={vocabulary!r}: an index without pictures has none to train on; give "
                "one that was trained before, or 'builtin'"
            )
        settings = fitting_settings(settings, preset, words, about)
        save_index(path, empty_index(words, settings, about), overwrite=overwrite)
        return cls.open(path, extractor=extractor, n_jobs=n_jobs)

    @classmethod
    @checked_arguments
    def from_features(
        cls,
        features: Mapping[str, Features],
        *,
        origin: str = "given features",
        vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        preset: str = "strong",
        root: str | os.PathLike[str] | None = None,
        on_error: str = "record",
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> Engine:
        """Index pictures in memory by features that were extracted before.

        The index can be searched with features (`search_features`) and with its own pictures
        (`search_stored`); with other pictures only if `extractor` is set, or given to `open`.

        Parameters
        ----------
        features, root, on_error, progress
            See `add_features`.
        origin : str
            Name of what made the features, such as "superpoint". The index remembers it, and
            refuses a vocabulary of another one.
        vocabulary, settings, preset, n_jobs
            See `build`. Settings of pictures and features are not used.
        """
        check_on_error(on_error)
        about = described_features(features, origin)
        vocabulary = fitting_vocabulary(
            features, about, vocabulary, settings, preset, n_jobs=n_jobs, progress=progress
        )
        chosen = fitting_settings(settings, preset, vocabulary, about)
        engine = cls(empty_index(vocabulary, chosen, about), n_jobs=n_jobs)
        engine.add_features(features, root=root, on_error=on_error, progress=progress)
        return engine

    @classmethod
    @checked_arguments
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        verify: str = "quick",
        trusted: bool = True,
        extractor: Extractor | None = None,
        n_jobs: int | None = None,
    ) -> Engine:
        """Open an index in a folder. Its features are memory-mapped, not read into memory.

        Parameters
        ----------
        path : path
        verify : {"quick", "full"}
            "quick" checks the manifest, and the sizes, headers and shapes of the files; "full"
            also checks every byte, by its hash.
        trusted : bool
            Whether nmslib may load its own files. An attacker could craft files that crash
            nmslib; when this is false, they are built again from the rest of the index.
        extractor : Extractor, optional
            The one that the index was made with, if it was not SIFT. Without it, such an index
            cannot read pictures; see `from_features`.
        n_jobs : int, optional

        Raises
        ------
        FormatError
            When the folder holds no index, or a damaged one.
        IncompatibleError
            When the installed OpenCV, or the extractor, computes other descriptors than the one
            that made the index.
        """
        index = load_index(path, verify=verify, trusted=trusted, n_jobs=n_jobs)
        index.check(f"the index {os.fsdecode(path)}", extractor)
        engine = cls(index, n_jobs=n_jobs, folder=path, trusted=trusted)
        engine.extractor = extractor
        if len(engine):
            candidates = index.settings.candidates
            _log.info(
                "%s: %d pictures; candidates are found by the method %r%s",
                os.fsdecode(path),
                len(engine),
                candidates.chosen(len(engine)),
                f" (auto: a graph from {candidates.graph_from} pictures on)"
                if candidates.method == "auto"
                else "",
            )
        return engine

    @checked_arguments
    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the index to a folder, as one segment.

        This engine does not switch to that folder: to change the saved index, open it with
        `open`.

        Raises
        ------
        ExistsError
            When the folder exists and `overwrite` is false. With `overwrite`, the old folder is
            replaced only when the new one is complete.
        """
        save_index(path, self.index, overwrite=overwrite)

    @checked_arguments
    def augmented(self, n_answers: int = 5, *, progress: bool = False) -> Engine:
        """Return an engine in which each picture also has features of the pictures it matches.

        This is database-side augmentation, an offline step: it runs one search for each picture;
        see `augment_index`.
        """
        with limited_threads(1):
            index = augment_index(self.index, n_answers, progress=progress)
        engine = Engine(index, n_jobs=self.n_jobs)
        engine.extractor = self.extractor
        return engine

    @checked_arguments
    def groups(
        self,
        level: str = "copies",
        *,
        keep: str = "largest",
        verify: int | None = None,
        also: Also = "mirror",
        anew: bool = False,
        progress: bool = False,
    ) -> Groups:
        """Group the pictures of the index: copies of one picture, or pictures of one thing.

        Each picture is searched for by its stored features; files are not read. What is a match
        becomes a link, and linked pictures a group, which is cut where it hangs by a thread; see
        `bovw.groups`. For an index in a folder the links are kept there, so that after `add` only
        new pictures are searched for, and either level and all rules are answered at once.

        Parameters
        ----------
        level : {"copies", "same-object"}
            "copies": the same picture, saved again, smaller, turned, mirrored, cropped, or with
            something laid over it. "same-object": pictures that show the same thing.
        keep : str
            Which picture of a group is proposed to be kept: "largest", "oldest" (by the time of the
            file), or "folder:NAME" (one in this folder; of these, the largest).
        verify : int, optional
            See `search`.
        also : str or sequence of str, optional
            Guises in which pictures are also compared; default: mirrored. Each takes about as long
            as the search itself. Without effect for features other than SIFT's.
        anew : bool
            Whether to compare pictures that were compared before, too.
        progress : bool
            Show a progress bar on stderr, if stderr is a terminal.

        Returns
        -------
        Groups
            The largest first. Identical files are copies, also when they have no features.

        Raises
        ------
        SettingsError
            When the level or the rule is unknown, or verification is switched off.
        """
        checked_level(level)
        keeper_order(keep)
        engine = self._comparing(verify, also)
        if engine.settings.geometry.verify == 0:
            raise SettingsError("verify=0: pictures are linked only where geometry agrees")
        links = linked(engine, anew=anew, progress=progress)
        return group_pictures(engine.collection.records, links, level=level, keep=keep)

    def known_groups(self) -> tuple[Groups, ...] | None:
        """Return the groups of each level that `groups` found before, without comparing anything.

        Returns
        -------
        tuple of Groups, or None
            None when pictures were not compared, or not yet all of them, or in another way than by
            default.
        """
        engine = self._comparing(None, "mirror")
        links = known_links(engine)
        if links is None:
            return None
        records = engine.collection.records
        return tuple(
            group_pictures(records, links, level=level, keep="largest") for level in LEVELS
        )

    def _comparing(self, verify: int | None, also: Also) -> Engine:
        """The engine with the settings by which stored pictures are compared with each other."""
        return self.for_search(verify, "none", also if self.index.is_ours else ())

    def info(self) -> dict[str, Any]:
        """Return facts about the index, for JSON."""
        return {
            "n_pictures": len(self),
            "n_failed": len(self.failures),
            "n_without_features": len(self.without_features),
            "n_features": self.collection.n_features,
            "n_duplicates": sum(len(group) - 1 for group in self.duplicates()),
            "n_segments": len(self.index.segment_sizes),
            "n_removed": sum(map(len, self.index.segments)) - len(self),
            "n_words": self.vocabulary.n_words_,
            "descriptor": self.index.descriptor["descriptor"],
            "vocabulary_name": (self.vocabulary.made_with_ or {}).get("name"),
            "vocabulary_fingerprint": self.vocabulary.fingerprint,
            "vocabulary": self.vocabulary.facts(),
            "calibration": None
            if self.index.calibration is None
            else self.index.calibration.to_dict(),
            "candidates": self.settings.candidates.chosen(len(self)),
            "settings": self.settings.to_dict(),
            "versions": self.index.versions,
        }
