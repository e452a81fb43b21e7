"""An index on disk: a vocabulary, segments of pictures, and nmslib's files as a cache.

::

    manifest.json           settings, versions, segments, size and SHA-256 of every file
    vocabulary/             as written by `save_vocabulary`
    segments/0001/          catalogue.json; offsets, words, signatures, keypoints, frequencies .npy
    candidates/             what nmslib searches: its file, and the basis of the projection
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..collection import Collection, Failure, Record, word_dtype
from ..errors import BovwError, FormatError
from ..index import Index
from ..settings import Settings
from .manifest import (
    check_hashes,
    load_array,
    new_folder,
    read_manifest,
    sound_cache,
    write_json,
    write_manifest,
)
from .vocabulary_folder import load_vocabulary, write_vocabulary

KIND = "bovw-index"
VERSION = 1
_SEGMENT = "segments/0001"
_CACHE = "candidates/histograms.nmslib"
_BASIS = "candidates/basis.npy"


def save_index(path: str | os.PathLike[str], index: Index, *, overwrite: bool = False) -> None:
    """Write an index to a folder; see `new_folder` for what happens to one that exists."""
    collection, histograms = index.collection, index.histograms
    with new_folder(Path(path), overwrite) as folder:
        (folder / "vocabulary").mkdir()
        write_vocabulary(index.vocabulary, folder / "vocabulary")
        segment = folder / _SEGMENT
        segment.mkdir(parents=True)
        write_json(
            segment / "catalogue.json",
            {
                "pictures": [asdict(record) for record in collection.records],
                "failed": [asdict(failure) for failure in index.failures],
            },
        )
        np.save(segment / "offsets.npy", collection.offsets)
        np.save(segment / "words.npy", collection.words)
        np.save(segment / "signatures.npy", collection.signatures)
        np.save(segment / "keypoints.npy", collection.keypoints)
        np.save(segment / "frequencies.npy", index.frequencies.astype(np.int64))
        (folder / "candidates").mkdir()
        histograms.save_cache(folder / _CACHE)
        if histograms.basis is not None:
            np.save(folder / _BASIS, histograms.basis)
        write_manifest(
            folder,
            KIND,
            VERSION,
            {
                "segments": [_SEGMENT],
                "n_pictures": len(collection),
                "n_features": len(collection.words),
                "settings": index.settings.to_dict(),
                "descriptor": index.descriptor,
                "versions": index.versions,
            },
        )


def load_index(
    path: str | os.PathLike[str], *, verify: str = "quick", n_jobs: int | None = None
) -> Index:
    """Load an index; its arrays are memory-mapped.

    Parameters
    ----------
    path : path
    verify : {"quick", "full"}
        Check manifest, sizes, headers and shapes; or every byte as well.
    n_jobs : int, optional
        Of the vocabulary.
    """
    folder = Path(path)
    manifest = read_manifest(folder, KIND, VERSION)
    if verify == "full":
        check_hashes(folder, manifest)
    vocabulary = load_vocabulary(folder / "vocabulary", n_jobs=n_jobs)
    collection, failures = _load_segment(folder, manifest, vocabulary.n_words_)
    frequencies = load_array(
        folder, manifest, f"{_SEGMENT}/frequencies.npy", ("int64",), (vocabulary.n_words_,)
    )
    basis = None
    if _BASIS in manifest["files"]:
        basis = load_array(folder, manifest, _BASIS, ("float32",), (None, vocabulary.n_words_))
    try:
        return Index(
            collection=collection,
            frequencies=frequencies,
            failures=failures,
            vocabulary=vocabulary,
            settings=Settings.from_dict(manifest["settings"]),
            descriptor=dict(manifest["descriptor"]),
            versions=dict(manifest["versions"]),
            basis=basis,
            cache=sound_cache(folder, manifest, _CACHE),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{folder}: the manifest is not as expected ({error})") from error


def _load_segment(
    folder: Path, manifest: dict[str, Any], n_words: int
) -> tuple[Collection, tuple[Failure, ...]]:
    segment = folder / _SEGMENT
    name = f"{_SEGMENT}/catalogue.json"
    if manifest.get("segments") != [_SEGMENT] or name not in manifest["files"]:
        raise FormatError(f"{folder}: expected one segment, {_SEGMENT}, with its catalogue")
    try:
        catalogue = json.loads((segment / "catalogue.json").read_text(encoding="ascii"))
        records = tuple(Record(**record) for record in catalogue["pictures"])
        failures = tuple(Failure(**failure) for failure in catalogue["failed"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, BovwError) as error:
        raise FormatError(f"{segment / 'catalogue.json'} is not as expected ({error!r})") from error
    offsets = load_array(
        folder, manifest, f"{_SEGMENT}/offsets.npy", ("int64",), (len(records) + 1,)
    )
    words = load_array(
        folder, manifest, f"{_SEGMENT}/words.npy", (word_dtype(n_words).name,), (None,)
    )
    signatures = load_array(
        folder, manifest, f"{_SEGMENT}/signatures.npy", ("uint64",), (len(words),)
    )
    keypoints = load_array(
        folder, manifest, f"{_SEGMENT}/keypoints.npy", ("float32",), (len(words), 4)
    )
    if offsets[0] != 0 or offsets[-1] != len(words) or (np.diff(offsets) < 0).any():
        raise FormatError(f"{segment / 'offsets.npy'} does not fit words.npy: make it anew")
    return Collection(records, offsets, words, signatures, keypoints), failures
