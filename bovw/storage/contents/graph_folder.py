"""Graphs of nmslib on disk, a folder for each segment that has one.

``candidates/0001/`` holds the graph of segment 1: nmslib's own files, the keys of the pictures, and
the basis of the projection if there is one. Everything in it can be built again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...collection import positions_of_keys
from ...errors import FormatError
from ...index import Index
from ...search import Graph, StoredGraph, build_graph
from ...settings import GRAPHS
from ..arrays import load_array
from ..manifest import ADVICE, sound_cache

_log = logging.getLogger("bovw.storage")
_GRAPH = "histograms.nmslib"


def graph_name(number: int) -> str:
    """Name of the folder of the graph of a segment, relative to its index."""
    return f"candidates/{number:04d}"


def graph_for(index: Index, positions: NDArray[np.integer]) -> Graph | None:
    """Graph of those pictures that will become a segment; None when it should have none.

    With the method "auto", only a segment of many pictures has one.
    """
    settings, histograms = index.settings.candidates, index.histograms
    positions = positions[histograms.is_filled[positions]]
    if len(positions) == 0 or settings.chosen(len(positions)) not in GRAPHS:
        return None
    histograms.wait()
    keys = index.collection.keys[positions]
    for graph in histograms.graphs:
        if np.array_equal(np.sort(graph.keys), np.sort(keys)):
            return graph
    _log.info("building a graph (%s) over %d pictures", settings.method, len(positions))
    return build_graph(histograms.source, positions, keys, settings)


def write_graph(folder: Path, graph: Graph, index: Index, keys: NDArray[np.int64]) -> None:
    """Write a graph into an empty folder.

    `keys` are the new keys of all pictures of the index, in the order of the collection.
    """
    positions = positions_of_keys(index.collection.keys, graph.keys)
    if not graph.neighbours.save(folder / _GRAPH):
        source, settings = index.histograms.source, index.settings.candidates
        graph = build_graph(source, positions, graph.keys, settings)
        graph.neighbours.save(folder / _GRAPH)
    np.save(folder / "keys.npy", keys[positions])
    if graph.basis is not None:
        np.save(folder / "basis.npy", graph.basis)


def listed_graphs(manifest: Mapping[str, Any]) -> list[str]:
    """Folders of graphs that a manifest lists.

    In version 2 of the format there was at most one, of another form; it is not used any more.
    """
    listed = manifest.get("candidates") or []
    if isinstance(listed, str):
        return []
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise FormatError(f"the manifest names graphs {listed!r:.200}: {ADVICE}")
    return listed


def load_graphs(folder: Path, manifest: Mapping[str, Any], n_words: int) -> tuple[StoredGraph, ...]:
    """Describe the graphs that a manifest lists; those whose files have changed are left out."""
    found = []
    for name in listed_graphs(manifest):
        keys = load_array(folder, manifest, f"{name}/keys.npy", ("int64",), (None,))
        basis = None
        if f"{name}/basis.npy" in manifest["files"]:
            basis = load_array(folder, manifest, f"{name}/basis.npy", ("float16",), (None, n_words))
        cache = sound_cache(folder, manifest, f"{name}/{_GRAPH}")
        if cache is not None:
            found.append(StoredGraph(cache, keys, basis))
    return tuple(found)
