"""A vocabulary on disk: word centres, settings, training pictures, and nmslib's graph as cache."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError, IncompatibleError
from ...settings import VocabularySettings, checked_arguments, versions
from ...vocabulary import (
    BITS,
    BUILTIN,
    HammingEmbedding,
    Vocabulary,
    WordStatistics,
    builtin_folder,
)
from ..arrays import load_array
from ..folders import new_folder
from ..manifest import (
    ADVICE,
    of_one_generation,
    sound_cache,
    write_manifest,
)
from .values import (
    check_fields,
    check_origin,
    check_versions,
    read_scale,
    shown,
)

KIND = "bovw-vocabulary"
VERSION = 2
_GRAPH = "words.nmslib"
# Errors that using malformed JSON values can raise; a SettingsError is a ValueError.
_UNEXPECTED = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
    IncompatibleError,
)


@checked_arguments
def save_vocabulary(
    vocabulary: Vocabulary,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    graph: bool = True,
) -> None:
    """Write a vocabulary to a folder.

    Parameters
    ----------
    vocabulary : Vocabulary
    path : path
    overwrite : bool
        Replace a vocabulary that is there when the new one is complete.
    graph : bool
        Also write nmslib's graph, about as large as all else. Without it, the graph is built when
        the vocabulary is first used, in a second or two for 20,000 words.

    Raises
    ------
    ExistsError
        When there is something, and `overwrite` is false or it is no vocabulary.
    """
    with new_folder(Path(path), overwrite, kind=KIND) as folder:
        write_vocabulary(vocabulary, folder, graph=graph)


def write_vocabulary(vocabulary: Vocabulary, folder: Path, *, graph: bool = True) -> None:
    """Write a vocabulary into an empty folder; see `save_vocabulary`."""
    made_with = vocabulary.made_with_ or {}
    np.save(folder / "centers.npy", vocabulary.centers_)
    np.save(folder / "projection.npy", vocabulary.embedding_.projection)
    np.save(folder / "thresholds.npy", vocabulary.embedding_.thresholds)
    hashes = [bytes.fromhex(digest) for digest in made_with.get("pictures", [])]
    np.save(folder / "pictures.npy", np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32))
    if graph and not vocabulary.is_exact:
        vocabulary.save_graph(folder / _GRAPH)
    write_manifest(
        folder,
        KIND,
        VERSION,
        {
            "n_words": vocabulary.n_words_,
            "parameters": vocabulary.get_params(),
            "facts": vocabulary.facts(),
            **({} if vocabulary.scale_ is None else {"scale": asdict(vocabulary.scale_)}),
            "made_with": {k: v for k, v in made_with.items() if k != "pictures"},
            "versions": versions(),
        },
    )


@checked_arguments
def load_vocabulary(
    path: str | os.PathLike[str], *, trusted: bool = True, n_jobs: int | None = None
) -> Vocabulary:
    """Load a vocabulary that `save_vocabulary` wrote, or the one in the box.

    Parameters
    ----------
    path : path
        A folder, or "builtin": the vocabulary that comes with this package, of pictures that the
        project has drawn; docs/vocabulary_card.md. (A folder of this name: "./builtin".)
    trusted : bool
        Whether to load nmslib's graph, if its hash is right; otherwise it is built again. See
        `Engine.open`.
    n_jobs : int, optional
        Parallel jobs of the vocabulary.

    Raises
    ------
    FormatError
        When the folder holds no vocabulary, or a damaged one.
    StorageError
        When it could not be looked at, which does not mean that it is damaged.
    """
    folder = builtin_folder() if os.fspath(path) == BUILTIN else Path(path)
    return of_one_generation(
        folder, KIND, (VERSION,), lambda manifest: _load(folder, manifest, trusted, n_jobs)
    )


def _load(folder: Path, manifest: dict[str, Any], trusted: bool, n_jobs: int | None) -> Vocabulary:
    centers = load_array(folder, manifest, "centers.npy", ("uint8",), (None, None))
    if centers.shape[1] == 0:
        raise FormatError(f"{folder / 'centers.npy'} holds centres without values: {ADVICE}")
    shape = BITS, centers.shape[1]
    projection = load_array(folder, manifest, "projection.npy", ("int8",), shape)
    shape = len(centers), BITS
    thresholds = load_array(folder, manifest, "thresholds.npy", ("int16", "int32"), shape)
    embedding = HammingEmbedding(projection, thresholds)
    pictures = load_array(folder, manifest, "pictures.npy", ("uint8",), (None, 32))
    graph = sound_cache(folder, manifest, _GRAPH) if trusted else None
    if len(centers) != manifest.get("n_words") or len(centers) == 0:
        raise FormatError(
            f"{folder}: {len(centers)} centres, the manifest says "
            f"{shown(manifest.get('n_words'))} words: {ADVICE}"
        )
    try:
        check_fields(VocabularySettings, manifest["parameters"])
        parameters = {**manifest["parameters"], "n_jobs": n_jobs, "progress": False}
        scale = read_scale(manifest.get("scale"))
        vocabulary = Vocabulary.from_centers(
            centers, embedding=embedding, graph=graph, scale=scale, **parameters
        )
        facts: dict[str, Any] = manifest["facts"]
        if facts:
            vocabulary.agreement_ = float(facts["agreement"])
            check_fields(WordStatistics, facts["statistics"])
            vocabulary.statistics_ = WordStatistics(**facts["statistics"])
            vocabulary.quantization_error_ = float(facts.get("quantization_error", 0))
        check_versions(manifest["versions"])
        if manifest["made_with"]:
            check_origin(manifest["made_with"])
            vocabulary.made_with_ = {
                **manifest["made_with"],
                "versions": manifest["versions"],
                "pictures": [digest.tobytes().hex() for digest in pictures],
            }
    except _UNEXPECTED as error:
        raise FormatError(
            f"{folder}: the manifest is not as expected ({error!r:.500}): {ADVICE}"
        ) from error
    return vocabulary
