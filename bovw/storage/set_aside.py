"""What a repair takes out of an index: it is set aside in the folder of the index, not deleted.

``set-aside/20261124T101112Z/`` has the damaged files under the names that they had, the manifest
that listed them, and the reasons. Readers and writers ignore it. `doctor` names it, and only
``doctor --purge`` deletes it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ..errors import StorageError
from .looking import files_below, is_file, is_folder, is_link, is_there, names_in, state_at
from .places import MANIFEST, sync

SET_ASIDE = "set-aside"
_REASONS = "reasons.txt"
_STAMP = "%Y%m%dT%H%M%SZ"


def set_aside(folder: Path, names: Sequence[str], reasons: Sequence[str]) -> Path | None:
    """Keep files and folders of an index under another name; they also stay where they are.

    They are linked, or copied where links are not possible. After this, the manifest can be
    replaced. Even if that is interrupted, all files of the old and of the new manifest are there.

    Returns
    -------
    Path or None
        Folder in which they are kept; None when there is nothing to keep.

    Raises
    ------
    StorageError
        When they cannot be kept; then nothing has changed.
    """
    files = [path for name in names for path in _files_of(folder / name)]
    if not files:
        return None
    try:
        place = _new_place(folder / SET_ASIDE)
        for path in (*files, folder / MANIFEST):
            target = place / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            _keep(path, target)
        (place / _REASONS).write_text(
            "".join(f"{reason}\n" for reason in reasons), "utf-8", "backslashreplace"
        )
        for path in (place / _REASONS, *sorted(place.rglob("*/")), place, place.parent, folder):
            sync(path)
    except OSError as error:
        raise StorageError(
            f"{folder}: what is damaged cannot be set aside ({error.strerror or error}), so "
            "nothing was repaired: make room, or check the permissions"
        ) from error
    return place


def _files_of(path: Path) -> list[Path]:
    if is_folder(path) and not is_link(path):
        return files_below(path)
    return [path] if is_there(path) else []


def _keep(path: Path, target: Path) -> None:
    state = state_at(path, follow=False)
    if state is None:
        return
    if stat.S_ISLNK(state.st_mode):
        target.symlink_to(path.readlink())
    elif stat.S_ISREG(state.st_mode):  # a pipe or a device holds no bytes of ours
        try:
            target.hardlink_to(path)
        except OSError:
            shutil.copy2(path, target)
            sync(target)


def _new_place(room: Path) -> Path:
    """Make a folder whose name is the present time (UTC)."""
    stamp = time.strftime(_STAMP, time.gmtime())
    return _free(room, stamp, make=True)


def _free(room: Path, name: str, *, make: bool = False) -> Path:
    """Give a path in `room` that is free: `name`, or `name` with a number behind it."""
    room.mkdir(exist_ok=True)
    number = 1
    while True:
        place = room / (name if number == 1 else f"{name}-{number}")
        number += 1
        if is_there(place):
            continue
        if make:
            place.mkdir()
        return place


def notes_on_set_aside(folder: Path) -> list[str]:
    """Say what is set aside in an index: what, how much, and since when."""
    notes = []
    for name in names_in(folder / SET_ASIDE):
        place = folder / SET_ASIDE / name
        files = [place.relative_to(folder) / p.relative_to(place) for p in files_below(place)]
        states = [state_at(folder / path, follow=False) for path in files]
        size = sum(state.st_size for state in states if state is not None)
        inner = [PurePosixPath(path.as_posix()).parts[2:] for path in files]
        what = sorted({"/".join(parts[:2]) for parts in inner if len(parts) > 1})
        notes.append(
            f"{place} holds what a repair took out{_when(name)}: {', '.join(what) or 'nothing'} "
            f"({len(files)} files, {size} bytes); --purge deletes it"
        )
    return notes


def _when(name: str) -> str:
    found = re.match(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", name)
    if found is None:
        return ""
    year, month, day, hour, minute = found.groups()
    return f" on {year}-{month}-{day} at {hour}:{minute} UTC"


def delete_set_aside(folder: Path) -> list[str]:
    """Delete what is set aside in an index; return the names of what was deleted.

    Raises
    ------
    StorageError
        When something cannot be deleted.
    """
    room, gone = folder / SET_ASIDE, []
    try:
        for name in names_in(room):
            if is_folder(room / name) and not is_link(room / name):
                shutil.rmtree(room / name)
            else:
                (room / name).unlink()
            gone.append(str(room / name))
        if is_folder(room):
            room.rmdir()
    except OSError as error:
        raise StorageError(
            f"cannot delete {error.filename or room}: {error.strerror or error}; check permissions"
        ) from error
    return gone


def carry_over(old: Path, target: Path) -> bool:
    """Move what is set aside in an old index to the index that has replaced it.

    Return False when that was not possible, so that the old one must be kept.
    """
    try:
        if is_link(old / SET_ASIDE):
            return True
        names = names_in(old / SET_ASIDE)
        if names and not is_file(target / MANIFEST):
            return False
        for name in names:
            os.replace(old / SET_ASIDE / name, _free(target / SET_ASIDE, name))
    except (OSError, StorageError):
        return False
    return True
