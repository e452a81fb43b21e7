"""Makes one index of several, without reading pictures again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..parallel import limited_threads
from ..settings import checked_arguments
from ..storage import Clash, Union, join_indexes
from .engine import Engine


@checked_arguments
def merge_indexes(
    indexes: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    clash: Clash = "error",
    prefix: bool = False,
    overwrite: bool = False,
    trusted: bool = True,
    n_jobs: int | None = None,
) -> tuple[Engine, Union]:
    """Write a new index with the pictures of several that have the same vocabulary.

    Pictures are not read. Searches in the new index give the answers of an index that was built
    at once of all pictures. Its search settings are those of the first index.

    Parameters
    ----------
    indexes : sequence of paths
        Folders of at least two indexes. They stay as they are. Their files are not copied where
        the new index can have hard links to them; no later change of an index changes such a file.
    path : path
        Folder of the new index. It appears when it is complete.
    clash : {"error", "first", "last"}
        What to do when two indexes have different pictures of the same identifier: raise a
        SettingsError, or keep the picture of the first or the last index. Of pictures with the
        same identifier and the same content one is kept.
    prefix : bool
        Let each identifier begin with the name of its index (without ".bovw") and "/", so that
        none clash. `update_index` of the new index with the same folders finds the pictures
        again when their folders are called like this and lie in one ``root``.
    overwrite : bool
        Replace an index at `path` when the new one is complete.
    trusted, n_jobs
        See `Engine.open`.

    Returns
    -------
    Engine
        The new index.
    Union
        How many pictures the indexes held, and which identifiers several of them had.

    Raises
    ------
    IncompatibleError
        When the indexes have different vocabularies, descriptors, or settings of pictures and
        features.
    LockedError
        When an index is being changed, or holds the unfinished work of an interrupted run.
    FormatError
        When an index is damaged or of another version.
    ExistsError
        When something is at `path`.
    """
    with limited_threads(1):
        union = join_indexes(
            [Path(os.fspath(each)) for each in indexes],
            Path(path),
            clash=clash,
            prefix=prefix,
            overwrite=overwrite,
            trusted=trusted,
        )
    return Engine.open(path, trusted=trusted, n_jobs=n_jobs), union
