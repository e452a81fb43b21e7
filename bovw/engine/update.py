"""Creates an index of folders of pictures, or brings an existing one up to date."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import Any

from ..errors import (
    ExistsError,
    FormatError,
    IncompatibleError,
    StorageError,
    TrainingError,
)
from ..features import Extractor
from ..files import write_text
from ..pictures import Paths, PictureFile, find_pictures, folders_of, listed
from ..settings import Settings, checked_arguments
from ..storage import (
    NEW,
    check_target,
    content_of,
    digest_at,
    discard_folder,
    discard_room,
    holds_index,
    is_there,
    is_vacant,
    locked,
    may_discard_old,
    read_manifest,
    replace_folder,
    room_for_another,
    rooms_for_another,
    tidy,
)
from ..vocabulary import Vocabulary, train_on_files
from .engine import Engine
from .ingestion import (
    check_on_error,
    described,
    empty_index,
    fitting_settings,
    kind_of,
    opened_vocabulary,
    wants_training,
)
from .plan import Changes, looked_up
from .words import Describe

# File in a working folder (see `room_for_another`) that holds the digest of the finished new index.
# After the exchange with the old index it tells which of the two lies there.
_MADE = "made"
_MADE_BYTES = 1 << 10
_MANY = 100_000


@checked_arguments
def update_index(
    path: str | os.PathLike[str],
    pictures: Paths,
    *,
    vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    preset: str | None = None,
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    overwrite: bool = False,
    on_error: str = "record",
    extractor: Extractor | None = None,
    cache: str | os.PathLike[str] | None = None,
    trusted: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
    describer: Describe | None = None,
) -> tuple[Engine, Changes]:
    """Index pictures into a folder: create an index there, or update the one that exists.

    Called again after an interruption, it continues where it stopped. Memory use does not grow
    with the number of pictures.

    Parameters
    ----------
    path : path
    pictures, root, patterns
        See `find_pictures`.
    vocabulary, settings, preset
        See `Engine.build`; they are for a new index. An existing index has its own, and any that
        are given must be equal to them.
    sync : bool
        Also remove pictures whose files are gone; see `Engine.sync`.
    retry : bool
        Read files again that failed before.
    overwrite : bool
        Build a new index from the start, and replace the old one when the new one is complete.
        After an interruption, the same call continues where it stopped.
    trusted : bool
        See `Engine.open`.
    on_error, extractor, cache, n_jobs, progress
        See `Engine.build`.
    describer : callable, optional
        Reads the pictures in the place of this machine; see `bovw.cluster.update_index`.

    Returns
    -------
    Engine
    Changes

    Raises
    ------
    IncompatibleError
        When the existing index has another vocabulary or other settings than those given.
    LockedError
        When another process is changing the index.
    """
    target = Path(path).absolute()  # the working folders lie in the same parent folder
    pictures = listed(pictures)
    check_on_error(on_error)
    about = described(extractor)
    wants_own = wants_training(vocabulary)
    vocabulary = opened_vocabulary(
        vocabulary, trusted=trusted, n_jobs=n_jobs, output=target, kind=kind_of(about)
    )
    tidy(target)
    vacant = is_vacant(target)
    if (overwrite and not vacant) or (vacant and rooms_for_another(target)):
        check_target(target, overwrite, "bovw-index")
        files = find_pictures(pictures, root=root, patterns=patterns)
        chosen = fitting_settings(settings, preset or "strong", vocabulary, about)
        key = _key(files, vocabulary, chosen, on_error, about)
        lock = nullcontext() if vacant else locked(target)  # vacant: there is no index to lock
        with lock, _room_for_another(target, key, trusted) as room:
            made, changes = update_index(
                room / NEW,
                pictures,
                vocabulary=vocabulary,
                settings=settings,
                preset=preset,
                root=root,
                patterns=patterns,
                on_error=on_error,
                retry=retry,
                extractor=extractor,
                cache=cache,
                trusted=trusted,
                n_jobs=n_jobs,
                progress=progress,
                describer=describer,
            )
            if len(made.index.segment_sizes) > 1:
                made.compact()
            read_manifest(room / NEW)  # never replace an index with a damaged one
            write_text(room / _MADE, made.index.digest)
            replace_folder(target, room, overwrite and not vacant)
        return (
            Engine.open(target, trusted=trusted, extractor=extractor, n_jobs=n_jobs),
            changes,
        )
    # Training keeps its features here, so that indexing need not extract them again, even after a
    # crash.
    spare = spare_cache(target)
    if holds_index(target):
        engine = Engine.open(target, trusted=trusted, extractor=extractor, n_jobs=n_jobs)
        check_same(engine, vocabulary, settings, preset, wants_own)
    else:
        check_target(target, kind="bovw-index")
        chosen = fitting_settings(settings, preset or "strong", vocabulary, about)
        files = find_pictures(pictures, root=root, patterns=patterns)
        # No other process may train a vocabulary for the same target.
        with locked(spare, make=True) if vocabulary is None else nullcontext():
            if vocabulary is None:
                cache = cache or spare
                try:
                    vocabulary = train_on_files(
                        files,
                        chosen,
                        sized=True,
                        on_error=on_error,
                        extractor=extractor,
                        cache=cache,
                        n_jobs=n_jobs,
                        progress=progress,
                    )
                except TrainingError:  # too few pictures: keeping them would not help
                    shutil.rmtree(spare, ignore_errors=True)
                    raise
            try:
                engine = Engine.create(
                    target, vocabulary, settings=chosen, extractor=extractor, n_jobs=n_jobs
                )
            except ExistsError:  # another process has just created it
                if not holds_index(target):
                    raise
                engine = Engine.open(target, trusted=trusted, extractor=extractor, n_jobs=n_jobs)
                check_same(engine, vocabulary, settings, preset)
    before = len(engine.index.segment_sizes)
    changes = engine._add(
        find_pictures(pictures, root=root, patterns=patterns),
        prune=folders_of(pictures) if sync else (),
        on_error=on_error,
        retry=retry,
        cache=cache or (spare if is_there(spare) else None),
        progress=progress,
        describer=describer,
    )
    # Searching one segment is a little faster; of many pictures, it would take long to write.
    if not before and len(engine.index.segment_sizes) > 1 and len(engine) <= _MANY:
        engine.compact()
    shutil.rmtree(spare, ignore_errors=True)
    return engine, changes


def spare_cache(target: Path) -> Path:
    """Folder beside an index in which training keeps the features of its pictures until the end."""
    return target.parent / f".{target.name}.features"


def _key(
    files: Sequence[PictureFile],
    vocabulary: Vocabulary | None,
    settings: Settings,
    on_error: str,
    description: Mapping[str, Any] | None,
) -> str:
    """Hash everything that decides the content of an index: only an equal call may continue it."""
    seen: list[Any] = [(file.identifier, file.path) for file in files]
    if vocabulary is None:  # it will be trained on the files, so their size and time matter
        seen = [astuple(looked_up(file)) for file in files]
    words = "" if vocabulary is None else vocabulary.fingerprint
    asked = [settings.to_dict(), words, on_error, seen]
    if description is not None:
        asked.append(dict(description))
    return hashlib.sha256(json.dumps(asked).encode("ascii")).hexdigest()


@contextmanager
def _room_for_another(target: Path, key: str, trusted: bool) -> Iterator[Path]:
    """Give a working folder in which a new index is built, next to the index it will replace.

    It holds what an interrupted run with the same `key` has built. Working folders of other keys
    are removed, and so is a damaged index in this one, or an old index that was just replaced. As
    long as the index at `target` is not known to be sound, nothing is removed.
    """
    mine = room_for_another(target, key)
    for room in rooms_for_another(target):
        if room != mine:
            discard_room(room, target)
    with locked(mine):
        if holds_index(mine / NEW) and not _goes_on(mine, trusted):
            if not may_discard_old(target):
                raise StorageError(
                    f"{mine / NEW} may be the only sound index, because {target} is damaged, of "
                    "another version, or could not be looked at: move it away, or remove it"
                )
            discard_folder(mine / NEW, target)
        (mine / _MADE).unlink(missing_ok=True)
        yield mine


def _goes_on(room: Path, trusted: bool) -> bool:
    made = room / _MADE
    if is_there(made) and content_of(made, _MADE_BYTES) != digest_at(room / NEW).encode():
        return False
    try:
        Engine.open(room / NEW, trusted=trusted)  # its extractor was compared by the key
    except (FormatError, IncompatibleError):
        return False
    return True


def check_same(
    engine: Engine,
    vocabulary: Vocabulary | None,
    settings: Settings | None,
    preset: str | None,
    wants_own: bool = False,
) -> None:
    """Raise an IncompatibleError when an index has another vocabulary or other settings."""
    advice = "leave it out, or overwrite the index"
    if wants_own and "name" in (engine.vocabulary.made_with_ or {}):
        raise IncompatibleError(
            f"{engine.folder} has the vocabulary in the box, not one of its own: {advice}"
        )
    if vocabulary is not None and vocabulary.fingerprint != engine.vocabulary.fingerprint:
        raise IncompatibleError(
            f"{engine.folder} has another vocabulary than the one given: {advice}"
        )
    if settings is not None or preset is not None:
        about = None if engine.index.is_ours else engine.index.descriptor
        chosen = fitting_settings(settings, preset or "strong", engine.vocabulary, about)
        if empty_index(engine.vocabulary, chosen).settings != engine.settings:
            raise IncompatibleError(
                f"{engine.folder} was made with other settings than those given: {advice}"
            )
