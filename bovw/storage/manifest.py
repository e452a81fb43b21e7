"""Folders with a manifest that lists every file, written aside and renamed into place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ExistsError, FormatError, StorageError
from ..nearest import CACHE_SUFFIXES, CacheFile

MANIFEST = "manifest.json"
_ADVICE = "restore it from a copy, or make it anew"


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
    path.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


@contextmanager
def new_folder(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its place when the block succeeds.

    When it does not, or is interrupted, what was at `target` is untouched.

    Raises
    ------
    ExistsError
        When `target` exists, and is not an empty folder, and `overwrite` is false; or when it is
        something that `bovw` did not write.
    """
    check_target(target, overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent))
    except OSError as error:
        raise StorageError(
            f"cannot write {target}: {error.strerror}; choose another place"
        ) from error
    try:
        aside.chmod(0o777 & ~_umask())
        yield aside
        for path in sorted(aside.rglob("*")):
            _sync(path)
        _sync(aside)
        if target.exists():
            old = Path(
                tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent)
            )
            os.replace(target, old / "was")
            os.replace(aside, target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(aside, target)
        _sync(target.parent)
    except OSError as error:
        if isinstance(error, (InterruptedError,)):
            raise
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}; what was there is untouched"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_target(target: Path, overwrite: bool) -> None:
    """Raise an ExistsError when a folder may not be written to `target`."""
    if not os.path.lexists(target):
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    if not overwrite:
        raise ExistsError(f"{target} exists already: choose another place, or overwrite it")
    if not (target / MANIFEST).is_file():
        raise ExistsError(
            f"{target} exists and is neither a vocabulary nor an index, so it is not overwritten: "
            "choose another place"
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, kind: str, version: int, content: Mapping[str, Any]) -> None:
    """Write the manifest of a folder whose files are all there."""
    files = {
        path.relative_to(folder).as_posix(): {
            "size": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }
    write_json(folder / MANIFEST, {"format": kind, "version": version, **content, "files": files})


def read_manifest(folder: Path, kind: str | None = None, version: int = 1) -> dict[str, Any]:
    """Read and check a manifest: format, version, and the size of each file it lists.

    Raises
    ------
    FormatError
        Says what is wrong with which file.
    """
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise FormatError(f"{folder}: {what}; give the folder of a {_called(kind)}")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="ascii"))
    except FileNotFoundError:
        raise FormatError(
            f"{folder} holds no {MANIFEST}: it is not a {_called(kind)} of bovw"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{folder / MANIFEST} cannot be read ({error}): {_ADVICE}") from error
    if not isinstance(manifest, dict) or not str(manifest.get("format", "")).startswith("bovw-"):
        raise FormatError(f"{folder / MANIFEST} is not a manifest of bovw")
    if kind is not None and manifest["format"] != kind:
        raise FormatError(
            f"{folder} is a {_called(manifest['format'])}, but a {_called(kind)} is needed"
        )
    found = manifest.get("version")
    if not isinstance(found, int) or found != version:
        raise FormatError(
            f"{folder} has version {found!r} of its format, this bovw reads {version}: "
            "use the bovw that wrote it, or make it anew"
        )
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise FormatError(f"{folder / MANIFEST} lists no files: {_ADVICE}")
    for name, facts in files.items():
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or "\\" in name or "\0" in name:
            raise FormatError(f"{folder / MANIFEST} names {name!r}, which leads out of the folder")
        path = folder / inside
        if not path.is_file():
            raise FormatError(f"{path} is missing: {_ADVICE}")
        size = facts.get("size") if isinstance(facts, dict) else None
        if path.stat().st_size != size:
            raise FormatError(
                f"{path} has {path.stat().st_size} bytes, the manifest says {size}: {_ADVICE}"
            )
    return manifest


def _called(kind: str | None) -> str:
    return {"bovw-vocabulary": "vocabulary", "bovw-index": "index"}.get(
        kind or "", "vocabulary or index"
    )


def is_unchanged(folder: Path, manifest: Mapping[str, Any], name: str) -> bool:
    """Whether a file is listed and has the hash that the manifest gives."""
    facts = manifest["files"].get(name)
    return facts is not None and file_sha256(folder / name) == facts.get("sha256")


def sound_cache(folder: Path, manifest: Mapping[str, Any], name: str) -> CacheFile | None:
    """Return nmslib's files when they are what the manifest says; None otherwise."""
    found = CacheFile.of(folder / name)
    if found is None or not all(is_unchanged(folder, manifest, name + s) for s in CACHE_SUFFIXES):
        return None
    return found


def check_hashes(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise a FormatError when a byte of any file has changed."""
    for name in manifest["files"]:
        if not is_unchanged(folder, manifest, name):
            raise FormatError(f"{folder / name} has changed since it was written: {_ADVICE}")


def load_array(
    folder: Path,
    manifest: Mapping[str, Any],
    name: str,
    dtypes: tuple[str, ...],
    shape: tuple[int | None, ...],
) -> NDArray[Any]:
    """Memory-map an array that the manifest lists, and check its type and shape.

    `shape` has None for lengths that may be anything.
    """
    path = folder / name
    if name not in manifest["files"]:
        raise FormatError(f"{folder / MANIFEST} does not list {name}: {_ADVICE}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        try:  # an empty array cannot be mapped
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise FormatError(f"{path} cannot be read ({error}): {_ADVICE}") from error
    fits = array.ndim == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.name not in dtypes:
        expected = ", ".join("n" if n is None else str(n) for n in shape)
        raise FormatError(
            f"{path} holds {array.dtype.name} of shape {array.shape}, expected "
            f"{' or '.join(dtypes)} of shape ({expected}): {_ADVICE}"
        )
    return np.asarray(array)
