"""What bringing an index up to date would do, without doing it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import StorageError
from ..features import Extractor, Features
from ..pictures import Paths, find_pictures, listed
from ..settings import Settings, checked_arguments
from ..storage import check_target, holds_index, load_index
from ..vocabulary import Vocabulary
from .engine import Engine
from .given import described_features
from .ingestion import described, fitting_settings, kind_of, opened_vocabulary, wants_training
from .plan import Changes
from .update import check_same
from .update_features import check_takes


@checked_arguments
def planned_changes(
    path: str | os.PathLike[str],
    pictures: Paths | Mapping[str, Features],
    *,
    vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    preset: str | None = None,
    root: str | os.PathLike[str] | None = None,
    patterns: Sequence[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    overwrite: bool = False,
    extractor: Extractor | None = None,
    origin: str = "given features",
    trusted: bool = True,
    n_jobs: int | None = None,
) -> Changes:
    """Say what `update_index` would do; no picture is decoded, nothing is trained or written.

    Files are looked up. Only those are read whose modification time but not size has changed, and
    of folders that seem to have been moved: the hash of their content decides.

    Parameters
    ----------
    path : path
    pictures : paths, or mapping of str to Features
        As for `update_index`, or as for `update_index_of_features`.
    vocabulary, settings, preset, root, patterns, sync, retry, overwrite, extractor, trusted, n_jobs
        See `update_index`.
    origin : str
        See `Engine.from_features`.

    Returns
    -------
    Changes
        `added` and `updated` are the pictures that would be decoded, whether or not they can be.
        `failed` are those that failed before and would not be tried again.

    Raises
    ------
    ExistsError
        When the index could not be written here.
    IncompatibleError
        When the existing index has another vocabulary, other settings or other features than those
        given.
    """
    target = Path(path).absolute()
    features = pictures if isinstance(pictures, Mapping) else None
    sources: Paths = () if isinstance(pictures, Mapping) else listed(pictures)
    if features is not None:
        about: Mapping[str, Any] | None = described_features(features, origin)
    else:
        about = described(extractor)
    given = (vocabulary, settings, preset) != (None, None, None)
    wants_own = wants_training(vocabulary)
    vocabulary = opened_vocabulary(
        vocabulary, trusted=trusted, n_jobs=n_jobs, output=target, kind=kind_of(about)
    )
    if not holds_index(target) or overwrite:
        check_target(target, overwrite, "bovw-index")
        fitting_settings(settings, preset or "strong", vocabulary, about)
        if features is not None:
            names = tuple(features)
        else:
            files = find_pictures(sources, root=root, patterns=patterns)
            names = tuple(file.identifier for file in files)
        before = _identifiers(target) if holds_index(target) else ()
        kept = set(names)
        return Changes(added=names, removed=tuple(name for name in before if name not in kept))
    engine = Engine.open(target, trusted=trusted, extractor=extractor, n_jobs=n_jobs)
    if features is not None:
        check_takes(engine, about or {}, os.fsdecode(path), given=given)
        return engine.add_features(features, root=root, sync=sync, retry=retry, dry_run=True)
    check_same(engine, vocabulary, settings, preset, wants_own)
    change = engine.sync if sync else engine.add
    return change(sources, root=root, patterns=patterns, retry=retry, dry_run=True)


def _identifiers(target: Path) -> tuple[str, ...]:
    """Pictures of an index that is to be replaced, whether or not it can still be searched."""
    try:
        records = load_index(target, trusted=False).collection.records
    except StorageError as error:
        logging.getLogger("bovw").warning("which pictures it holds cannot be read: %s", error)
        return ()
    return tuple(record.identifier for record in records)
