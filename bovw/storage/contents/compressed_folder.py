"""A compressed index on disk: quantised vectors, their projection, quantiser and vocabulary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...embeddings import ProductQuantizer, ScalarQuantizer
from ...errors import FormatError
from ...index import LsaIndex, Quantizer
from ...settings import checked_arguments
from ..arrays import load_array
from ..folders import new_folder
from ..manifest import (
    ADVICE,
    check_hashes,
    of_one_generation,
    write_manifest,
)
from .segment_folder import read_catalogue, write_catalogue
from .values import read_settings
from .vocabulary_folder import load_vocabulary, write_vocabulary

KIND = "bovw-lsa"
VERSION = 2
_CATALOGUE = "catalogue.json"
# All numbers of an undamaged index are smaller than this: vectors have length 1, and the IDF of the
# rarest word among a billion pictures is only 21.
_LARGEST = 1000


@checked_arguments
def save_lsa_index(
    index: LsaIndex, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a compressed index to a folder; see `new_folder` if the folder exists."""
    with new_folder(Path(path), overwrite, kind=KIND) as folder:
        (folder / "vocabulary").mkdir()
        write_vocabulary(index.vocabulary, folder / "vocabulary")
        write_catalogue(folder / _CATALOGUE, index.records, ())
        np.save(folder / "codes.npy", index.codes)
        np.save(folder / "basis.npy", index.basis.astype(np.float16))
        np.save(folder / "idf.npy", index.idf)
        parameters = _write_quantizer(folder, index.quantizer)
        write_manifest(
            folder,
            KIND,
            VERSION,
            {"quantizer": parameters, "settings": index.settings.to_dict()},
        )


def _write_quantizer(folder: Path, quantizer: Quantizer) -> dict[str, Any]:
    if isinstance(quantizer, ScalarQuantizer):
        np.save(folder / "low.npy", quantizer.low_)
        np.save(folder / "step.npy", quantizer.step_)
        return {"bits": quantizer.bits}
    np.save(folder / "centers.npy", np.concatenate(quantizer.centers_, axis=1))
    return {"n_parts": len(quantizer.centers_)}


@checked_arguments
def load_lsa_index(
    path: str | os.PathLike[str],
    *,
    verify: str = "quick",
    trusted: bool = True,
    n_jobs: int | None = None,
) -> LsaIndex:
    """Load a compressed index; see `Engine.open` for the parameters.

    Raises
    ------
    FormatError
        When the folder holds no compressed index, or a damaged one.
    StorageError
        When it could not be looked at, which does not mean that it is damaged.
    """
    folder = Path(path)

    def load(manifest: dict[str, Any]) -> LsaIndex:
        if verify == "full":
            check_hashes(folder, manifest)
        return _load(folder, manifest, trusted, n_jobs)

    return of_one_generation(folder, KIND, (VERSION,), load)


def _load(folder: Path, manifest: dict[str, Any], trusted: bool, n_jobs: int | None) -> LsaIndex:
    vocabulary = load_vocabulary(folder / "vocabulary", trusted=trusted, n_jobs=n_jobs)
    n_words = vocabulary.n_words_
    records, _ = read_catalogue(folder / _CATALOGUE)
    codes = load_array(folder, manifest, "codes.npy", ("uint8",), (len(records), None))
    basis = _load_numbers(folder, manifest, "basis.npy", "float16", (None, n_words))
    try:
        quantizer = _read_quantizer(folder, manifest, len(basis))
        settings = read_settings(manifest["settings"])
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise FormatError(
            f"{folder}: the manifest is not as expected ({error!r:.500}): {ADVICE}"
        ) from error
    if codes.shape[1] != quantizer.bytes_per_vector_:
        raise FormatError(f"{folder / 'codes.npy'} does not fit the quantiser of its manifest")
    return LsaIndex(
        records,
        codes,
        basis.astype(np.float32),
        _load_numbers(folder, manifest, "idf.npy", "float32", (n_words,)),
        quantizer,
        vocabulary,
        settings,
    )


def _load_numbers(
    folder: Path, manifest: dict[str, Any], name: str, dtype: str, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Load floating-point numbers, and check that none is NaN or too large to compute with."""
    array = load_array(folder, manifest, name, (dtype,), shape)
    if not (np.abs(array) <= _LARGEST).all():  # false for NaN, too
        raise FormatError(f"{folder / name} holds numbers beyond {_LARGEST}, or NaN: {ADVICE}")
    return array


def _read_quantizer(folder: Path, manifest: dict[str, Any], dimensions: int) -> Quantizer:
    parameters = manifest["quantizer"]
    if "bits" in parameters:
        scalar = ScalarQuantizer(int(parameters["bits"]))
        if scalar.bits not in (1, 4, 8):
            raise ValueError(f"{scalar.bits} bits")
        scalar.low_ = _load_numbers(folder, manifest, "low.npy", "float32", (dimensions,))
        scalar.step_ = _load_numbers(folder, manifest, "step.npy", "float32", (dimensions,))
        scalar.bytes_per_vector_ = -(-dimensions * scalar.bits // 8)
        return scalar
    product = ProductQuantizer(int(parameters["n_parts"]))
    if not 1 <= product.n_parts <= dimensions:
        raise ValueError(f"{product.n_parts} parts")
    centers = _load_numbers(folder, manifest, "centers.npy", "float32", (256, dimensions))
    product.centers_ = np.array_split(centers, product.n_parts, axis=1)
    product.bytes_per_vector_ = product.n_parts
    return product
