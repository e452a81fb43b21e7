"""Takes parts of an index into another folder: as hard links, or as copies where there are none.

Files of an index never change once its manifest lists them, so two indexes can share them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..collection import Segment, keys_of, split_keys
from ..errors import FormatError, LockedError
from ..index import Index
from .arrays import load_array
from .contents.graph_folder import graph_name, listed_graphs
from .contents.segment_folder import NAMES, segment_name, write_names, write_segment
from .looking import is_own_file
from .manifest import digest_at


@dataclass(frozen=True)
class Source:
    """An index that parts are taken of, with the manifest of the generation that was opened."""

    folder: Path
    manifest: Mapping[str, Any]
    index: Index

    def check_unchanged(self) -> None:
        """Raise a LockedError when another process has changed it since it was opened."""
        if digest_at(self.folder) != self.manifest["digest"]:
            raise LockedError(f"{self.folder} was changed meanwhile: merge again")


Origin: TypeAlias = tuple[Source, Segment]
"""An index, and one of its segments."""


def take_segment(
    folder: Path, segment: Segment, source: Source, before: Segment, *, renamed: bool
) -> dict[str, Any]:
    """Put a segment into the new index; return the facts of files that were taken as they are."""
    name = segment_name(segment.number)
    place = folder / name
    if before.stored_views is None:  # of version 2
        place.mkdir(parents=True)
        write_segment(place, segment)
        return {}
    files = take(source, segment_name(before.number), place, name)
    if not renamed:
        return files
    for changed in NAMES:
        (place / changed).unlink()  # the file that it may be a link to stays
        files.pop(f"{name}/{changed}", None)
    write_names(place, segment)
    return files


def take_graphs(folder: Path, segments: Sequence[Segment], origins: Sequence[Origin]) -> list[str]:
    """Take the graphs of segments; only the number of the segment in their keys is new."""
    taken = []
    for segment, (source, before) in zip(segments, origins, strict=True):
        old, name = graph_name(before.number), graph_name(segment.number)
        if old not in listed_graphs(source.manifest):
            continue
        keys = load_array(source.folder, source.manifest, f"{old}/keys.npy", ("int64",), (None,))
        numbers, places = split_keys(keys)
        if not (numbers == before.number).all():
            continue  # of pictures of several segments: it is built again when it is needed
        take(source, old, folder / name, name)
        (folder / name / "keys.npy").unlink()
        np.save(folder / name / "keys.npy", keys_of(segment.number, places))
        taken.append(name)
    return taken


def take(source: Source, old: str, place: Path, name: str) -> dict[str, Any]:
    """Link or copy the files of a folder of an index; return what its manifest says of them."""
    place.mkdir(parents=True)
    files = {}
    for listed, facts in source.manifest["files"].items():
        if not listed.startswith(f"{old}/"):
            continue
        rest = listed.removeprefix(f"{old}/")
        try:
            _link_or_copy(source.folder / listed, place / rest)
        except FileNotFoundError as error:
            source.check_unchanged()
            raise FormatError(
                f"{source.folder / listed} is missing: check the index with 'bovw doctor'"
            ) from error
        files[f"{name}/{rest}"] = facts
    return files


def _link_or_copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if is_own_file(file):
        try:
            os.link(file, to)
        except FileNotFoundError:
            raise
        except OSError:  # another disk, a disk without links, or somebody else's file
            pass
        else:
            return
    shutil.copyfile(file, to)
