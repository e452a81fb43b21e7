"""An index in a folder that follows folders of pictures: made, or brought up to date."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import (
    ExistsError,
    FormatError,
    IncompatibleError,
    LockedError,
    TrainingError,
)
from ..files import write_text
from ..pictures import Paths, PictureFile, find_pictures, listed
from ..settings import Settings
from ..storage import (
    NEW,
    check_target,
    digest_at,
    holds_index,
    is_vacant,
    locked,
    read_manifest,
    replace_folder,
    room_for_another,
    rooms_for_another,
    tidy,
)
from ..vocabulary import Vocabulary, train_on_files
from .engine import Engine
from .ingestion import check_on_error, empty_index, fitting_settings
from .plan import Changes, looked_up

# In a room for another index: the digest of the one that was made there, to tell it from the old.
_MADE = "made"
# Segments that are searched side by side before they are merged. Twenty cost a fifth more time.
_MANY_SEGMENTS = 20


def update_index(
    path: str | os.PathLike[str],
    pictures: Paths,
    *,
    vocabulary: Vocabulary | None = None,
    settings: Settings | None = None,
    preset: str | None = None,
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    overwrite: bool = False,
    on_error: str = "record",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> tuple[Engine, Changes]:
    """Index pictures into a folder: a new index, or one that is there and grows.

    Called again after an interruption it goes on where it stopped. Memory does not grow with the
    number of pictures.

    Parameters
    ----------
    path : path
    pictures, root, patterns
        See `find_pictures`.
    vocabulary, settings, preset
        See `Engine.build`, where the index is new. One that is there has its own, and what is
        given must be the same.
    sync : bool
        Also remove pictures that are no longer there; see `Engine.sync`.
    retry : bool
        Read again what failed before.
    overwrite : bool
        Begin anew; what was there is replaced when the new index is complete. This, too, goes on
        where it stopped when it is called again in the same way.
    on_error, cache, n_jobs, progress
        See `Engine.build`.

    Returns
    -------
    Engine
    Changes

    Raises
    ------
    IncompatibleError
        When an index is there, with another vocabulary or other settings.
    LockedError
        When another process is changing it.
    """
    target = Path(path).absolute()  # for what lies beside it
    pictures = listed(pictures)
    check_on_error(on_error)
    tidy(target)
    vacant = is_vacant(target)
    if (overwrite and not vacant) or (vacant and rooms_for_another(target)):
        check_target(target, overwrite, "bovw-index")
        files = find_pictures(pictures, root=root, patterns=patterns)
        chosen = fitting_settings(settings, preset or "strong", vocabulary)
        key = _key(files, vocabulary, chosen, on_error)
        lock = nullcontext() if vacant else locked(target)  # vacant: what was there was removed
        with lock, _room_for_another(target, key) as room:
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
                cache=cache,
                n_jobs=n_jobs,
                progress=progress,
            )
            if made.info()["n_segments"] > 1:
                made.compact()
            read_manifest(room / NEW)  # nothing takes the place of an index that is not sound
            write_text(room / _MADE, made.index.digest)
            replace_folder(target, room, overwrite and not vacant)
        return Engine.open(target, n_jobs=n_jobs), changes
    # Features of a vocabulary's training are read again to be indexed, also after a crash.
    spare = target.parent / f".{target.name}.features"
    if holds_index(target):
        engine = Engine.open(target, n_jobs=n_jobs)
        _check_same(engine, vocabulary, settings, preset)
    else:
        check_target(target, kind="bovw-index")
        chosen = fitting_settings(settings, preset or "strong", vocabulary)
        files = find_pictures(pictures, root=root, patterns=patterns)
        # Nobody else trains for the same place.
        with locked(spare, make=True) if vocabulary is None else nullcontext():
            if vocabulary is None:
                cache = cache or spare
                try:
                    vocabulary = train_on_files(
                        files,
                        chosen,
                        sized=True,
                        on_error=on_error,
                        cache=cache,
                        n_jobs=n_jobs,
                        progress=progress,
                    )
                except TrainingError:  # with so little it would not go on another time, either
                    shutil.rmtree(spare, ignore_errors=True)
                    raise
            try:
                engine = Engine.create(target, vocabulary, settings=chosen, n_jobs=n_jobs)
            except ExistsError:  # somebody else has just made the same
                if not holds_index(target):
                    raise
                engine = Engine.open(target, n_jobs=n_jobs)
                _check_same(engine, vocabulary, settings, preset)
    before = engine.info()["n_segments"]
    work = engine.sync if sync else engine.add
    changes = work(
        pictures,
        root=root,
        patterns=patterns,
        on_error=on_error,
        retry=retry,
        cache=cache or (spare if spare.exists() else None),
        progress=progress,
    )
    if engine.info()["n_segments"] > (_MANY_SEGMENTS if before else 1):
        engine.compact()
    shutil.rmtree(spare, ignore_errors=True)
    return engine, changes


def _key(
    files: Sequence[PictureFile], vocabulary: Vocabulary | None, settings: Settings, on_error: str
) -> str:
    """Hash all that decides what an index will be, so that only the same goes on with it."""
    seen: list[Any] = [(file.identifier, file.path) for file in files]
    words = hashlib.sha256()
    if vocabulary is None:  # one is trained on what the files are now
        seen = [astuple(looked_up(file)) for file in files]
    else:
        embedding = vocabulary.embedding_
        for array in (vocabulary.centers_, embedding.projection, embedding.thresholds):
            words.update(array.tobytes())
    asked = [settings.to_dict(), words.hexdigest(), on_error, seen]
    return hashlib.sha256(json.dumps(asked).encode("ascii")).hexdigest()


@contextmanager
def _room_for_another(target: Path, key: str) -> Iterator[Path]:
    """Give a folder beside an index, with what an interrupted run has made there of the same.

    What there is of others, is damaged, or is the old index that has just changed places with
    the new one, is removed.
    """
    mine = room_for_another(target, key)
    for room in rooms_for_another(target):
        if room != mine:
            with suppress(LockedError), locked(room):
                shutil.rmtree(room, ignore_errors=True)
    with locked(mine):
        if holds_index(mine / NEW) and not _goes_on(mine):
            shutil.rmtree(mine / NEW)
        (mine / _MADE).unlink(missing_ok=True)
        yield mine


def _goes_on(room: Path) -> bool:
    made = room / _MADE
    if made.exists() and made.read_text() != digest_at(room / NEW):
        return False
    try:
        Engine.open(room / NEW)
    except (FormatError, IncompatibleError):
        return False
    return True


def _check_same(
    engine: Engine, vocabulary: Vocabulary | None, settings: Settings | None, preset: str | None
) -> None:
    advice = "leave that out, or overwrite the index"
    if vocabulary is not None and not np.array_equal(
        vocabulary.centers_, engine.vocabulary.centers_
    ):
        raise IncompatibleError(
            f"{engine.folder} has another vocabulary than the one given: {advice}"
        )
    if settings is not None or preset is not None:
        chosen = fitting_settings(settings, preset or "strong", engine.vocabulary)
        if empty_index(engine.vocabulary, chosen).settings != engine.settings:
            raise IncompatibleError(
                f"{engine.folder} was made with other settings than those given: {advice}"
            )
