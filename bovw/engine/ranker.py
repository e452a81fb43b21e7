"""Many queries for evaluation: full rankings, verified short lists, and calibration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import get_args

import numpy as np

from ..errors import SettingsError, shown
from ..exchange import Pair
from ..features import Queries, listed_queries, or_raise, query_blocks
from ..index import fill, rank_index, with_outside
from ..search import (
    Calibration,
    CandidateIndex,
    Decision,
    FullRanking,
    SearchResults,
    calibrate,
    candidate_recall,
)
from ..settings import checked_arguments
from .batches import BatchSearcher
from .spreading import answered


class Ranker(BatchSearcher):
    """Ranks all pictures of an index for many queries, verifies short lists, and calibrates."""

    @checked_arguments
    def candidate_recall(self, n_queries: int = 100, k: int = 100) -> float:
        """Share of the `k` nearest histograms that the method for candidates finds.

        Pictures of the index, spread evenly over it, are the queries. The exact methods give 1.

        Parameters
        ----------
        n_queries : int
            How many pictures are asked; at most as many as the index has.
        k : int
            How many neighbours should be found.

        Returns
        -------
        float
            NaN for an index in which no picture has features.
        """
        for name, value in (("n_queries", n_queries), ("k", k)):
            if value < 1:
                raise SettingsError(f"{name}={value}: expected at least 1")
        histograms = self.index.histograms
        histograms.wait()
        filled = np.flatnonzero(histograms.is_filled)
        if len(filled) == 0:
            return float("nan")
        chosen = np.unique(np.linspace(0, len(filled) - 1, n_queries).astype(int))
        queries = histograms.source.rows(filled[chosen])
        return candidate_recall(histograms, queries, k)

    @checked_arguments
    def with_candidates(self, candidates: CandidateIndex, *, add: bool = True) -> BatchSearcher:
        """Return a searcher of the same pictures whose candidates another engine finds.

        What it finds is scored exactly with the present weights, and then ranked as always.

        Parameters
        ----------
        candidates : CandidateIndex
            Such as `bovw.search.QdrantCandidates`.
        add : bool
            Whether to add the histograms of all pictures to it first. Without, it must have them:
            from an earlier call for this index. Pictures that were added since are not found.
        """
        for name in ("add", "remove", "search"):
            if isinstance(candidates, type) or not callable(getattr(candidates, name, None)):
                raise SettingsError(
                    f"candidates={shown(candidates)}: expected an object with the method {name}; "
                    "see bovw.search.CandidateIndex"
                )
        index = with_outside(self.index, candidates)
        if add:
            fill(index)
        return BatchSearcher(index, n_jobs=self.n_jobs, extractor=self.extractor)

    @checked_arguments
    def rank_many(
        self,
        queries: Queries,
        *,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> list[FullRanking]:
        """Rank all pictures of the index for each of many queries, for evaluation.

        `cache` is a folder that keeps the extracted features, as for `Engine.build`. A query that
        cannot be read raises an ImageError.
        """
        engine = self._with(self.index)  # another thread may replace ours meanwhile
        found = answered(engine, query_blocks(queries), rank_index, cache=cache, progress=progress)
        return [ranking for _, ranking in or_raise(found)]

    @checked_arguments
    def verify_many(
        self,
        queries: Queries,
        short_lists: Sequence[Sequence[str]],
        *,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> SearchResults:
        """Verify the first answers of another system (a short list for each query) by geometry.

        Parameters
        ----------
        queries : iterable of sources, or of (source, region); or a path
        short_lists : sequence of sequence of str
            Identifiers of the answers to verify, a list for each query.
        cache, progress
            See `rank_many`.

        Returns
        -------
        SearchResults
            The pictures of each list that share a visual word with the query; `Answer.verified`
            is true for those that show the same thing. A query that cannot be read raises an
            ImageError.
        """
        pairs = listed_queries(queries)
        if len(pairs) != len(short_lists):
            raise SettingsError(
                f"{len(pairs)} queries, but {len(short_lists)} short lists of answers"
            )
        depth = max((len(names) for names in short_lists), default=0)
        engine = self.changed(geometry={"verify": depth}, expansion={"method": "none"})
        results = SearchResults()
        extracted = self._extracted(pairs, progress, cache)
        for (name, features), names in zip(or_raise(extracted), short_lists, strict=True):
            results.append(
                engine.search_features(features, max(1, len(names)), allow=names, name=name)
            )
        return results

    @checked_arguments
    def pairs(
        self,
        k: int = 20,
        *,
        of: Iterable[str] | None = None,
        least: str = "no",
        verify: int | None = None,
        progress: bool = False,
    ) -> list[Pair]:
        """Pair each picture with its best answers, by stored features; see `search_stored`.

        For structure from motion and other work that matches pictures: `bovw.exchange.pairs_text`
        writes the pairs for COLMAP and hloc.

        Parameters
        ----------
        k : int
            Largest number of answers of each picture.
        of : iterable of str, optional
            Identifiers of the pictures to pair with others; default: all.
        least : {"no", "possible", "match"}
            The least decision that an answer needs. "no": also answers that geometry did not
            confirm. The others need verification.
        verify : int, optional
            See `search`.
        progress : bool
            Show a progress bar on stderr, if stderr is a terminal.

        Returns
        -------
        list of Pair
            In order of the pictures, and of the ranks of their answers.

        Raises
        ------
        UnknownPictureError
            When a picture is not in the index.
        """
        if least not in get_args(Decision):
            raise SettingsError(f"least={shown(least)}: expected 'no', 'possible' or 'match'")
        if least != "no" and (self.settings.geometry.verify if verify is None else verify) == 0:
            raise SettingsError(f"least={least!r} needs verification, but verify is 0")
        names = self.identifiers if of is None else tuple(dict.fromkeys(of))
        for name in names:
            self.collection.position(name)  # raises before the work begins
        enough = {"no": (None, "no", "possible", "match"), "possible": ("possible", "match")}
        good = enough.get(least, ("match",))
        found = self.search_stored_each(
            names, k, verify=verify, on_error="raise", progress=progress
        )
        return [
            Pair(result.query, a.identifier, a.rank, a.score, a.similarity, a.inliers, a.decision)
            for result in found
            for a in result
            if a.decision in good
        ]

    @checked_arguments
    def calibrate(
        self,
        negatives: Queries,
        *,
        false_accept_rate: float = 0.01,
        progress: bool = False,
    ) -> Calibration:
        """Choose how much evidence makes an answer a match, by queries without a right answer.

        What counts is evidence in contrast to what many answers share; see `Answer.contrast`.

        Parameters
        ----------
        negatives : iterable of sources, or a path
            Pictures of things that no picture of the index shows; a path may be a folder. The more
            pictures, the better the estimate. A picture that cannot be read is an error.
        false_accept_rate : float
            Largest share of these pictures that may wrongly count as matched.

        Returns
        -------
        Calibration
            `Engine.keep` keeps it in the index, for all later searches.
        """
        if self.settings.geometry.verify == 0:
            raise SettingsError("geometry.verify=0: without verification there is no evidence")
        results = self.search_many(negatives, 1, on_error="raise", progress=progress)
        return calibrate(
            [result.contrast for result in results],
            false_accept_rate,
            self.settings.geometry.min_evidence,
            example=results[0].query if results else "",
            n_pictures=len(self),
        )
