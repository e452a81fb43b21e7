"""Checking what lies on disk in full, and dropping what cannot be saved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, LockedError, StorageError
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
    """What was found in a folder.

    Attributes
    ----------
    kind : str
        "index" or "vocabulary".
    problems : tuple of str
        One sentence each; none when all is well.
    notes : tuple of str
        What is not wrong and worth knowing: leftovers of an interruption, a cache to be rebuilt.
    lost : tuple of str
        Identifiers of pictures whose features cannot be trusted: index them again.
    repaired : bool
        Whether what cannot be saved was dropped.
    can_be_repaired : bool
    """

    kind: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    repaired: bool = False
    can_be_repaired: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, or nothing is any more."""
        return not self.problems or self.repaired


def diagnose(path: str | os.PathLike[str], *, repair: bool = False) -> Diagnosis:
    """Check every byte of an index or a vocabulary.

    Parameters
    ----------
    path : path
    repair : bool
        Of an index: drop segments that are damaged, and nmslib's files when they are, so that the
        rest can be used; remove leftovers. A manifest or a vocabulary cannot be repaired.

    Returns
    -------
    Diagnosis

    Raises
    ------
    FormatError
        When the folder holds neither.
    LockedError
        When it is to be repaired while another process changes it.
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
        if manifest["digest"] == before["digest"]:  # nobody has changed it under our hands
            return found
    with locked(folder):
        return _diagnose_index(folder, parse_manifest(folder, KIND, VERSION), repair=True)


def _problems_of_whole(folder: Path, load: Callable[..., Any]) -> list[str]:
    """Check what is sound as a whole, or not at all."""
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
    """What is wrong with an index: for good, and with which of its segments."""

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
        if not str(error).startswith(tuple(fatal)):  # that was said already
            fatal.append(str(error))
    return _Findings(list(dict.fromkeys(fatal)), problems, sound, lost, n_words)


def _without_damage(folder: Path, manifest: Mapping[str, Any], found: _Findings) -> dict[str, Any]:
    """Leave sound segments; what nmslib searches only when all is as it was built for."""
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
    """Read all of a segment whose files are what they were."""
    try:
        load_segment(folder, manifest, name, n_words).check_words(n_words)
    except FormatError as error:
        return str(error)
    return None


def _identifiers(folder: Path, name: str, dead: Iterable[int]) -> Iterable[str]:
    """Pictures of a damaged segment, as far as its catalogue can be read."""
    try:
        records, _ = read_catalogue(folder / name / "catalogue.json")
    except FormatError:
        return [f"(all pictures of {name}, whose catalogue cannot be read)"]
    gone = set(dead)
    return [record.identifier for i, record in enumerate(records) if i not in gone]


def _leftovers(folder: Path, files: Mapping[str, Any], n_words: int | None) -> list[str]:
    unused = unlisted(folder, files)
    left = [*unused, *abandoned(folder)]
    notes = [f"{path} is left of an interrupted change, and not used" for path in left]
    notes += [
        f"{path} is left of an interrupted overwriting: the same command goes on from there, or "
        "remove it"
        for path in rooms_for_another(folder)
    ]
    if n_words is not None and is_regular(folder / JOURNAL):
        waiting = len(list(read_journal(folder, n_words)))
        notes.append(
            f"{waiting} pictures that an interrupted run has finished wait in {folder / JOURNAL}: "
            "index the same pictures again to go on"
        )
    strays = _strays(folder, files, unused)
    if strays:
        notes.append(
            f"{len(strays)} files in {folder} are not the index's, and left alone until it is "
            f"overwritten: {', '.join(strays[:3])}{', ...' if len(strays) > 3 else ''}"
        )
    return notes


def _is_busy(folder: Path) -> bool:
    """Whether somebody holds the lock of an index."""
    try:
        with locked(folder) if (folder / LOCK).exists() else nullcontext():
            return False
    except LockedError:
        return True
    except StorageError:  # it may only be read
        return False


def _strays(folder: Path, files: Mapping[str, Any], unused: Sequence[Path]) -> list[str]:
    """What others have put into an index."""
    ours = {MANIFEST, LOCK, JOURNAL, READING, *files}
    return sorted(
        name
        for path in folder.rglob("*")
        if not path.is_dir()
        and (name := path.relative_to(folder).as_posix()) not in ours
        and not name.startswith((f".{MANIFEST}.", f".{JOURNAL}."))
        and not any(path.is_relative_to(other) for other in unused)
    )
