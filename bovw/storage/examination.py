"""Examines every byte of an index: what is damaged, what is sound, what could not be looked at.

Only bytes that were read prove damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, LockedError, StorageError
from ..pictures import Record
from .contents.index_folder import load_index, read_header
from .contents.segment_folder import load_catalogue, load_segment, read_catalogue
from .contents.vocabulary_folder import load_vocabulary
from .looking import looking
from .manifest import ADVICE, file_problem


@dataclass
class Findings:
    """What an examination found.

    `fatal` is damage that cannot be repaired, `problems` damage that can; `by_file` maps names of
    files to their damage. `unseen` could not be looked at. `sound` has the entries of segments
    without damage.
    """

    fatal: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    by_file: dict[str, str] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    sound: list[dict[str, Any]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    n_words: int | None = None

    @property
    def can_be_repaired(self) -> bool:
        """Whether there is damage that can all be taken out, and everything was looked at."""
        return bool(self.problems) and not self.fatal and not self.unseen

    def examine(self, look: Callable[[], object]) -> bool:
        """Look at something; note what is wrong, or that it could not be looked at."""
        try:
            look()
        except LockedError:
            raise
        except FormatError as error:
            if not str(error).startswith(tuple(self.by_file.values())):  # reported already
                self.fatal.append(str(error))
            return False
        except StorageError as error:
            self.unseen.append(str(error))
            return False
        return True


def check_files(folder: Path, files: Mapping[str, Any], found: Findings) -> None:
    """Compare files with the sizes and hashes that the manifest lists."""
    for name, facts in files.items():
        try:
            with looking(folder / name):
                problem = file_problem(folder, name, facts, full=True)
        except StorageError as error:
            found.unseen.append(str(error))
            continue
        if problem is not None:
            found.by_file[name] = f"{folder / name} {problem}"


def examined(folder: Path, manifest: Mapping[str, Any]) -> Findings:
    """Examine an index: its files, its vocabulary, each segment, and its views."""
    found = Findings()
    check_files(folder, manifest["files"], found)
    for name, problem in found.by_file.items():
        (found.fatal if name.startswith("vocabulary/") else found.problems).append(problem)

    def look() -> None:
        found.n_words = load_vocabulary(folder / "vocabulary", trusted=False).n_words_
        read_header(folder, manifest)
        for entry in manifest["segments"]:
            _examine_segment(folder, manifest, entry, found)
        if not (found.problems or found.fatal or found.unseen):
            _check_views(folder)

    try:
        with looking(folder):
            found.examine(look)
    except StorageError as error:
        found.unseen.append(str(error))
    except (KeyError, TypeError) as error:
        found.fatal.append(f"{folder}: the manifest is not as expected ({error!r:.500})")
    found.fatal = list(dict.fromkeys(found.fatal))
    return found


def _examine_segment(
    folder: Path, manifest: Mapping[str, Any], entry: dict[str, Any], found: Findings
) -> None:
    assert found.n_words is not None
    name, n_words = str(entry["name"]), found.n_words
    if not any(file.startswith(f"{name}/") for file in found.by_file):
        try:
            with looking(folder / name):
                load_segment(folder, manifest, name, n_words).check()
        except FormatError as error:
            found.problems.append(str(error))
        except StorageError as error:
            found.unseen.append(str(error))
            return
        else:
            found.sound.append(entry)
            return
    found.lost += _identifiers(folder, manifest, name, entry["dead"])


def _check_views(folder: Path) -> None:
    """Raise a FormatError when the stored views of an index are not what its segments say."""
    index = load_index(folder, trusted=False)
    plain = replace(index, stored_keys=None, stored_weights=None)
    if not np.array_equal(index.collection.keys, plain.collection.keys):
        raise FormatError(f"{folder}: its pictures are listed out of order: {ADVICE}")
    stored = index.stored_weights
    if stored is not None and stored.changed == 0:
        for name in ("idf", "lengths"):
            right = getattr(plain.weights, name)
            if not np.allclose(getattr(stored, name), right, rtol=1e-4, atol=1e-6):
                raise FormatError(f"{folder}: {name} is not what its words say: {ADVICE}")


def _identifiers(
    folder: Path, manifest: Mapping[str, Any], name: str, dead: Iterable[int]
) -> Iterable[str]:
    """Identifiers of the pictures of a damaged segment, if its catalogue can be read."""
    records: Sequence[Record]
    try:
        if f"{name}/catalogue.json" in manifest["files"]:
            records, _ = read_catalogue(folder / name / "catalogue.json")
        else:
            records, _ = load_catalogue(folder, manifest, name)
        identifiers = [record.identifier for record in records]
    except (StorageError, UnicodeDecodeError):
        return [f"(all pictures of {name}, whose catalogue cannot be read)"]
    gone = set(dead)
    return [identifier for i, identifier in enumerate(identifiers) if i not in gone]
