"""Words that were made elsewhere: centres of clusters in a file of NumPy or an index of faiss."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FormatError, SettingsError, shown
from ..settings import checked_arguments
from .descriptors import checked_descriptors
from .scale import DescriptorScale
from .signatures import HammingEmbedding
from .statistics import WordStatistics
from .vocabulary import Vocabulary

# Without a sample of descriptors the scale is learned from the centres. These are means, so they
# spread less than the descriptors, and the scale gets this share of their range more on each side.
_MARGIN = 0.25
_FAISS = (".faiss", ".index", ".faissindex")


@checked_arguments
def own_words(
    centers: ArrayLike | str | os.PathLike[str],
    *,
    descriptors: ArrayLike | None = None,
    kind: Literal["uint8", "float32"] | None = None,
    n_jobs: int | None = None,
) -> Vocabulary:
    """Make a vocabulary of centres that another tool has computed.

    Word `i` is centre `i`, if all centres are still distinct when they are quantised; otherwise
    the first of equal ones is kept, the others are left out, and a warning says so.

    Parameters
    ----------
    centers : (n_words, d) array, or path
        A path names a ``.npy`` file, or an index of faiss (``.faiss``, ``.index``,
        ``.faissindex``; needs faiss). Of faiss, the vectors of a flat index are taken, or the
        centroids of the coarse quantiser of an inverted file (IVF). Read only indexes of faiss
        from people whom you trust: faiss does not guard against files that were made to harm.
    descriptors : (n, d) array, optional
        A sample of descriptors. The scale of the quantisation and the thresholds of the 64-bit
        signatures are learned from them. Without them, both are guessed from the centres, and
        signatures tell less.
    kind : {"uint8", "float32"}, optional
        Type of the descriptors to come. With "uint8" the centres are rounded: this is for centres
        of uint8 descriptors, which k-means gives as floating-point numbers. Default: that of
        `descriptors`, or else that of the centres.
    n_jobs : int, optional
        See `Vocabulary`.

    Raises
    ------
    SettingsError
        When they are no centres, or do not fit the descriptors.
    FormatError
        When a file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> own_words(np.eye(4, dtype=np.float32)).predict(np.eye(4))
    array([0, 1, 2, 3], dtype=int32)
    """
    name = "centers"
    if isinstance(centers, (str, os.PathLike)):
        name = os.fsdecode(centers)
        centers = read_centers(centers)
    given = checked_descriptors(centers)
    if len(given) == 0:
        raise SettingsError(f"{name}: no centres; expected one row for each word")
    sample = None if descriptors is None else checked_descriptors(descriptors, given.shape[1])
    if sample is not None and len(sample) == 0:
        sample = None
    kind = kind or (
        "uint8" if (given if sample is None else sample).dtype == np.uint8 else "float32"
    )
    if sample is not None and (sample.dtype == np.uint8) != (kind == "uint8"):
        raise SettingsError(f"kind={kind!r}, but the descriptors are {sample.dtype}")
    scale = None
    if kind == "float32":
        learned = np.asarray(given if sample is None else sample, np.float32)
        scale = DescriptorScale.fit(learned, margin=_MARGIN if sample is None else 0.0)
        rounded = scale.transform(np.asarray(given, np.float32))
    elif given.dtype == np.uint8:
        rounded = np.asarray(given, np.uint8)
    else:
        if given.min() < -0.5 or given.max() > 255.5:
            raise SettingsError(
                f"{name}: numbers from {given.min():.4g} to {given.max():.4g}: expected centres of "
                "uint8 descriptors, 0 to 255; for descriptors that are floats give kind='float32'"
            )
        rounded = np.rint(given).clip(0, 255).astype(np.uint8)
    vocabulary = Vocabulary.from_centers(_distinct(rounded, name), scale=scale, n_jobs=n_jobs)
    vocabulary.n_words = vocabulary.n_words_
    if sample is not None:
        exact = vocabulary.quantized(sample)
        words = vocabulary.predict(sample)
        vocabulary.embedding_ = HammingEmbedding.fit(exact, words, vocabulary.centers_)
        vocabulary.statistics_ = WordStatistics.of(words, vocabulary.n_words_)
        vocabulary.agreement_ = float(np.mean(words == vocabulary.exact(sample, 1)[0][:, 0]))
        if scale is not None:
            vocabulary.quantization_error_ = scale.error(np.asarray(sample, np.float32))
    return vocabulary


def _distinct(centers: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    first = np.sort(np.unique(centers, axis=0, return_index=True)[1])
    if 2 * len(first) < len(centers):
        raise SettingsError(
            f"{name}: only {len(first)} of {len(centers)} centres are distinct when they are "
            "stored as uint8: are they of descriptors on another scale? RootSIFT of bovw is "
            "round(512 * sqrt(d / sum(d)))"
        )
    if len(first) < len(centers):
        warnings.warn(
            f"{name}: {len(centers) - len(first)} of {len(centers)} centres are equal to others "
            "when they are stored as uint8, and were left out; words are numbered without them",
            stacklevel=3,
        )
    return np.ascontiguousarray(centers[first])


def read_centers(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read centres from a ``.npy`` file, or from an index of faiss.

    Raises
    ------
    FormatError
        When the file is neither, or cannot be read.
    """
    path = Path(path)
    ending = path.suffix.lower()
    try:
        if ending == ".npy":
            with path.open("rb") as file:
                return np.asarray(np.load(file, allow_pickle=False))
        if ending in _FAISS:
            return _read_faiss(path)
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror or error}; give a file of centres") from error
    except (ValueError, EOFError, MemoryError) as error:
        raise FormatError(
            f"{path}: damaged, or not what its ending says ({error!s:.200}); write it again"
        ) from error
    raise FormatError(f"{path}: expected a file of centres that ends in .npy, {', '.join(_FAISS)}")


def is_centers(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a file of centres by its ending, not the folder of a vocabulary."""
    return Path(path).suffix.lower() in (".npy", *_FAISS) and not Path(path).is_dir()


def _read_faiss(path: Path) -> NDArray[Any]:
    try:
        faiss = import_module("faiss")
    except ImportError as error:
        raise FormatError(
            f"{path}: reading it needs faiss, which is not installed: pip install bovw[faiss]"
        ) from error
    path.open("rb").close()  # faiss says less clearly why it cannot
    try:
        whole = faiss.read_index(str(path))
        index = whole
        if isinstance(whole, faiss.IndexIVF):
            index = faiss.downcast_index(whole.quantizer)  # part of `whole`, which must live on
        if not isinstance(index, faiss.IndexFlat):
            raise FormatError(
                f"{path}: an index of the kind {shown(type(index).__name__)}: expected a flat one, "
                "or an inverted file (IVF) with a flat quantiser; or save its centres as .npy"
            )
        return np.asarray(index.reconstruct_n(0, index.ntotal))
    except RuntimeError as error:
        said = str(error).splitlines()[0] if str(error) else "unknown"
        raise FormatError(f"{path}: not an index of faiss ({said:.200}); write it again") from error
