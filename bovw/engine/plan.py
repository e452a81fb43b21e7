"""What becomes of the pictures of an index when a folder is looked at again."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ImageError
from ..index import Index
from ..pictures import Failure, PictureFile, Record, read_bytes


@dataclass(frozen=True)
class Changes:
    """What `Engine.add` and its like did.

    Attributes
    ----------
    added, updated, unchanged, removed : tuple of str
        Identifiers.
    forgotten : tuple of str
        Identifiers of failures that are no longer listed: their files are gone, or were removed.
    failed : tuple of Failure
        Pictures that were given and could not be read, now or (unless they were to be tried
        again, or have changed) before. An earlier version that the index holds stays there.
    duplicates : tuple of tuple of str
        Pictures that were added or updated and have the content of others, with these.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "n_unchanged": len(self.unchanged)}

    def __str__(self) -> str:
        counts = {
            "added": self.added,
            "updated": self.updated,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "failed": self.failed,
        }
        if self.forgotten:
            counts["failed before and forgotten"] = self.forgotten
        return ", ".join(f"{len(names)} {what}" for what, names in counts.items())


@dataclass(frozen=True)
class Plan:
    """Which files have to be read.

    Attributes
    ----------
    wanted : tuple of PictureFile
        New, changed, or to be tried again.
    unchanged : tuple of str
        Identifiers.
    failed : tuple of Failure
        What failed before, and is not tried again.
    touched : tuple of Record
        Those that are unchanged and have another time, with this.
    """

    wanted: tuple[PictureFile, ...]
    unchanged: tuple[str, ...]
    failed: tuple[Failure, ...]
    touched: tuple[Record, ...] = ()


def make_plan(files: Iterable[PictureFile], index: Index, *, retry: bool = False) -> Plan:
    """Compare files with what an index knows of them.

    A file of the same size and time is the same; one of another time is the same when its content
    is. `retry`: read again what failed before.
    """
    collection = index.collection
    failures = {failure.identifier: failure for failure in index.failures}
    wanted: list[PictureFile] = []
    unchanged: list[str] = []
    failed: list[Failure] = []
    touched: list[Record] = []
    for file in map(looked_up, files):
        failure, position = failures.get(file.identifier), collection.positions.get(file.identifier)
        record = None if position is None else collection.records[position]
        if failure is not None and not retry and _same(failure, file):
            failed.append(failure)
        elif failure is None and record is not None and _same(record, file):
            unchanged.append(file.identifier)
        elif failure is None and record is not None and _is_touched(record, file):
            unchanged.append(file.identifier)
            touched.append(replace(record, mtime_ns=file.mtime_ns))
        else:
            wanted.append(file)
    return Plan(tuple(wanted), tuple(unchanged), tuple(failed), tuple(touched))


def looked_up(file: PictureFile) -> PictureFile:
    """Fill in size and time of a file, as they are now."""
    try:
        facts = Path(file.path).stat()
    except (OSError, ValueError):  # reading it will say why
        return file
    return replace(file, size=facts.st_size, mtime_ns=facts.st_mtime_ns)


def _same(known: Record | Failure, file: PictureFile) -> bool:
    return (known.path, known.size, known.mtime_ns) == (file.path, file.size, file.mtime_ns)


def _is_touched(record: Record, file: PictureFile) -> bool:
    same_place = record.path == file.path and record.size == file.size
    return same_place and _has_content(file.path, record)


def missing(index: Index, folders: Sequence[str], files: Iterable[PictureFile]) -> list[str]:
    """Identifiers of pictures, and of failures, that lay in some folders and are there no more.

    Folders that were moved to where `files` were found count as well. A folder that could not be
    read before is among these files while it cannot. Of a folder that is empty now, and was not,
    nothing is said to be missing, but by a warning.
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
        and (_is_gone(entry.path) or (isinstance(entry, Failure) and Path(entry.path).is_dir()))
    ]
    lay = [name for name in found if isinstance(known[name], Record)]
    kept = {name for name in lay if known[name].path.startswith(empty)}
    if kept:
        warnings.warn(
            f"{len(kept)} pictures that lay in {', '.join(empty)} are kept, though there are none "
            "now: it may only not be mounted; remove them if they are gone for good",
            stacklevel=4,
        )
    return [identifier for identifier in found if identifier not in kept]


def _left_behind(known: Mapping[str, Record | Failure], here: Mapping[str, str]) -> list[str]:
    """Folders that are gone, and have moved: what lay in them was found elsewhere."""
    moved: dict[str, list[tuple[Record, str]]] = {}
    for identifier, path in here.items():
        entry, tail = known.get(identifier), os.sep + os.path.normpath(identifier)
        if isinstance(entry, Record) and entry.path != path and entry.path.endswith(tail):
            base = entry.path.removesuffix(tail[1:])
            moved.setdefault(base, []).append((entry, path))
    return [
        base
        for base, found in moved.items()
        if _is_gone(base) and any(_has_content(path, record) for record, path in found)
    ]


def _has_content(path: str, record: Record) -> bool:
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest() == record.sha256
    except ImageError:  # reading it once more will say why
        return False


def _is_gone(path: str) -> bool:
    """Whether nothing is there; what may only not be looked at is not gone."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        pass
    return False


def duplicates(
    records: Iterable[Record], among: AnyCollection[str] | None = None
) -> tuple[tuple[str, ...], ...]:
    """Groups of pictures with the same bytes, those with a member `among` some identifiers."""
    groups: dict[str, list[str]] = {}
    for record in records:
        groups.setdefault(record.sha256, []).append(record.identifier)
    return tuple(
        tuple(group)
        for group in groups.values()
        if len(group) > 1 and (among is None or any(name in among for name in group))
    )


def _record(index: Index, identifier: str) -> Record:
    return index.collection.records[index.collection.positions[identifier]]


def removal(before: Index, names: Sequence[str]) -> Changes:
    """Say which of the identifiers that are removed are pictures, and which failures."""
    failed = {failure.identifier for failure in before.failures}
    pictures = before.collection.positions
    return Changes(
        removed=tuple(name for name in names if name in pictures),
        forgotten=tuple(name for name in names if name in failed),
    )


def summary(before: Index, after: Index, plan: Plan, removed: Sequence[str] = ()) -> Changes:
    """Say what a plan came to."""
    known, now = before.collection.positions, after.collection.positions
    failures = {failure.identifier: failure for failure in after.failures}
    broken = {failure.identifier for failure in before.failures}
    names = [file.identifier for file in plan.wanted]
    done = [name for name in names if name in now and name not in failures]
    failed = [failures[name] for name in names if name in failures]
    return replace(
        removal(before, removed),
        added=tuple(name for name in done if name not in known),
        updated=tuple(
            name
            for name in done
            if name in known and (name in broken or _record(after, name) != _record(before, name))
        ),
        unchanged=plan.unchanged,
        failed=(*plan.failed, *failed),
        duplicates=duplicates(after.collection.records, set(done)),
    )
