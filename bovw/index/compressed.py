"""A compressed index: it keeps only one short, quantised vector of each picture.

The vector is the histogram of visual words, projected by latent semantic analysis (LSA). A picture
takes a few hundred bytes or less, instead of about twenty thousand. Pictures are compared only by
the cosine of their vectors; geometric verification is not possible.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embeddings import Neighbours, ProductQuantizer, ScalarQuantizer, nearest_rows
from ..errors import BovwError, IncompatibleError, SettingsError
from ..features import Features, Queries, extract_queries, listed_queries, or_raise
from ..pictures import Box, Record, Source
from ..search import (
    Answer,
    FullRanking,
    QueryPicture,
    SearchResult,
    SearchResults,
    checked_k,
    checked_on_error,
    learn_basis,
    project,
    results_of,
)
from ..settings import Settings, checked_arguments
from ..vocabulary import TfidfWeighting, Vocabulary, word_counts
from .filters import Filter, allowed_places
from .index import Index

Quantizer = ScalarQuantizer | ProductQuantizer


@dataclass(frozen=True, eq=False)
class LsaIndex:
    """An index of pictures as quantised vectors; make one with `LsaIndex.of`.

    Attributes
    ----------
    records : tuple of Record
        In increasing order of identifier.
    codes : (n, bytes) uint8 ndarray
        The quantised vector of each picture.
    basis : (n_components, n_words) float32 ndarray
    idf : (n_words,) float32 ndarray
    quantizer : ScalarQuantizer or ProductQuantizer
    vocabulary : Vocabulary
    settings : Settings
    """

    records: tuple[Record, ...]
    codes: NDArray[np.uint8]
    basis: NDArray[np.float32]
    idf: NDArray[np.float32]
    quantizer: Quantizer
    vocabulary: Vocabulary
    settings: Settings

    @classmethod
    @checked_arguments
    def of(
        cls, index: Index, n_components: int = 256, quantizer: Quantizer | None = None
    ) -> LsaIndex:
        """Compress an index.

        Parameters
        ----------
        index : Index
            The index to compress, such as ``engine.index``.
        n_components : int
            Dimensions of the projection, which is learned from the pictures of the index.
        quantizer : ScalarQuantizer or ProductQuantizer, optional
            How vectors are quantised; default: one byte for each component.
        """
        if not index.is_ours:
            raise IncompatibleError(
                f"an index of the features of {index.descriptor['descriptor']!r} cannot be "
                "compressed: a compressed index reads its queries with SIFT only"
            )
        rows = index.histograms.source.rows(np.arange(len(index.collection)))
        if rows.nnz == 0:
            raise SettingsError("an index without features cannot be compressed: add pictures")
        basis = learn_basis(rows[np.flatnonzero(np.diff(rows.indptr))], n_components)
        basis = basis.astype(np.float16, order="C").astype(np.float32)  # as it is stored
        vectors = project(rows, basis)
        quantizer = (quantizer or ScalarQuantizer(8)).fit(vectors)
        return cls(
            tuple(index.collection.records),
            quantizer.transform(vectors),
            basis,
            index.weighting.idf_,
            quantizer,
            index.vocabulary,
            index.settings,
        )

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors that the codes stand for, ``(n, n_components)``."""
        return self.quantizer.inverse_transform(self.codes)

    @cached_property
    def _weighting(self) -> TfidfWeighting:
        weighting = TfidfWeighting(**asdict(self.settings.weighting))
        weighting.idf_ = self.idf
        return weighting

    def embed(self, features: Features) -> NDArray[np.float32]:
        """Return the projected histogram of a picture, ``(1, n_components)``."""
        words = np.sort(self.vocabulary.predict(features.descriptors))
        counts = word_counts(words, np.array([0, len(words)]), self.vocabulary.n_words_)
        return project(self._weighting.transform(counts), self.basis)

    @checked_arguments
    def search(
        self,
        query: Source,
        k: int | None = 10,
        *,
        region: Box | None = None,
        allow: Filter | None = None,
        deny: Filter | None = None,
    ) -> SearchResult:
        """Find the pictures whose vectors have the largest cosine with that of a query.

        Parameters
        ----------
        query, region, allow, deny
            See `Engine.search`.
        k : int or None
            Largest number of answers; None: all pictures.

        Raises
        ------
        ImageError
            When the query cannot be read.
        """
        (result,) = self.search_many([(query, region)], k, allow=allow, deny=deny, on_error="raise")
        return result

    @checked_arguments
    def search_many(
        self,
        queries: Queries,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        on_error: str = "record",
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> SearchResults:
        """Search for many queries; see `Engine.search_many`."""
        return SearchResults(
            self.search_each(
                queries,
                k,
                allow=allow,
                deny=deny,
                on_error=on_error,
                n_jobs=n_jobs,
                progress=progress,
            )
        )

    @checked_arguments
    def search_each(
        self,
        queries: Queries,
        k: int | None = 10,
        *,
        allow: Filter | None = None,
        deny: Filter | None = None,
        on_error: str = "record",
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> Iterator[SearchResult]:
        """Search for many queries, and yield the results; see `Engine.search_each`.

        Their features are extracted in parallel.
        """
        k = checked_k(k)
        on_error = checked_on_error(on_error)
        mask = allowed_places(self.records, self._positions, allow, deny)
        allowed = np.arange(len(self)) if mask is None else np.flatnonzero(mask)
        found = extract_queries(
            listed_queries(queries), self.settings, n_jobs=n_jobs, progress=progress
        )
        results = (
            (name, each if isinstance(each, BovwError) else self._answer(name, each, k, allowed))
            for name, each in found
        )
        return results_of(results, on_error)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {record.identifier: i for i, record in enumerate(self.records)}

    def _answer(
        self, name: str, features: Features, k: int | None, allowed: NDArray[np.intp]
    ) -> SearchResult:
        near, spent = self._nearest(features, k or len(self), allowed)
        answers = []
        for rank, (row, score) in enumerate(
            zip(near.indices[0].tolist(), near.similarities[0].tolist(), strict=True), start=1
        ):
            record = self.records[allowed[row]]
            size = record.width, record.height
            answers.append(
                Answer(
                    rank,
                    record.identifier,
                    record.path,
                    score,
                    score,
                    size=size,
                    initial_rank=rank,
                )
            )
        return SearchResult(
            name,
            tuple(answers),
            n_features=len(features),
            milliseconds={"search": spent},
            pictures=(QueryPicture(name, features.size, features.region),),
        )

    @checked_arguments
    def rank_many(
        self,
        queries: Queries,
        *,
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> list[FullRanking]:
        """Rank all pictures for many queries, for evaluation; see `Engine.rank_many`."""
        rankings = []
        found = extract_queries(
            listed_queries(queries), self.settings, cache=cache, n_jobs=n_jobs, progress=progress
        )
        for name, features in or_raise(found):
            near, spent = self._nearest(features, len(self))
            identifiers = tuple(self.records[i].identifier for i in near.indices[0])
            rankings.append(FullRanking(name, identifiers, near.similarities[0], {"search": spent}))
        return rankings

    def _nearest(
        self, features: Features, k: int, allowed: NDArray[np.intp] | None = None
    ) -> tuple[Neighbours, float]:
        begun = time.perf_counter()
        among = self.vectors
        if allowed is not None and len(allowed) < len(self):
            among = among[allowed]
        near = nearest_rows(self.embed(features), among, min(k, len(among)))
        return near, (time.perf_counter() - begun) * 1000

    def info(self) -> dict[str, Any]:
        """Return facts about the index, for JSON."""
        return {
            "n_pictures": len(self),
            "n_components": len(self.basis),
            "bytes_per_picture": self.codes.shape[1],
            "n_words": self.vocabulary.n_words_,
            "settings": self.settings.to_dict(),
        }
