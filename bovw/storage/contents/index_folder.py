"""An index on disk: a vocabulary, segments of pictures, and nmslib's files as a cache.

::

    manifest.json           settings, versions, segments and their removed pictures, size and
                            SHA-256 of every file; the digest of the manifest itself
    vocabulary/             as written by `save_vocabulary`
    segments/0001/          the pictures (pictures, texts .npy; failed.json), their features
                            (offsets, words, signatures, keypoints .npy), and what a search reads
                            of them (postings, posting_offsets, joined, joined_offsets .npy)
    views/0007/             order of all pictures, document frequencies and lengths, by generation
    candidates/0001/        nmslib's graph of segment 1, if it has one
    journal                 pictures that are indexed, but not yet part of a segment
    incoming/               pictures that other machines describe while an index is made
    links.npz               links between pictures, found by `groups`; see `links_file.py`
    reading                 name of the picture being read now, with one job; see `Diary`
    writer.lock             locked by the process that changes the index
    set-aside/              what `doctor --repair` took out; see `set_aside.py`

A signature is 64 bits that say where in the cell of its visual word a feature lies (Hamming
embedding). Files never change once the manifest lists them. A change writes new files and then
replaces the manifest. Each such state is a generation; a reader keeps using the generation that it
opened.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...collection import Segment, keys_of, make_segment
from ...errors import FormatError, SettingsError
from ...features import check_description
from ...index import Index
from ...search import Calibration
from ...settings import Settings
from ...vocabulary import Vocabulary
from ..folders import new_folder
from ..looking import is_file
from ..manifest import (
    ADVICE,
    check_hashes,
    of_one_generation,
    parse_manifest,
    write_manifest,
)
from ..places import MANIFEST
from .graph_folder import graph_for, graph_name, listed_graphs, load_graphs, write_graph
from .merging import write_merged
from .segment_folder import (
    load_segment,
    segment_name,
    segment_number,
)
from .values import (
    check_versions,
    read_calibration,
    read_settings,
    shown,
)
from .views_folder import load_views, views_entry, write_views
from .vocabulary_folder import load_vocabulary, write_vocabulary

KIND = "bovw-index"
VERSION = 3
VERSIONS = (2, 3)
"""Versions that can be read. Segments of version 2 have a catalogue.json and no views."""


def holds_index(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds an index, intact or damaged; a StorageError when that is not known."""
    return is_file(Path(path) / MANIFEST)


def save_index(path: str | os.PathLike[str], index: Index, *, overwrite: bool = False) -> None:
    """Write an index to a folder, as one segment; see `new_folder` if the folder exists."""
    target, number = Path(path), 1
    # The segment will hold the pictures in the order of the collection.
    keys = keys_of(number, np.arange(len(index.collection)))
    with new_folder(target, overwrite, kind=KIND) as folder:
        (folder / "vocabulary").mkdir()
        write_vocabulary(index.vocabulary, folder / "vocabulary")
        segments: dict[str, tuple[int, ...]] = {}
        graphs: list[str] = []
        views = f"views/{number:04d}"
        if len(index.collection) or index.failures:
            place = folder / segment_name(number)
            place.mkdir(parents=True)
            write_merged(place, index.collection, index.failures)
            segments[segment_name(number)] = ()
            (folder / views).mkdir(parents=True)
            write_views(folder / views, keys, index.weights)
        graph = graph_for(index, np.arange(len(keys)))
        if graph is not None:
            graphs.append(graph_name(number))
            (folder / graphs[0]).mkdir(parents=True)
            write_graph(folder / graphs[0], graph, index, keys)
        content = manifest_content(index, next_generation(target), segments, graphs, views)
        write_manifest(folder, KIND, VERSION, content)


def manifest_content(
    index: Index,
    generation: int,
    segments: Mapping[str, Sequence[int]],
    graphs: Sequence[str],
    views: str,
) -> dict[str, Any]:
    """Content of the manifest of a new index, but for its files.

    Parameters
    ----------
    index : Index
    generation : int
    segments : mapping of str to sequence of int
        Names of the folders of segments, and the places of their removed entries.
    graphs : sequence of str
        Names of the folders of graphs.
    views : str
        Name of the folder of views; it is there when there are segments.
    """
    content = {
        "generation": generation,
        "segments": [{"name": name, "dead": list(dead)} for name, dead in segments.items()],
        "candidates": list(graphs),
        "views": views_entry(views, index) if segments else None,
        "settings": index.settings.to_dict(),
        "descriptor": index.descriptor,
        "versions": index.versions,
    }
    if index.calibration is not None:
        content["calibration"] = index.calibration.to_dict()
    return content


def load_index(
    path: str | os.PathLike[str],
    *,
    verify: str = "quick",
    trusted: bool = True,
    n_jobs: int | None = None,
) -> Index:
    """Load the current generation of an index; its arrays are memory-mapped.

    Parameters
    ----------
    path : path
    verify : {"quick", "full"}
        "quick" checks the manifest, and the sizes, headers and shapes of the files; "full" also
        checks the hash of every file, and the order of the words.
    trusted : bool
        Whether to load nmslib's own files, if their hash is right. An attacker could craft files
        that crash nmslib; when this is false, its graphs are built again.
    n_jobs : int, optional
        Parallel jobs of the vocabulary.
    """
    if verify not in ("quick", "full"):
        raise SettingsError(f"verify={verify!r}: expected 'quick' or 'full'")
    folder = Path(path)

    def load(manifest: dict[str, Any]) -> Index:
        if verify == "full":
            check_hashes(folder, manifest)
        index = load_listed(folder, upgraded(manifest), trusted, n_jobs)
        if verify == "full":
            index.check_words()
        return index

    return of_one_generation(folder, KIND, VERSIONS, load)


def next_generation(folder: Path) -> int:
    """The generation after that of the index in a folder; 1 when there is no index."""
    try:
        found = parse_manifest(folder, KIND, VERSIONS).get("generation")
    except FormatError:
        return 1
    return found + 1 if isinstance(found, int) else 1


def upgraded(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as this version would write it.

    In version 2, nmslib's inverted index was the default for candidates. "auto" gives the same
    answers sooner.
    """
    settings = manifest.get("settings")
    if manifest["version"] != 2 or not isinstance(settings, dict):
        return manifest
    candidates = settings.get("candidates")
    if not isinstance(candidates, dict) or candidates.get("method") != "inverted":
        return manifest
    return {**manifest, "settings": {**settings, "candidates": {**candidates, "method": "auto"}}}


class Header(NamedTuple):
    """Content of the manifest of an index, without the list of files."""

    segments: list[tuple[str, tuple[int, ...]]]
    settings: Settings
    descriptor: dict[str, Any]
    versions: dict[str, str]
    calibration: Calibration | None


def read_header(folder: Path, manifest: Mapping[str, Any]) -> Header:
    """Check and return the content of a manifest; raise a FormatError when it is malformed."""
    try:
        listed = [(s["name"], tuple(s["dead"])) for s in manifest["segments"]]
        settings = read_settings(manifest["settings"])
        descriptor, made_with = manifest["descriptor"], manifest["versions"]
        check_description(descriptor)
        check_versions(made_with)
        if type(manifest["generation"]) is not int:
            raise ValueError(f"generation {shown(manifest['generation'])}")
        if not all(type(place) is int for _, places in listed for place in places):
            raise ValueError(f"removed {shown([places for _, places in listed])}")
        calibration = read_calibration(manifest.get("calibration"))
        listed_graphs(manifest)
        views = manifest.get("views")
        if views is not None and set(views) != {"folder", "changed"}:
            raise ValueError(f"views {shown(views)}")
        numbers = [segment_number(name) for name, _ in listed]
        if sorted(set(numbers)) != numbers:
            raise ValueError(f"segments {shown(numbers)}")
    except (FormatError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"{folder}: the manifest is not as expected ({error!r:.500}): {ADVICE}"
        ) from error
    return Header(listed, settings, descriptor, made_with, calibration)


def load_listed(
    folder: Path, manifest: Mapping[str, Any], trusted: bool, n_jobs: int | None = None
) -> Index:
    """Load the index that a manifest describes, whether or not it is the one in the folder."""
    vocabulary = load_vocabulary(folder / "vocabulary", trusted=trusted, n_jobs=n_jobs)
    listed, settings, descriptor, made_with, calibration = read_header(folder, manifest)
    segments = [load_segment(folder, manifest, name, vocabulary.n_words_) for name, _ in listed]
    dead = {s.number: places for s, (_, places) in zip(segments, listed, strict=True) if places}
    for segment in segments:
        places = dead.get(segment.number, ())
        if not all(0 <= p < segment.n_entries for p in places):
            raise FormatError(
                f"{folder}: the manifest removes pictures that are not there: {ADVICE}"
            )
    segments = segments or [_empty(vocabulary)]
    views = load_views(folder, manifest, segments, dead, vocabulary.n_words_)
    return Index(
        segments=tuple(segments),
        vocabulary=vocabulary,
        settings=settings,
        descriptor=descriptor,
        versions=made_with,
        dead=dead,
        graphs=load_graphs(folder, manifest, vocabulary.n_words_) if trusted else (),
        calibration=calibration,
        digest=str(manifest["digest"]),
        stored_keys=views[0] if views else None,
        stored_weights=views[1] if views else None,
    )


def _empty(vocabulary: Vocabulary) -> Segment:
    return make_segment((), (), vocabulary.n_words_, number=0)
