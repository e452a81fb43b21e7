"""Checks every byte of an index or vocabulary, and drops damaged parts of an index."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, LockedError, StorageError, some
from ..files import is_regular
from ..parallel import READING
from .compressed_folder import KIND as LSA
from .compressed_folder import load_lsa_index
from .disk_writer import remove_unlisted, unlisted
from .folders import (
    MANIFEST,
    abandoned,
    rooms_for_another,
    tidy,
)
from .index_folder import (
    KIND,
    VERSION,
    load_index,
    read_header,
)
from .journal import JOURNAL, read_journal
from .lock import LOCK, locked
from .manifest import file_problem, parse_manifest, replace_manifest
from .segment_folder import load_segment, read_catalogue
from .vocabulary_folder import load_vocabulary


@dataclass(frozen=True)
class Diagnosis:
    """Result of checking a folder.

    Attributes
    ----------
    kind : str
        "index", "vocabulary" or "compressed index".
    problems : tuple of str
        Damage that was found, a sentence each; empty when there is none.
    notes : tuple of str
        Things that are no damage but worth knowing, such as leftovers of an interruption.
    lost : tuple of str
        Identifiers of pictures in damaged segments: index them again.
    repaired : bool
        Whether the damaged parts were dropped.
    can_be_repaired : bool
        Whether dropping the damaged parts gives a working index.
    """

    kind: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    repaired: bool = False
    can_be_repaired: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether there is no damage, or it was repaired."""
        return not self.problems or self.repaired


def diagnose(path: str | os.PathLike[str], *, repair: bool = False) -> Diagnosis:
    """Check every byte of an index, a compressed index or a vocabulary.

    Parameters
    ----------
    path : path
    repair : bool
        Of an index, drop damaged segments and damaged nmslib files, so that the rest can be used,
        and remove leftovers of interruptions. A manifest or a vocabulary cannot be repaired.

    Returns
    -------
    Diagnosis

    Raises
    ------
    FormatError
        When the folder holds none of them.
    LockedError
        With `repair`, when another process is changing the index.
    """
    folder = Path(path)
    if repair:
        tidy(folder)
    try:
        manifest = parse_manifest(folder)
    except FormatError as error:
        if not (folder / MANIFEST).is_file():
            raise
        return Diagnosis("index", (str(error),))
    if manifest["format"] != KIND:
        is_lsa = manifest["format"] == LSA
        load = load_lsa_index if is_lsa else load_vocabulary
        problems = _problems_of_whole(folder, load)
        return Diagnosis("compressed index" if is_lsa else "vocabulary", tuple(problems))
    while not repair:
        found = _diagnose_index(folder, manifest, repair=False)
        before, manifest = manifest, parse_manifest(folder, KIND, VERSION)
        if manifest["digest"] == before["digest"]:  # nobody changed it during the check
            return found
    with locked(folder):
        return _diagnose_index(folder, parse_manifest(folder, KIND, VERSION), repair=True)


def _problems_of_whole(folder: Path, load: Callable[..., Any]) -> list[str]:
    """Check a vocabulary or a compressed index, which cannot be repaired in parts."""
    try:
        problems = _problems_of_files(folder, parse_manifest(folder)["files"])
        load(folder, trusted=False)
    except FormatError as error:
        return [str(error)]
    return list(problems.values())


def _problems_of_files(folder: Path, files: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, facts in files.items():
        problem = file_problem(folder, name, facts, full=True)
        if problem is not None:
            found[name] = f"{folder / name} {problem}"
    return found


@dataclass(frozen=True)
class _Findings:
    """Damage of an index: `fatal` cannot be repaired, `problems` can; `sound` are good segments."""

    fatal: list[str]
    problems: list[str]
    sound: list[dict[str, Any]]
    lost: list[str]
    n_words: int | None


def _diagnose_index(folder: Path, manifest: dict[str, Any], *, repair: bool) -> Diagnosis:
    found = _examined(folder, manifest)
    notes = _leftovers(folder, manifest["files"], found.n_words)
    if repair:
        notes = [note.replace(" is left ", " was left ") for note in notes]
    elif notes and _is_busy(folder):
        notes = [f"another process is changing {folder}, and has not finished"]
    can = bool(found.problems) and not found.fatal
    if repair and can:
        manifest = _without_damage(folder, manifest, found)
        replace_manifest(folder, manifest)
        try:
            _ = load_index(folder, trusted=False).collection
        except FormatError as error:
            found.fatal.append(str(error))
            can = False
    if repair:
        remove_unlisted(folder, manifest["files"])
        for room in rooms_for_another(folder):
            with suppress(LockedError), locked(room):
                shutil.rmtree(room, ignore_errors=True)
    return Diagnosis(
        "index",
        (*found.fatal, *found.problems),
        tuple(notes),
        tuple(sorted(found.lost)),
        repaired=repair and can,
        can_be_repaired=can,
    )


def _examined(folder: Path, manifest: Mapping[str, Any]) -> _Findings:
    by_file = _problems_of_files(folder, manifest["files"])
    fatal = [p for name, p in by_file.items() if name.startswith("vocabulary/")]
    problems = [p for name, p in by_file.items() if not name.startswith("vocabulary/")]
    n_words = None
    sound: list[dict[str, Any]] = []
    lost: list[str] = []
    try:
        n_words = load_vocabulary(folder / "vocabulary", trusted=False).n_words_
        read_header(folder, manifest)
        for entry in manifest["segments"]:
            name = str(entry["name"])
            if not any(file.startswith(f"{name}/") for file in by_file):
                wrong = _problem_of_segment(folder, manifest, name, n_words)
                if wrong is None:
                    sound.append(entry)
                    continue
                problems.append(wrong)
            lost += _identifiers(folder, name, entry["dead"])
        if not problems and not fatal:
            _ = load_index(folder, trusted=False).collection
    except (FormatError, KeyError, TypeError) as error:
        if not str(error).startswith(tuple(fatal)):  # that was reported already
            fatal.append(str(error))
    return _Findings(list(dict.fromkeys(fatal)), problems, sound, lost, n_words)


def _without_damage(folder: Path, manifest: Mapping[str, Any], found: _Findings) -> dict[str, Any]:
    """Manifest of the sound segments; nmslib's graph is kept only if it and they are all sound."""
    candidates = manifest.get("candidates")
    names = [entry["name"] for entry in found.sound]
    if len(names) == len(manifest["segments"]) and candidates is not None:
        files = {n: f for n, f in manifest["files"].items() if n.startswith(f"{candidates}/")}
        if _problems_of_files(folder, files):
            candidates = None
    else:
        candidates = None
    roots = tuple(f"{name}/" for name in ("vocabulary", *names, *([candidates] * bool(candidates))))
    return {
        **manifest,
        "generation": int(manifest["generation"]) + 1,
        "segments": found.sound,
        "candidates": candidates,
        "files": {n: f for n, f in manifest["files"].items() if n.startswith(roots)},
    }


def _problem_of_segment(
    folder: Path, manifest: Mapping[str, Any], name: str, n_words: int
) -> str | None:
    """Load a segment whose hashes are right, and say what is wrong with it; None for nothing."""
    try:
        load_segment(folder, manifest, name, n_words).check_words(n_words)
    except FormatError as error:
        return str(error)
    return None


def _identifiers(folder: Path, name: str, dead: Iterable[int]) -> Iterable[str]:
    """Identifiers of the pictures of a damaged segment, if its catalogue can be read."""
    try:
        records, _ = read_catalogue(folder / name / "catalogue.json")
    except FormatError:
        return [f"(all pictures of {name}, whose catalogue cannot be read)"]
    gone = set(dead)
    return [record.identifier for i, record in enumerate(records) if i not in gone]


def _leftovers(folder: Path, files: Mapping[str, Any], n_words: int | None) -> list[str]:
    unused = unlisted(folder, files)
    left = [*unused, *abandoned(folder)]
    notes = [f"{path} is left of an interrupted change and is not used" for path in left]
    notes += [
        f"{path} is left of an interrupted overwriting: repeat the same command to continue it, "
        "or remove this folder"
        for path in rooms_for_another(folder)
    ]
    if n_words is not None and is_regular(folder / JOURNAL):
        waiting = len(list(read_journal(folder, n_words)))
        notes.append(
            f"{waiting} pictures of an interrupted run are finished and wait in "
            f"{folder / JOURNAL}: index the same pictures again to continue"
        )
    strays = _strays(folder, files, unused)
    if strays:
        notes.append(
            f"{len(strays)} files in {folder} do not belong to the index; they are kept until it "
            f"is overwritten: {some(strays, 3)}"
        )
    return notes


def _is_busy(folder: Path) -> bool:
    """Whether another process holds the lock of an index."""
    try:
        with locked(folder) if (folder / LOCK).exists() else nullcontext():
            return False
    except LockedError:
        return True
    except StorageError:  # a read-only folder
        return False


def _strays(folder: Path, files: Mapping[str, Any], unused: Sequence[Path]) -> list[str]:
    """Files in the folder of an index that do not belong to it."""
    ours = {MANIFEST, LOCK, JOURNAL, READING, *files}
    return sorted(
        name
        for path in folder.rglob("*")
        if not path.is_dir()
        and (name := path.relative_to(folder).as_posix()) not in ours
        and not name.startswith((f".{MANIFEST}.", f".{JOURNAL}."))
        and not any(path.is_relative_to(other) for other in unused)
    )
