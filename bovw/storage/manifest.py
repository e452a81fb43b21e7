"""Manifests: the format of a folder, and the size and hash of every file in it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ..errors import FormatError, LockedError, StorageError
from ..files import write_text
from ..nearest import CACHE_SUFFIXES, CacheFile
from .looking import (
    check_missing,
    content_of,
    could_not_look,
    files_below,
    is_file,
    is_folder,
    is_link,
    is_there,
    looking,
    state_at,
)
from .places import MANIFEST, called, moved_away, sync
from .set_aside import SET_ASIDE

Loaded = TypeVar("Loaded")
ADVICE = "restore it from a copy, or create it again"
_SALVAGE = "'bovw doctor --repair' keeps the undamaged parts, or restore it from a copy"
_ATTEMPTS = 10
_ALL = (2, 3)  # versions of all kinds of folders together
_FOLDERS = ("vocabulary", "segments", "candidates", "views", SET_ASIDE)
MANIFEST_BYTES = 256 << 20
"""Largest manifest that is read: enough for an index with some ten million removed pictures."""


class OtherVersionError(FormatError):
    """The version of a folder's format is not one that this bovw reads; the folder may be sound."""


def advice_for(name: str) -> str:
    """Advice for the message about a damaged file."""
    return _SALVAGE if name.startswith(("segments/", "candidates/", "views/")) else ADVICE


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else _digest(file)
        )


def _digest(file: Any) -> str:  # Python 3.10
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write JSON in ASCII; other characters, and names that are not UTF-8, become escapes."""
    path.write_text(_as_json(content), encoding="ascii")


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def write_manifest(folder: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write the manifest of a folder; call it after all other files were written."""
    files = {
        path.relative_to(folder).as_posix(): file_facts(path)
        for path in files_below(folder)
        if path != folder / MANIFEST
    }
    manifest = {"format": kind, "version": version, **content, "files": files}
    write_json(folder / MANIFEST, {**manifest, "digest": digest(manifest)})


def file_facts(path: Path) -> dict[str, Any]:
    """Size and hash of a file, in the form of a manifest."""
    return {"size": path.stat().st_size, "sha256": file_sha256(path)}


def replace_manifest(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Replace a manifest atomically; return the digest of the new one.

    Raises
    ------
    StorageError
        When that failed; then either the old or the new manifest is there.
    """
    content = {name: value for name, value in manifest.items() if name != "digest"}
    found = digest(content)
    try:
        sync(folder)  # the listed files must be on disk before the manifest is
        write_text(folder / MANIFEST, _as_json({**content, "digest": found}))
        sync(folder)
    except OSError as error:
        raise StorageError(
            f"cannot write {folder / MANIFEST}: {error.strerror or error}; the change was made or "
            "it was not, but nothing is lost: make room or check the disk, and repeat the command"
        ) from error
    return found


def digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its digest; spaces and order in the file do not matter."""
    content = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def read_manifest(
    folder: Path, kind: str | None = None, versions: Sequence[int] = _ALL
) -> dict[str, Any]:
    """Read and check a manifest: format, version, and the sizes of the listed files.

    Raises
    ------
    FormatError
        When something is wrong; the message names the file and the problem.
    StorageError
        When it could not be looked at, which does not mean that something is wrong.
    """
    manifest = parse_manifest(folder, kind, versions)
    for name, facts in manifest["files"].items():
        problem = file_problem(folder, name, facts)
        if problem is not None:
            raise FormatError(f"{folder / name} {problem}: {advice_for(name)}")
    return manifest


def parse_manifest(
    folder: Path, kind: str | None = None, versions: Sequence[int] = _ALL
) -> dict[str, Any]:
    """Read and check a manifest, but not the files that it lists."""
    if not is_folder(folder):
        what = "not a folder" if is_there(folder) else "no such folder"
        raise FormatError(f"{folder}: {what}; give the folder of {called(kind)}{_left(folder)}")
    path = folder / MANIFEST
    if not is_file(path):  # false for a pipe, which would block
        check_missing(path, folder)
        raise FormatError(f"{folder} holds no {MANIFEST}: it is not {called(kind)} of bovw")
    try:
        with looking(path):
            manifest = json.loads(content_of(path, MANIFEST_BYTES).decode("ascii"))
            expected = digest(manifest) if isinstance(manifest, dict) else None
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} cannot be read ({error}): {ADVICE}") from error
    if not isinstance(manifest, dict) or not str(manifest.get("format", "")).startswith("bovw-"):
        raise FormatError(f"{folder / MANIFEST} is not a manifest of bovw")
    if kind is not None and manifest["format"] != kind:
        raise FormatError(f"{folder} is {called(manifest['format'])}, but {called(kind)} is needed")
    found = manifest.get("version")
    if not isinstance(found, int) or found not in versions:
        raise OtherVersionError(
            f"{folder} has version {found!r} of its format, this bovw reads "
            f"{' and '.join(map(str, versions))}: "
            "use the version of bovw that wrote it, or create it again"
        )
    if manifest.get("digest") != expected:
        raise FormatError(f"{folder / MANIFEST} has changed since it was written: {ADVICE}")
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise FormatError(f"{folder / MANIFEST} lists no files: {ADVICE}")
    _check_paths(folder, files)
    return manifest


def _check_paths(folder: Path, files: Mapping[str, Any]) -> None:
    """Raise a FormatError when a manifest lists a file outside of its folder."""
    for name, facts in files.items():
        inside = PurePosixPath(name)
        if (
            inside.is_absolute()
            or ".." in inside.parts
            or "\\" in name
            or ":" in name
            or "\0" in name
        ):
            raise FormatError(f"{folder / MANIFEST} names {name!r}, which leads out of the folder")
        if inside.parts[:1] == (SET_ASIDE,):  # what lies there may be deleted
            raise FormatError(f"{folder / MANIFEST} lists {name!r}, which is set aside: {ADVICE}")
        if not isinstance(facts, dict) or not {"size", "sha256"} <= set(facts):
            raise FormatError(f"{folder / MANIFEST} does not say how large {name!r} is: {ADVICE}")
    inner = {parent for name in files for parent in PurePosixPath(name).parents}
    for place in sorted({*inner, *map(PurePosixPath, _FOLDERS)} - {PurePosixPath()}):
        if is_link(folder / place):  # a change there would change files elsewhere
            raise FormatError(
                f"{folder / place} is a link, which leads out of the folder: replace the link by "
                "the folder that it leads to"
            )


def digest_at(folder: Path) -> str:
    """Digest of the manifest of a folder; "" when there is none, or it is damaged.

    A StorageError says that it could not be looked at.
    """
    try:
        return str(parse_manifest(folder)["digest"])
    except FormatError:
        return ""


def of_one_generation(
    folder: Path, kind: str, versions: Sequence[int], load: Callable[[dict[str, Any]], Loaded]
) -> Loaded:
    """Load a folder, and load it again if another process changed or replaced it meanwhile.

    This way, everything that is loaded belongs to one generation. `load` gets the manifest, checked
    by `read_manifest`.
    """
    for _ in range(_ATTEMPTS):
        before = digest_at(folder)
        try:
            with looking(folder):
                manifest = read_manifest(folder, kind, versions)
                loaded = load(manifest)
        except (FormatError, OSError) as error:
            # A writer may have removed a file that it no longer needs just before we opened it.
            if digest_at(folder) != before:
                continue
            if isinstance(error, FormatError):
                raise
            path = Path(os.fsdecode(error.filename or folder))
            if error.errno != errno.ENOENT or not path.is_relative_to(folder):
                raise could_not_look(path, error) from error
            check_missing(path, folder)
            raise FormatError(f"{path} is missing: {ADVICE}") from error
        if digest_at(folder) == manifest["digest"]:
            return loaded
    raise LockedError(f"{folder} is changed faster than it can be opened: try again")


def file_problem(
    folder: Path, name: str, facts: Mapping[str, Any], *, full: bool = False
) -> str | None:
    """Say what is wrong with a file that a manifest lists; None when nothing is wrong.

    With `full`, the hash of its bytes is compared too, not only its size. A StorageError says that
    the file could not be looked at.
    """
    path = folder / name
    state = state_at(path)
    if state is None:
        if not is_there(path):
            check_missing(path, folder)
        return "is missing"
    if not stat.S_ISREG(state.st_mode):
        return "is no file"
    if state.st_size != facts["size"]:
        return f"has {state.st_size} bytes, the manifest says {facts['size']}"
    try:
        with looking(path):
            if full and file_sha256(path) != facts["sha256"]:
                return "has changed since it was written"
    except OSError as error:
        raise could_not_look(path, error) from error
    return None


def _left(folder: Path) -> str:
    """Hint for a message: where the old folder is, if overwriting it was interrupted."""
    was = moved_away(folder)
    if was is None:
        return ""
    return f" (an interrupted overwriting left it in {was}: do it again, or move it back)"


def sound_cache(folder: Path, manifest: Mapping[str, Any], name: str) -> CacheFile | None:
    """Return nmslib's files if their hashes are those of the manifest; None otherwise."""
    listed = [(name + suffix, manifest["files"].get(name + suffix)) for suffix in CACHE_SUFFIXES]
    with looking(folder / name):
        found = CacheFile.of(folder / name)
    if found is None or any(
        facts is None or file_problem(folder, n, facts, full=True) for n, facts in listed
    ):
        return None
    return found


def check_hashes(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise a FormatError when any file has another hash than the manifest says."""
    for name, facts in manifest["files"].items():
        problem = file_problem(folder, name, facts, full=True)
        if problem is not None:
            raise FormatError(f"{folder / name} {problem}: {advice_for(name)}")
