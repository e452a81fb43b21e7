"""Compares files with an index: which to read, which are unchanged, which are gone."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..collection import Collection
from ..errors import ImageError, some
from ..index import Index
from ..pictures import Failure, PictureFile, Record, is_gone, read_bytes


@dataclass(frozen=True)
class Changes:
    """What `Engine.add`, `sync`, `remove` or `update_index` did.

    Attributes
    ----------
    added, updated, unchanged, removed : tuple of str
        Identifiers.
    forgotten : tuple of str
        Identifiers of failures that the index no longer lists, because their files are gone or
        because they were removed.
    failed : tuple of Failure
        Given pictures that could not be read: in this call, or in an earlier one if the file has
        not changed and was not tried again. If the index holds an earlier version of such a
        picture, it keeps that version.
    failed_before : tuple of str
        Identifiers of those of `failed` that the index knew already, with the same file and the
        same reason.
    duplicates : tuple of tuple of str
        Groups of pictures with identical files, each with at least one added or updated picture.
    without_features : tuple of str
        Added or updated pictures in which no feature was found: no query can find them.
    left_out : tuple of (str, int)
        Added or updated pictures whose files have further frames or pages, and how many. They are
        those that were read in this call: an interrupted run that is continued does not know
        those of its first part.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    failed_before: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    without_features: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def newly_failed(self) -> tuple[Failure, ...]:
        """Those of `failed` that are not among `failed_before`."""
        before = set(self.failed_before)
        return tuple(failure for failure in self.failed if failure.identifier not in before)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON.

        What is as it was is counted, not listed: ``n_unchanged`` and ``n_failed_before``.
        ``failed`` lists `newly_failed`.
        """
        content = asdict(replace(self, failed=self.newly_failed))
        for name in ("unchanged", "failed_before"):
            content[f"n_{name}"] = len(content.pop(name))
        return content

    def __str__(self) -> str:
        counts: dict[str, Sequence[object]] = {
            "added": self.added,
            "updated": self.updated,
            "removed": self.removed,
            "unchanged": self.unchanged,
        }
        if self.forgotten:
            counts["failed before and forgotten"] = self.forgotten
        counts["failed"] = self.failed
        text = ", ".join(f"{len(names)} {what}" for what, names in counts.items())
        known = len(self.failed_before)
        return text + (f" ({known} of them known from before)" if known else "")


@dataclass(frozen=True)
class Plan:
    """Which files have to be read.

    Attributes
    ----------
    wanted : tuple of PictureFile
        Files to read: new, changed, or failed before and to be tried again.
    unchanged : tuple of str
        Identifiers of pictures that need not be read.
    failed : tuple of Failure
        Files that failed before and are not tried again.
    touched : tuple of Record
        New records of unchanged pictures whose file has a new modification time.
    left_out : dict of str to int
        How many frames or pages of files were not read; filled while they are read.
    """

    wanted: tuple[PictureFile, ...]
    unchanged: tuple[str, ...]
    failed: tuple[Failure, ...]
    touched: tuple[Record, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)


def make_plan(
    files: Iterable[PictureFile], index: Index, *, retry: bool = False, look: bool = True
) -> Plan:
    """Compare files with the records of an index, and decide which to read.

    A file with the recorded size and modification time counts as unchanged. If only the time
    differs, the hash of its content decides. With `retry`, files that failed before are read again.
    Without `look`, files are taken as they are described, and the disk is not looked at.
    """
    collection = index.collection
    failures = {failure.identifier: failure for failure in index.failures}
    wanted: list[PictureFile] = []
    unchanged: list[str] = []
    failed: list[Failure] = []
    touched: list[Record] = []
    for file in map(looked_up, files) if look else files:
        failure, position = failures.get(file.identifier), collection.positions.get(file.identifier)
        record = None if position is None else collection.records[position]
        if failure is not None and not retry and _same(failure, file):
            failed.append(failure)
        elif failure is None and record is not None and _same(record, file):
            unchanged.append(file.identifier)
        elif failure is None and record is not None and look and _is_touched(record, file):
            unchanged.append(file.identifier)
            touched.append(replace(record, mtime_ns=file.mtime_ns))
        else:
            wanted.append(file)
    return Plan(tuple(wanted), tuple(unchanged), tuple(failed), tuple(touched))


def looked_up(file: PictureFile) -> PictureFile:
    """Fill in the present size and modification time of a file."""
    try:
        facts = Path(file.path).stat()
    except (OSError, ValueError):  # reading it later will report why
        return file
    return replace(file, size=facts.st_size, mtime_ns=facts.st_mtime_ns)


def _same(known: Record | Failure, file: PictureFile) -> bool:
    return (known.path, known.size, known.mtime_ns) == (file.path, file.size, file.mtime_ns)


def _is_touched(record: Record, file: PictureFile) -> bool:
    same_place = record.path == file.path and record.size == file.size
    return same_place and _has_content(file.path, record)


def missing(index: Index, folders: Sequence[str], files: Iterable[PictureFile]) -> list[str]:
    """Identifiers of the index whose files lay in some folders and are no longer there.

    They are identifiers of pictures or of failures. If the folders were moved, and `files` shows
    where to, their old places count too. The failure of a folder that could not be read counts as
    missing once the folder can be read and is therefore not among `files`. When a folder is empty
    now, none of its pictures count as missing; a warning tells how many are kept.
    """
    if not folders:
        return []
    here = {file.identifier: file.path for file in files}
    known: dict[str, Record | Failure] = {f.identifier: f for f in index.failures}
    known |= {record.identifier: record for record in index.collection.records}
    bases = [os.path.abspath(folder).rstrip(os.sep) + os.sep for folder in folders]
    empty = tuple(b for b in bases if not any(path.startswith(b) for path in here.values()))
    places = (*bases, *_left_behind(known, here))
    found = [
        identifier
        for identifier, entry in known.items()
        if identifier not in here
        and entry.path.startswith(places)
        and (is_gone(entry.path) or (isinstance(entry, Failure) and Path(entry.path).is_dir()))
    ]
    lay = [name for name in found if isinstance(known[name], Record)]
    kept = {name for name in lay if known[name].path.startswith(empty)}
    if kept:
        warnings.warn(
            f"{len(kept)} pictures that lay in {some(empty)} are kept, although no picture is "
            "there now: maybe the disk is not mounted; remove them if they are gone for good",
            stacklevel=4,
        )
    return [identifier for identifier in found if identifier not in kept]


def _left_behind(known: Mapping[str, Record | Failure], here: Mapping[str, str]) -> list[str]:
    """Old places of folders that were moved: gone, and their pictures were found elsewhere."""
    moved: dict[str, list[tuple[Record, str]]] = {}
    for identifier, path in here.items():
        entry, tail = known.get(identifier), os.sep + os.path.normpath(identifier)
        if isinstance(entry, Record) and entry.path != path and entry.path.endswith(tail):
            base = entry.path.removesuffix(tail[1:])
            moved.setdefault(base, []).append((entry, path))
    return [
        base
        for base, found in moved.items()
        if is_gone(base) and any(_has_content(path, record) for record, path in found)
    ]


def _has_content(path: str, record: Record) -> bool:
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest() == record.sha256
    except ImageError:  # reading it again later will report why
        return False


def duplicates(
    collection: Collection, among: AnyCollection[str] | None = None
) -> tuple[tuple[str, ...], ...]:
    """Groups of pictures with identical files; with `among`, only groups that hold one of these."""
    if among is not None and not among:
        return ()
    short = collection.records.short_hashes()
    if among is None:
        _, which, counts = np.unique(short, return_inverse=True, return_counts=True)
        several = counts[which] > 1
    else:
        several = np.isin(short, short[[collection.positions[name] for name in among]])
    groups: dict[str, list[str]] = {}
    for position in np.flatnonzero(several).tolist():
        record = collection.records[position]
        groups.setdefault(record.sha256, []).append(record.identifier)
    return tuple(
        tuple(group)
        for group in groups.values()
        if len(group) > 1 and (among is None or any(name in among for name in group))
    )


def _record(index: Index, identifier: str) -> Record:
    return index.collection.records[index.collection.positions[identifier]]


def removal(before: Index, names: Sequence[str]) -> Changes:
    """Say which of the identifiers to remove are pictures, and which are failures."""
    failed = {failure.identifier for failure in before.failures}
    pictures = before.collection.positions
    return Changes(
        removed=tuple(name for name in names if name in pictures),
        forgotten=tuple(name for name in names if name in failed),
    )


def foreseen(before: Index, plan: Plan, removed: Sequence[str]) -> Changes:
    """Say what carrying out a plan would change, if every file can be read."""
    known = before.collection.positions
    names = [file.identifier for file in plan.wanted]
    return replace(
        removal(before, removed),
        added=tuple(name for name in names if name not in known),
        updated=tuple(name for name in names if name in known),
        unchanged=plan.unchanged,
        failed=plan.failed,
        failed_before=tuple(failure.identifier for failure in plan.failed),
    )


def summary(before: Index, after: Index, plan: Plan, removed: Sequence[str] = ()) -> Changes:
    """Say what changed in the index by carrying out a plan."""
    known, now = before.collection.positions, after.collection.positions
    failures = {failure.identifier: failure for failure in after.failures}
    broken = {failure.identifier: failure for failure in before.failures}
    names = [file.identifier for file in plan.wanted]
    done = [name for name in names if name in now and name not in failures]
    failed = (*plan.failed, *(failures[name] for name in names if name in failures))
    sizes = after.collection.sizes
    changed = {
        name
        for name in done
        if name not in known or name in broken or _record(after, name) != _record(before, name)
    }
    return replace(
        removal(before, removed),
        added=tuple(name for name in done if name not in known),
        updated=tuple(name for name in done if name in known and name in changed),
        unchanged=plan.unchanged,
        failed=failed,
        failed_before=tuple(f.identifier for f in failed if broken.get(f.identifier) == f),
        duplicates=duplicates(after.collection, set(done)),
        without_features=tuple(name for name in done if name in changed and sizes[now[name]] == 0),
        left_out=tuple(
            (name, plan.left_out[name]) for name in done if plan.left_out.get(name, 0) > 0
        ),
    )
