"""Manifests: what a folder is, and the size and hash of every file in it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ..errors import FormatError, LockedError, StorageError
from ..files import write_text
from ..nearest import CACHE_SUFFIXES, CacheFile
from .folders import (
    MANIFEST,
    called,
    moved_away,
    sync,
)

Loaded = TypeVar("Loaded")
ADVICE = "restore it from a copy, or make it anew"
_SALVAGE = "'bovw doctor --repair' saves what is sound, or restore it from a copy"
_ATTEMPTS = 10
_FOLDERS = ("vocabulary", "segments", "candidates")


def advice_for(name: str) -> str:
    """What to do about a file that is damaged."""
    return _SALVAGE if name.startswith(("segments/", "candidates/")) else ADVICE


def file_sha256(path: Path) -> str:
    """Hash of a file."""
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
    """Write JSON in ASCII: names that are not UTF-8 appear as backslash escapes."""
    path.write_text(_as_json(content), encoding="ascii")


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def write_manifest(folder: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write the manifest of a folder whose files are all there."""
    files = {
        path.relative_to(folder).as_posix(): file_facts(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }
    manifest = {"format": kind, "version": version, **content, "files": files}
    write_json(folder / MANIFEST, {**manifest, "digest": digest(manifest)})


def file_facts(path: Path) -> dict[str, Any]:
    """Size and hash of a file, as a manifest lists them."""
    return {"size": path.stat().st_size, "sha256": file_sha256(path)}


def replace_manifest(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Put another manifest in the place of the one that is there, at once; give its digest."""
    sync(folder)  # what it lists lies there, before it says so
    content = {name: value for name, value in manifest.items() if name != "digest"}
    found = digest(content)
    write_text(folder / MANIFEST, _as_json({**content, "digest": found}))
    sync(folder)
    return found


def digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its digest, whatever its layout."""
    content = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def read_manifest(folder: Path, kind: str | None = None, version: int = 2) -> dict[str, Any]:
    """Read and check a manifest: format, version, and the size of each file it lists.

    Raises
    ------
    FormatError
        Says what is wrong with which file.
    """
    manifest = parse_manifest(folder, kind, version)
    for name, facts in manifest["files"].items():
        problem = file_problem(folder, name, facts)
        if problem is not None:
            raise FormatError(f"{folder / name} {problem}: {advice_for(name)}")
    return manifest


def parse_manifest(folder: Path, kind: str | None = None, version: int = 2) -> dict[str, Any]:
    """Read a manifest, and check all but the files that it lists."""
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise FormatError(f"{folder}: {what}; give the folder of {called(kind)}{_left(folder)}")
    if not (folder / MANIFEST).is_file():  # nor is a pipe one, which would be waited for
        raise FormatError(f"{folder} holds no {MANIFEST}: it is not {called(kind)} of bovw")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="ascii"))
        expected = digest(manifest) if isinstance(manifest, dict) else None
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{folder / MANIFEST} cannot be read ({error}): {ADVICE}") from error
    if not isinstance(manifest, dict) or not str(manifest.get("format", "")).startswith("bovw-"):
        raise FormatError(f"{folder / MANIFEST} is not a manifest of bovw")
    if kind is not None and manifest["format"] != kind:
        raise FormatError(f"{folder} is {called(manifest['format'])}, but {called(kind)} is needed")
    found = manifest.get("version")
    if not isinstance(found, int) or found != version:
        raise FormatError(
            f"{folder} has version {found!r} of its format, this bovw reads {version}: "
            "use the bovw that wrote it, or make it anew"
        )
    if manifest.get("digest") != expected:
        raise FormatError(f"{folder / MANIFEST} has changed since it was written: {ADVICE}")
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise FormatError(f"{folder / MANIFEST} lists no files: {ADVICE}")
    _check_paths(folder, files)
    return manifest


def _check_paths(folder: Path, files: Mapping[str, Any]) -> None:
    """Raise a FormatError when what a manifest lists does not lie in its folder."""
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
        if not isinstance(facts, dict) or not {"size", "sha256"} <= set(facts):
            raise FormatError(f"{folder / MANIFEST} does not say how large {name!r} is: {ADVICE}")
    inner = {parent for name in files for parent in PurePosixPath(name).parents}
    for place in sorted({*inner, *map(PurePosixPath, _FOLDERS)} - {PurePosixPath()}):
        # What is changed there would be changed elsewhere. Path.is_symlink() raises for long names.
        if os.path.islink(folder / place):  # noqa: PTH114
            raise FormatError(
                f"{folder / place} is a link, which leads out of the folder: put what it leads to "
                "in its place"
            )


def digest_at(folder: Path) -> str:
    """Digest of what lies in a folder; "" when that cannot be said."""
    try:
        return str(parse_manifest(folder)["digest"])
    except FormatError:
        return ""


def of_one_generation(
    folder: Path, kind: str, version: int, load: Callable[[dict[str, Any]], Loaded]
) -> Loaded:
    """Load what a folder holds, again when somebody has changed or replaced it meanwhile.

    `load` is given the manifest, which was checked by `read_manifest`.
    """
    for _ in range(_ATTEMPTS):
        before = digest_at(folder)
        try:
            manifest = read_manifest(folder, kind, version)
            loaded = load(manifest)
        except (FormatError, FileNotFoundError) as error:
            # A writer may have removed what it no longer needs just before it was opened.
            if digest_at(folder) != before:
                continue
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{error.filename} is missing: {ADVICE}") from error
        if digest_at(folder) == manifest["digest"]:
            return loaded
    raise LockedError(f"{folder} is changed faster than it can be opened: try again")


def file_problem(
    folder: Path, name: str, facts: Mapping[str, Any], *, full: bool = False
) -> str | None:
    """Say what is wrong with a file that a manifest lists; None for nothing.

    `full`: its bytes are compared, not only their number.
    """
    path = folder / name
    try:
        if not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if size != facts["size"]:
            return f"has {size} bytes, the manifest says {facts['size']}"
        if full and file_sha256(path) != facts["sha256"]:
            return "has changed since it was written"
    except PermissionError as error:  # which does not say that anything is wrong with it
        raise StorageError(f"{path} may not be read: check its permissions") from error
    except OSError as error:  # such as a name that is too long
        return f"cannot be read ({error.strerror or error})"
    return None


def _left(folder: Path) -> str:
    """Where what was at a folder is, when it was to be overwritten and the machine stopped."""
    was = moved_away(folder)
    if was is None:
        return ""
    return f" (an interrupted overwriting left it in {was}: do it again, or move it back)"


def sound_cache(folder: Path, manifest: Mapping[str, Any], name: str) -> CacheFile | None:
    """Return nmslib's files when they are what the manifest says; None otherwise."""
    listed = [(name + suffix, manifest["files"].get(name + suffix)) for suffix in CACHE_SUFFIXES]
    found = CacheFile.of(folder / name)
    if found is None or any(
        facts is None or file_problem(folder, n, facts, full=True) for n, facts in listed
    ):
        return None
    return found


def check_hashes(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise a FormatError when a byte of any file has changed."""
    for name, facts in manifest["files"].items():
        problem = file_problem(folder, name, facts, full=True)
        if problem is not None:
            raise FormatError(f"{folder / name} {problem}: {advice_for(name)}")
