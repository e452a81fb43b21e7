"""What an index holds of its pictures: identifiers, words, signatures, keypoints, histograms."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..collection import Collection, Overview, overview_of
from ..errors import IncompatibleError, SettingsError, shown
from ..features import Extractor
from ..index import Index
from ..settings import Settings, checked_arguments
from ..vocabulary import Vocabulary

Self = TypeVar("Self", bound="Reader")


@dataclass(frozen=True, eq=False)
class IndexedFeatures:
    """What an index keeps of the features of a picture; rows belong together.

    Attributes
    ----------
    identifier : str
    words : (n,) int32 ndarray
        The visual word of each feature, in increasing order.
    signatures : (n,) uint64 ndarray
        64 bits that say where in its word a descriptor lies; see `hamming_distances`.
    keypoints : (n, 4) float32 ndarray
        ``x, y, scale, angle``, as `Features.keypoints`, but packed into six bytes and unpacked
        again: a coordinate is off by at most 1 / 32,766 of the longest side.
    size : (int, int)
        Width and height of the picture.
    """

    identifier: str
    words: NDArray[np.int32]
    signatures: NDArray[np.uint64]
    keypoints: NDArray[np.float32]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"IndexedFeatures({len(self)} features of {self.identifier!r})"


class Reader:
    """Gives what an index holds. `Searcher`, its subclass, searches; `bovw.Engine` does all.

    Parameters
    ----------
    index : Index
    n_jobs : int, optional
        How many queries have their features extracted in parallel; -1: one for each core. A single
        query uses as many threads; with None, one for each core. The answers do not depend on it.
    extractor : Extractor, optional
        What extracts the features of pictures; default: SIFT, with the settings of the index. An
        index of the features of another extractor needs it to read pictures. It is compared with
        the one that made the index.
    folder : path, optional
        The folder of the index.
    trusted : bool
        See `Engine.open`.

    Raises
    ------
    IncompatibleError
        When the index was made with another extractor.
    """

    def __init__(
        self,
        index: Index,
        *,
        n_jobs: int | None = None,
        extractor: Extractor | None = None,
        folder: str | os.PathLike[str] | None = None,
        trusted: bool = True,
    ) -> None:
        if extractor is not None:
            index.check("the index", extractor)
        self.index = index
        self.n_jobs = n_jobs
        self.extractor = extractor
        self.folder = None if folder is None else Path(folder)
        self.trusted = trusted
        self._usual = index.settings  # as stored on disk; `changed` may have changed ours

    @property
    def collection(self) -> Collection:
        """The pictures, their words and keypoints."""
        return self.index.collection

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of visual words."""
        return self.index.vocabulary

    @property
    def settings(self) -> Settings:
        """The settings that this searcher uses."""
        return self.index.settings

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Identifiers of all pictures, in increasing order."""
        return tuple(record.identifier for record in self.collection.records)

    @property
    def without_features(self) -> tuple[str, ...]:
        """Identifiers of pictures in which no feature was found: no query can find them."""
        records = self.collection.records
        places = np.flatnonzero(self.collection.sizes == 0).tolist()
        return tuple(records[i].identifier for i in places)

    def __len__(self) -> int:
        return len(self.collection)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({len(self)} pictures, {self.vocabulary.n_words_} words)"

    @checked_arguments
    def indexed_features(self, identifier: str) -> IndexedFeatures:
        """Return the words, signatures and keypoints of a picture, as the index keeps them.

        Raises
        ------
        UnknownPictureError
            When the index has no such picture.
        """
        collection = self.collection
        position = collection.position(identifier)
        part = collection.part(position)
        return IndexedFeatures(
            identifier,
            np.asarray(collection.words[part], np.int32),
            np.array(collection.signatures[part], np.uint64),
            collection.keypoints(position),
            collection.size(position),
        )

    @checked_arguments
    def histograms(self, kind: str = "tfidf") -> sparse.csr_matrix:
        """Return the histograms of all pictures, one a row, in the order of `identifiers`.

        Parameters
        ----------
        kind : {"tfidf", "counts"}
            Weighted and normalised as in a search, or how often each word occurs.

        Returns
        -------
        (n_pictures, n_words) csr_matrix of float32
        """
        if kind not in ("tfidf", "counts"):
            raise SettingsError(f"kind={shown(kind)}: expected 'tfidf' or 'counts'")
        counts = self.collection.counts(np.arange(len(self)))
        return counts if kind == "counts" else self.index.weighting.transform(counts)

    @checked_arguments
    def overview(self, n_words: int = 12, n_examples: int = 8) -> Overview:
        """Return an overview of pictures and words, with examples of words; for people to look at.

        `bovw.report.save_index_page` makes a page of it.

        Parameters
        ----------
        n_words : int
            How many frequent words, and how many rare ones, have examples.
        n_examples : int
            Largest number of examples of a word.
        """
        for name, value in (("n_words", n_words), ("n_examples", n_examples)):
            if value < 1:
                raise SettingsError(f"{name}={value}: expected at least 1")
        return overview_of(self.collection, n_words, n_examples)

    def _with(self: Self, index: Index) -> Self:
        """Return a searcher of the same kind over another index."""
        made = type(self)(index, n_jobs=self.n_jobs, folder=self.folder, trusted=self.trusted)
        made.extractor, made._usual = self.extractor, self._usual
        return made

    def _as_here(self, index: Index) -> Index:
        """Apply the changes of this searcher's settings to an index just loaded from disk."""
        mine = self.settings.differences(self._usual)
        changed = index.changed(**mine) if mine else index
        self._usual = index.settings  # not when that was refused
        return changed

    def _check_extractor(self) -> None:
        """Raise an IncompatibleError when pictures cannot be described as those of the index."""
        if self.extractor is None and not self.index.is_ours:
            made_with = self.index.descriptor["descriptor"]
            raise IncompatibleError(
                f"this index was made with the features of {made_with!r}, not of SIFT: to read "
                "pictures give their extractor (Engine.open(path, extractor=...)); without it, "
                "search with features (search_features) or with pictures of the index "
                "(search_stored)"
            )
