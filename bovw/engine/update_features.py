"""Creates an index of features that were extracted before, or brings one up to date."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import IncompatibleError
from ..features import Features, check_same_meaning
from ..settings import Settings, checked_arguments
from ..storage import check_target, holds_index, save_index, tidy
from ..vocabulary import Vocabulary
from .engine import Engine
from .given import described_features, fitting_vocabulary
from .ingestion import check_on_error, empty_index, fitting_settings
from .plan import Changes


@checked_arguments
def update_index_of_features(
    path: str | os.PathLike[str],
    features: Mapping[str, Features],
    *,
    origin: str = "given features",
    vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    preset: str | None = None,
    root: str | os.PathLike[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    overwrite: bool = False,
    on_error: str = "record",
    trusted: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> tuple[Engine, Changes]:
    """Index features into a folder: create an index there, or update the one that exists.

    Memory use does not grow with the number of pictures, unless `overwrite` replaces an index.
    After an interruption, the same call continues with an index that it has begun.

    Parameters
    ----------
    path : path
    features, root, sync, retry, on_error, progress
        See `Engine.add_features`.
    origin
        See `Engine.from_features`.
    vocabulary, settings, preset
        See `Engine.build`; they are for a new index, and an existing index has its own.
    overwrite : bool
        Replace an existing index by a new one of these features only.
    trusted, n_jobs
        See `Engine.open`.

    Raises
    ------
    IncompatibleError
        When the index has other features, or when a vocabulary or settings are given for an index
        that has its own.
    """
    check_on_error(on_error)
    about = described_features(features, origin)
    target = Path(path).absolute()
    tidy(target)
    if holds_index(target) and not overwrite:
        engine = Engine.open(target, trusted=trusted, n_jobs=n_jobs)
        given = (vocabulary, settings, preset) != (None, None, None)
        check_takes(engine, about, os.fsdecode(path), given=given)
    else:
        check_target(target, overwrite, "bovw-index")
        words = fitting_vocabulary(
            features,
            about,
            vocabulary,
            settings,
            preset or "strong",
            trusted=trusted,
            n_jobs=n_jobs,
            progress=progress,
        )
        chosen = fitting_settings(settings, preset or "strong", words, about)
        made = empty_index(words, chosen, about)
        if overwrite and holds_index(target):
            # The old one is replaced when the new one is complete.
            whole = Engine(made, n_jobs=n_jobs)
            changes = whole.add_features(features, root=root, on_error=on_error, progress=progress)
            whole.save(target, overwrite=True)
            return Engine.open(target, trusted=trusted, n_jobs=n_jobs), changes
        save_index(target, made)
        engine = Engine.open(target, trusted=trusted, n_jobs=n_jobs)
    changes = engine.add_features(
        features, root=root, sync=sync, retry=retry, on_error=on_error, progress=progress
    )
    return engine, changes


def check_takes(engine: Engine, about: Mapping[str, Any], name: str, *, given: bool) -> None:
    """Raise an IncompatibleError when an existing index cannot take features.

    They must mean the same as its own, and no vocabulary or settings may be `given`.
    """
    check_same_meaning(engine.index.descriptor, about, f"the index {name}")
    if given:
        raise IncompatibleError(
            f"{name} has a vocabulary and settings already: leave them out, or overwrite the index"
        )
