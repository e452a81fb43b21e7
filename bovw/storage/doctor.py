"""Checks every byte of an index or vocabulary, and takes damaged parts out of an index.

Only bytes that were read prove damage. When anything could not be looked at (no memory, no
permission, a disk that does not answer), nothing is changed. What is taken out is set aside; see
`set_aside.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import FormatError, LockedError, SettingsError, StorageError, some
from ..parallel import READING
from ..settings import checked_arguments
from .contents.compressed_folder import KIND as LSA
from .contents.compressed_folder import load_lsa_index
from .contents.graph_folder import listed_graphs
from .contents.index_folder import KIND, VERSIONS, load_listed
from .contents.views_folder import folders_listed
from .contents.vocabulary_folder import load_vocabulary
from .disk_writer import remove_unlisted, unlisted
from .examination import Findings, check_files, examined
from .folders import abandoned, discard_room, put_back, tidy
from .incoming import INCOMING
from .journal import JOURNAL, read_journal
from .links_file import LINKS
from .lock import LOCK, locked
from .looking import files_below, is_file, is_own_file, is_there, looking
from .manifest import OtherVersionError, parse_manifest, replace_manifest
from .places import MANIFEST, rooms_for_another
from .set_aside import SET_ASIDE, delete_set_aside, notes_on_set_aside, set_aside


@dataclass(frozen=True)
class Diagnosis:
    """Result of checking a folder.

    Attributes
    ----------
    kind : str
        "index", "vocabulary" or "compressed index".
    problems : tuple of str
        Damage that was found, a sentence each; empty when there is none.
    unexamined : tuple of str
        What could not be looked at, and why. It may be sound, so nothing was repaired.
    notes : tuple of str
        Things that are no damage but worth knowing, such as leftovers of an interruption.
    lost : tuple of str
        Identifiers of pictures in damaged segments: index them again.
    repaired : bool
        Whether the damaged parts were taken out, and set aside.
    can_be_repaired : bool
        Whether taking out the damaged parts gives a working index.
    """

    kind: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    repaired: bool = False
    can_be_repaired: bool = False
    unexamined: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether all was looked at, and there is no damage or all damage was set aside."""
        return not self.unexamined and (not self.problems or self.repaired)


@checked_arguments
def diagnose(
    path: str | os.PathLike[str], *, repair: bool = False, purge: bool = False
) -> Diagnosis:
    """Check every byte of an index, a compressed index or a vocabulary.

    Parameters
    ----------
    path : path
    repair : bool
        Set damaged segments and damaged nmslib files of an index aside, so that the rest can be
        used. If the index is sound, remove leftovers of interruptions instead. A manifest or a
        vocabulary cannot be repaired. When anything could not be looked at, nothing is changed.
    purge : bool
        Delete what earlier repairs have set aside, if the index is sound.

    Returns
    -------
    Diagnosis

    Raises
    ------
    FormatError
        When the folder holds neither an index, a compressed index nor a vocabulary.
    LockedError
        With `repair` or `purge`, when another process is changing the index.
    """
    if repair and purge:
        raise SettingsError("repair and purge: what is set aside now is not deleted at once")
    folder = Path(path)
    if repair:
        put_back(folder)
    try:
        manifest = parse_manifest(folder)
        if manifest["format"] != KIND:
            return _diagnose_whole(folder, str(manifest["format"]))
        while not (repair or purge):
            found = _diagnose_index(folder, manifest)
            before, manifest = manifest, parse_manifest(folder, KIND, VERSIONS)
            if manifest["digest"] == before["digest"]:  # nobody changed it during the check
                return found
        with locked(folder):
            manifest = parse_manifest(folder, KIND, VERSIONS)
            return _repaired(folder, manifest) if repair else _purged(folder, manifest)
    except LockedError:
        raise
    except OtherVersionError as error:
        return Diagnosis("index", unexamined=(str(error),))
    except FormatError as error:
        if not is_file(folder / MANIFEST):
            raise
        return Diagnosis("index", (str(error),))
    except StorageError as error:
        return Diagnosis("index", unexamined=(str(error),))


def _diagnose_whole(folder: Path, kind: str) -> Diagnosis:
    """Check a vocabulary or a compressed index, which cannot be repaired in parts."""
    name, load = (
        ("compressed index", load_lsa_index) if kind == LSA else ("vocabulary", load_vocabulary)
    )
    found = Findings()
    found.examine(lambda: check_files(folder, parse_manifest(folder)["files"], found))
    problems = [*found.by_file.values()]
    if not problems:
        found.examine(lambda: load(folder, trusted=False))
    return Diagnosis(name, (*problems, *found.fatal), unexamined=tuple(found.unseen))


def _diagnosis(
    folder: Path, manifest: Mapping[str, Any], found: Findings, repaired: bool = False
) -> Diagnosis:
    notes: list[str] = []
    found.examine(lambda: notes.extend(_leftovers(folder, manifest["files"], found.n_words)))
    return Diagnosis(
        "index",
        (*found.fatal, *found.problems),
        tuple(notes),
        tuple(sorted(found.lost)),
        repaired=repaired,
        can_be_repaired=found.can_be_repaired,
        unexamined=tuple(dict.fromkeys(found.unseen)),
    )


def _diagnose_index(folder: Path, manifest: Mapping[str, Any]) -> Diagnosis:
    found = examined(folder, manifest)
    diagnosis = _diagnosis(folder, manifest, found)
    kept = notes_on_set_aside(folder)
    if set(diagnosis.notes) - set(kept) and _is_busy(folder):
        busy = f"another process is changing {folder}, and has not finished"
        return replace(diagnosis, notes=(busy, *kept))
    return diagnosis


def _repaired(folder: Path, manifest: dict[str, Any]) -> Diagnosis:
    """Examine an index, and set aside what is damaged; the lock is held."""
    found = examined(folder, manifest)
    files = manifest["files"]
    if found.can_be_repaired:
        smaller = _without_damage(manifest, found)
        # Nothing is taken out if the rest would not work as an index.
        found.examine(lambda: _check_without(folder, smaller))
    before = _diagnosis(folder, manifest, found)
    if found.fatal or found.unseen:
        return before
    if found.can_be_repaired:
        listed = {n.rsplit("/", 1)[0] for n in set(files) - set(smaller["files"])}
        set_aside(
            folder,
            [*sorted(listed), *(str(p.relative_to(folder)) for p in unlisted(folder, files))],
            before.problems,
        )
        replace_manifest(folder, smaller)
        remove_unlisted(folder, smaller["files"])
        # Working folders are kept: they may hold pictures that are lost here.
        return _diagnosis(folder, smaller, found, repaired=True)
    unused = [str(path.relative_to(folder)) for path in unlisted(folder, files)]
    set_aside(folder, unused, ["left of an interrupted change"])
    remove_unlisted(folder, files)
    tidy(folder)
    for room in rooms_for_another(folder):
        discard_room(room, folder)
    notes = [note.replace(" is left ", " was left ") for note in before.notes]
    return replace(before, notes=tuple(dict.fromkeys([*notes, *notes_on_set_aside(folder)])))


def _purged(folder: Path, manifest: dict[str, Any]) -> Diagnosis:
    """Examine an index, and delete what was set aside; the lock is held."""
    found = examined(folder, manifest)
    if found.fatal or found.problems or found.unseen:
        diagnosis = _diagnosis(folder, manifest, found)
        kept = f"{folder / SET_ASIDE} is kept, because the index is not known to be sound"
        return replace(diagnosis, notes=(*diagnosis.notes, kept))
    gone = [f"{name} was deleted" for name in delete_set_aside(folder)]
    diagnosis = _diagnosis(folder, manifest, found)
    return replace(diagnosis, notes=(*gone, *diagnosis.notes))


def _check_without(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise an error when the index of a manifest would not open and search."""
    with looking(folder):
        _ = load_listed(folder, manifest, trusted=False).collection


def _without_damage(manifest: Mapping[str, Any], found: Findings) -> dict[str, Any]:
    """Manifest of the sound segments; views and nmslib's graph stay if all segments are sound."""
    names = [entry["name"] for entry in found.sound]

    def is_sound(name: str | None) -> bool:
        damaged = any(file.startswith(f"{name}/") for file in found.by_file)
        return len(names) == len(manifest["segments"]) and not damaged

    graphs = [name for name in listed_graphs(manifest) if is_sound(name)]
    views = manifest.get("views")
    views = views if views and is_sound(views["folder"]) else None
    roots = tuple(f"{name}/" for name in folders_listed(names, graphs, views))
    return {
        **manifest,
        "generation": int(manifest["generation"]) + 1,
        "segments": found.sound,
        "candidates": graphs,
        **({"views": views} if "views" in manifest else {}),
        "files": {n: f for n, f in manifest["files"].items() if n.startswith(roots)},
    }


def _leftovers(folder: Path, files: Mapping[str, Any], n_words: int | None) -> list[str]:
    notes = notes_on_set_aside(folder)
    notes += [
        f"{path} is left of an interrupted change and is not used"
        for path in [*unlisted(folder, files), *abandoned(folder)]
    ]
    notes += [
        f"{path} is left of an interrupted overwriting: repeat the same command to continue it, "
        "or remove this folder"
        for path in rooms_for_another(folder)
    ]
    if n_words is not None and is_own_file(folder / JOURNAL):
        waiting = len(list(read_journal(folder, n_words)))
        notes.append(
            f"{waiting} pictures of an interrupted run are finished and wait in "
            f"{folder / JOURNAL}: index the same pictures again to continue"
        )
    strays = _strays(folder, files)
    if strays:
        notes.append(
            f"{len(strays)} files in {folder} do not belong to the index; they are kept until it "
            f"is overwritten: {some(strays, 3)}"
        )
    return notes


def _is_busy(folder: Path) -> bool:
    """Whether another process holds the lock of an index."""
    try:
        with locked(folder) if is_there(folder / LOCK) else nullcontext():
            return False
    except LockedError:
        return True
    except StorageError:  # a read-only folder
        return False


def _strays(folder: Path, files: Mapping[str, Any]) -> list[str]:
    """Files in the folder of an index that do not belong to it."""
    ours = {MANIFEST, LOCK, JOURNAL, READING, LINKS, *files}
    unused = unlisted(folder, files)
    return sorted(
        name
        for path in files_below(folder)
        if (name := path.relative_to(folder).as_posix()) not in ours
        and not name.startswith(
            (f".{MANIFEST}.", f".{JOURNAL}.", f".{LINKS}.", f"{SET_ASIDE}/", f"{INCOMING}/")
        )
        and not any(path.is_relative_to(other) for other in unused)
    )
