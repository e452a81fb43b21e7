"""Writes folders atomically: in a temporary folder, flushed, then moved into place at once.

A folder ``NAME`` is first written to ``.NAME.xxxxxxxx.aside/new`` in the same parent folder. The
process that writes it holds a lock on it. When nobody holds the lock, a killed process left it, and
it is removed. An index that will replace another one is built in ``.NAME.xxxxxxxx.anew/new``. That
working folder is kept after an interruption, so that the next run can continue.

After two folders have changed places, the old one lies in the working folder. So a working folder
is removed only when nothing is at the target, or when the manifest there was read and is sound.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ..errors import ExistsError, LockedError, StorageError
from ..parallel import uninterrupted
from .lock import held, locked
from .looking import is_file, is_folder, is_there, looking, names_in, state_at
from .manifest import parse_manifest
from .places import ANEW, ASIDE, MANIFEST, NEW, WAS, beside, called, real, sync
from .set_aside import carry_over

_HERE = -100  # AT_FDCWD: paths are relative to the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


@contextmanager
def new_folder(target: Path, overwrite: bool = False, *, kind: str | None = None) -> Iterator[Path]:
    """Give an empty temporary folder that replaces `target` when the block succeeds.

    When the block fails or is interrupted, `target` is unchanged. `kind` is the format of the new
    folder, such as "bovw-index".

    Raises
    ------
    ExistsError
        When `target` exists, is not an empty folder, and `overwrite` is false; or when `bovw` did
        not write it, or it has another format than `kind`.
    LockedError
        When another process is changing or overwriting `target`.
    StorageError
        When `target` cannot be written.
    """
    tidy(target)
    check_target(target, overwrite, kind)
    has_manifest = is_file(target / MANIFEST)
    lock = locked(target) if has_manifest else nullcontext()
    with lock, _named_problems(target), new_folder_at(target, overwrite) as aside:
        yield aside


@contextmanager
def new_folder_at(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder that is flushed and replaces `target` when the block succeeds.

    If another process creates `target` during the block, it is replaced only with `overwrite`.
    """
    target = real(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _aside(target) as aside:
        new = aside / NEW
        new.mkdir()
        yield new
        for path in sorted(new.rglob("*")):  # we made it, so all of it can be looked at
            sync(path)
        sync(new)
        with uninterrupted():
            if overwrite and is_there(target):
                _replace(new, target)
            else:
                check_target(target)
                if is_there(target):
                    target.rmdir()
                os.replace(new, target)
            sync(target.parent)


def replace_folder(target: Path, room: Path, overwrite: bool = True) -> None:
    """Replace a folder by the finished, flushed one in a working folder of `room_for_another`."""
    check_target(target, overwrite)
    place = real(target)
    with _named_problems(target), _aside(place) as aside, held(room, wait=True), uninterrupted():
        _replace(room / NEW, place)
        os.replace(room, aside / NEW)  # frees the name `room` for other processes
        sync(place.parent)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Give a locked temporary folder in the same parent folder, and remove it after the block.

    When the block fails after the old folder was replaced, the old one is kept for `tidy`.
    """
    before = _identity(target)
    while True:
        aside = Path(tempfile.mkdtemp(ASIDE, f".{target.name}.", target.parent))
        with held(aside, wait=True):
            if not is_there(aside):  # another process removed it before it was locked
                continue
            try:
                yield aside
            except BaseException:
                is_ours = _identity(target) == before or not _may_hold_old(aside)
                if not _put_back(aside, target) and is_ours:
                    _discard(aside, target)
                raise
            _discard(aside, target)
            return


def _identity(target: Path) -> tuple[int, int] | None:
    found = state_at(target)
    return None if found is None else (found.st_dev, found.st_ino)


def _replace(new: Path, target: Path) -> None:
    """Move a folder to `target`; the old one goes to where the new one was, or next to that."""
    if not exchange(new, target):
        if is_there(target):
            was = new.with_name(WAS)
            if is_there(was) and may_discard_old(target) and carry_over(was, target):
                shutil.rmtree(was)  # left when an earlier overwriting was interrupted
            os.replace(target, was)
        os.replace(new, target)


@contextmanager
def _named_problems(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, InterruptedError):
            raise
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}; what was there is untouched, "
            "choose another place or make room"
        ) from error


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; return False where the system or the disk cannot."""
    system = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    function = getattr(ctypes.CDLL(None), system, None) if system else None
    if function is None:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux":
        return bool(function(_HERE, first, _HERE, second, _EXCHANGE) == 0)
    return bool(function(first, second, _EXCHANGE) == 0)


def abandoned(target: Path) -> list[Path]:
    """Temporary folders that killed processes left while they wrote a folder."""
    found = []
    for path in beside(target, ASIDE):
        with held(path) as is_free:
            if is_free:
                found.append(path)
    return found


def room_for_another(target: Path, key: str) -> Path:
    """Create one of the `rooms_for_another`; its name has the first eight letters of `key`."""
    place = real(target)
    room = place.with_name(f".{place.name}.{key[:8]}{ANEW}")
    with _named_problems(target):
        room.mkdir(exist_ok=True)
    return room


def tidy(target: Path) -> None:
    """Remove temporary folders that killed processes left.

    First, an old folder that lost its place is put back. A folder that may hold the old one is
    removed only if `target` is vacant or sound.
    """
    put_back(target)
    for path in beside(target, ASIDE):
        with held(path) as is_free:
            if is_free and (may_discard_old(target) or not _may_hold_old(path)):
                _discard(path, target)


def put_back(target: Path) -> None:
    """Move an old folder back to `target` if nothing is there.

    On systems that cannot exchange two folders atomically, an interruption may have left the old
    folder next to its place.
    """
    for path in beside(target, ASIDE, ANEW):
        with held(path) as is_free:
            if is_free:
                _put_back(path, real(target))


def discard_room(room: Path, target: Path) -> bool:
    """Remove a working folder of `rooms_for_another`; return False when it has to be kept.

    It may hold the old index, so it is kept unless `target` is vacant or sound. It is also kept
    when another process works in it.
    """
    if not may_discard_old(target):
        return False
    try:
        with locked(room):
            _discard(room, target)
    except LockedError:
        return False
    return True


def may_discard_old(target: Path) -> bool:
    """Whether an old folder is not needed: its place is vacant, or has a sound manifest."""
    try:
        if is_vacant(target):
            return True
        parse_manifest(target)
    except StorageError:  # it is damaged, of another version, or could not be looked at
        return False
    return True


def _may_hold_old(aside: Path) -> bool:
    """Whether a working folder may hold the replaced folder, and not only an unfinished one."""
    try:
        return any(map(is_there, (*_places_of_old(aside), aside / NEW / MANIFEST)))
    except StorageError:
        return True


def _places_of_old(aside: Path) -> tuple[Path, ...]:
    """Where the folder that was replaced may lie: a whole working folder may lie in another."""
    return aside / WAS, aside / NEW / WAS, aside / NEW / NEW


def _discard(aside: Path, target: Path) -> None:
    """Remove a working folder; what a repair has set aside in an index there moves to `target`."""
    for old in (aside / NEW, *_places_of_old(aside)):
        if not carry_over(old, target):
            return
    shutil.rmtree(aside, ignore_errors=True)


def discard_folder(old: Path, target: Path) -> None:
    """Remove an old index, but for what a repair has set aside in it: that goes to `target`."""
    if not carry_over(old, target):
        raise StorageError(
            f"{old} holds what a repair has set aside, which cannot be moved to {target}: move it "
            "away, or remove it"
        )
    shutil.rmtree(old)


def _put_back(aside: Path, target: Path) -> bool:
    """Move an old folder back if nothing is at its place; return whether `aside` must be kept.

    It must be kept when the old folder is still in it and the folder at its place is not sound.
    """
    was = next((old for old in (aside / WAS, aside / NEW / WAS) if is_there(old)), None)
    if was is None:
        return False
    if not is_vacant(target):
        return not may_discard_old(target)
    try:
        if is_there(target):
            target.rmdir()
        os.replace(was, target)
    except OSError as error:
        raise StorageError(
            f"cannot move {was} back to {target} ({error.strerror or error}); overwriting it "
            "had failed: move it back yourself"
        ) from error
    return False


def check_target(target: Path, overwrite: bool = False, kind: str | None = None) -> None:
    """Raise an ExistsError when a folder (of format `kind`) may not be written to `target`."""
    if is_there(target) and os.path.ismount(target):
        raise ExistsError(
            f"{target} is where a disk is mounted, which cannot be replaced: choose a folder in it"
        )
    if _is_here(target):
        raise ExistsError(
            f"{target} is the folder you are in, which cannot be replaced while you are in it: "
            "choose a folder in it, or change to another folder"
        )
    if is_vacant(target):
        return
    if not _is_ours(target):
        raise ExistsError(
            f"{target} exists and is neither a vocabulary nor an index, or it is a damaged one, so "
            "it is not overwritten: choose another place, or remove it yourself"
        )
    if not overwrite:
        raise ExistsError(f"{target} exists already: choose another place, or overwrite it")
    found = _kind_at(target)
    if kind is not None and found not in (None, kind):
        raise ExistsError(
            f"{target} is {called(found)}, and is not overwritten by {called(kind)}: choose "
            "another place, or remove it yourself"
        )


def is_vacant(target: Path) -> bool:
    """Whether a path does not exist, or is an empty folder."""
    return not is_there(target) or (is_folder(target) and not names_in(target))


def _is_here(target: Path) -> bool:
    """Whether the current folder of this process is `target`, or lies in it."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return False
    return real(target) in (here, *here.parents)


def _is_ours(target: Path) -> bool:
    """Whether a folder has a manifest of bovw, intact or not; other programs use that name too."""
    return b'"bovw-' in _beginning(target)


def _kind_at(target: Path) -> str | None:
    """Format of the folder at `target`; None when its manifest does not say."""
    found = re.search(rb'"format": ?"(bovw-[a-z]+)"', _beginning(target))
    return None if found is None else found[1].decode("ascii")


def _beginning(target: Path) -> bytes:
    path = target / MANIFEST
    try:
        with looking(path):
            if not is_file(path):  # a pipe would be waited for
                return b""
            with path.open("rb") as file:
                return file.read(1 << 16)
    except OSError:  # there is none
        return b""
