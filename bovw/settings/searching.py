"""Settings of a search: candidates, match kernel, geometric verification, query expansion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checks import check_types, one_of, require

CandidateMethod = Literal["auto", "exact", "inverted", "sparse-hnsw", "lsa-hnsw"]
"""How candidates are found; see `CandidateSettings`."""


GRAPHS: tuple[CandidateMethod, ...] = ("sparse-hnsw", "lsa-hnsw")
"""Methods for which nmslib builds a graph, which is kept with the index."""


GeometryModel = Literal["similarity", "partial", "affine", "homography"]


ExpansionMethod = Literal["none", "average", "rank", "alpha", "discriminative", "hamming"]


KernelMethod = Literal["none", "hamming", "asmk", "both"]


@dataclass(frozen=True)
class CandidateSettings:
    """How candidates are found: the histograms nearest to that of the query.

    Parameters
    ----------
    method : {"auto", "exact", "inverted", "sparse-hnsw", "lsa-hnsw"}
        "exact": all pictures that share a word with the query are scored, from their postings.
        "inverted": nmslib's inverted index, which is exact, too, and some thirty times slower.
        "sparse-hnsw": nmslib's graph over the histograms. "lsa-hnsw": nmslib's graph over the
        histograms projected by latent semantic analysis, and the postings of the query's rarest
        words; what these find is scored exactly. "auto": "exact" up to `graph_from`
        pictures, then "lsa-hnsw"; docs/quality.md.
    n_candidates : int
        How many candidates a search finds, at least, and passes on to the match kernel.
    n_components : int
        Dimensions of the projection ("lsa-hnsw"). Up to 128 take a byte each, more take four.
    graph_from : int
        See `method`.
    """

    method: CandidateMethod = "auto"
    n_candidates: int = 1000
    n_components: int = 128
    graph_from: int = 50_000

    def __post_init__(self) -> None:
        check_types(self)
        one_of("method", self.method, CandidateMethod)
        require(self.n_candidates >= 1, "n_candidates", self.n_candidates, "at least 1")
        require(self.n_components >= 1, "n_components", self.n_components, "at least 1")
        require(self.graph_from >= 1, "graph_from", self.graph_from, "at least 1")

    def chosen(self, n_pictures: int) -> CandidateMethod:
        """The method for an index of so many pictures."""
        if self.method != "auto":
            return self.method
        return "lsa-hnsw" if n_pictures >= self.graph_from else "exact"


@dataclass(frozen=True)
class KernelSettings:
    """How candidates are scored by a match kernel, a score of two pictures' matching features.

    Parameters
    ----------
    method : {"none", "hamming", "asmk", "both"}
        "none": no match kernel; candidates are scored by the cosine of their histograms.
        "hamming": by pairs of features that have the same word and similar signatures
        (`bovw.search.kernels.hamming`). "asmk": by one joined signature for each word of a picture
        (`bovw.search.kernels.aggregated`). "both": by the mean of these two, after the scores of
        each are scaled so that the best candidate has 1.
    n_both : int
        With "both", how many candidates (the best by "asmk") are also scored by "hamming".
    n_nearest : int
        How many nearest words each feature of the query is assigned to.
    max_repeats : int
        How many features of the query may use the same word. When there are more, this many of
        them are used, spread evenly over all of them ("hamming").
    max_distance : int
        Largest number of bits, out of 64, in which the signatures of a match may differ
        ("hamming").
    sigma : float
        The weight of a match falls with the Hamming distance of the signatures, as a Gaussian
        does. This is its width, in bits ("hamming").
    burstiness : bool
        Let features that match often count less (Jegou et al. 2009) ("hamming").
    angle_bins : int
        A match counts only if its change of angle agrees with that of most matches of the two
        pictures. To find it, changes of angle are counted in this many bins of a circle. 1 switches
        this off ("hamming").
    size_exponent : float
        Scores are divided by the number of features of a picture to this power ("hamming").
    selectivity : float
        Exponent of the agreement of two signatures ("asmk").
    center_sigma : float
        When the query is a whole picture, features weigh less away from the middle of the picture,
        by a Gaussian whose standard deviation is this many half sides
        (`bovw.vocabulary.center_weights`). 0 switches this off.
    """

    method: KernelMethod = "both"  # docs/quality.md
    n_both: int = 300
    n_nearest: int = 3  # docs/quality.md, also for the next three
    max_repeats: int = 10
    max_distance: int = 20
    sigma: float = 13.0
    burstiness: bool = True  # Jegou, Douze & Schmid 2009
    angle_bins: int = 32  # Jegou, Douze & Schmid 2008 take 64; three neighbours are joined here
    size_exponent: float = 0.25
    selectivity: float = 3.0  # Tolias, Avrithis & Jegou 2013
    center_sigma: float = 0.75  # docs/quality.md

    def __post_init__(self) -> None:
        check_types(self)
        one_of("method", self.method, KernelMethod)
        require(self.n_both >= 1, "n_both", self.n_both, "at least 1")
        require(1 <= self.n_nearest <= 1000, "n_nearest", self.n_nearest, "1 to 1000")
        require(self.max_repeats >= 1, "max_repeats", self.max_repeats, "at least 1")
        require(0 <= self.max_distance <= 64, "max_distance", self.max_distance, "0 to 64")
        require(self.sigma >= 0.1, "sigma", self.sigma, "at least 0.1")
        # The limit is there because memory grows with the number of bins.
        require(1 <= self.angle_bins <= 3600, "angle_bins", self.angle_bins, "1 to 3600")
        require(0 <= self.size_exponent <= 4, "size_exponent", self.size_exponent, "0 to 4")
        require(self.selectivity > 0, "selectivity", self.selectivity, "above 0")
        require(self.center_sigma >= 0, "center_sigma", self.center_sigma, ">= 0")


@dataclass(frozen=True)
class GeometrySettings:
    """How answers are verified: a transform must map features of the query to the candidate's.

    Correspondences that agree on the transform (the model) are inliers. The evidence of an answer
    is ``inliers - chance_share * matches``: its inliers minus the number expected by chance.

    Parameters
    ----------
    verify : int
        How many of the best candidates are verified; 0 switches verification off.
    model : {"similarity", "partial", "affine", "homography"}
        The kind of transform. "similarity": a similarity, found from single correspondences.
        "partial": a similarity, found by `cv2.estimateAffinePartial2D`. "affine" and
        "homography": found by OpenCV's USAC.
    tolerance : float
        Largest distance between an inlier's position in the candidate and the position that the
        model predicts, as a fraction of the longest side of the candidate (of a long picture: of
        four times the shorter side).
    place : float
        Both pictures are divided into square cells, and several inliers in the same cell ("place")
        count once. This is the side of a cell, as a fraction of the longest side of the picture.
    max_models : int
        How many transforms may be found between two pictures, which may share several objects.
    chance_share : float
        Share of the correspondences that is expected to agree on a model by chance.
    min_evidence : float
        An answer with at least this evidence is verified. A match is verified in any case.
    match_evidence : float
        An answer is a match when the query's own features give it at least this contrast
        (evidence, in which what many answers share counts less); see `bovw.search.decision`.
    max_pairs_per_word : int
        A word is ignored when it gives more correspondences than this between two pictures. It
        applies only without a match kernel.
    max_scale : float
        How many times larger or smaller an object may be in the other picture.
    """

    verify: int = 100
    model: GeometryModel = "similarity"
    # `tolerance`, `chance_share` and the evidences were chosen together by
    # `scripts/benchmarks/quality.py`, on every fourth query of UKBench and the covers, and on
    # Oxford. Pairs of pictures that do not match have 2 to 4 inliers with 25 correspondences, and
    # 7 to 12 with 200; docs/quality.md.
    tolerance: float = 0.03
    place: float = 0.015  # Schoenberger et al. 2016 use 64 cells per side
    max_models: int = 1
    chance_share: float = 0.03
    min_evidence: float = 5.0
    match_evidence: float = 6.0  # docs/quality.md
    max_pairs_per_word: int = 16
    max_scale: float = 16.0  # finds an icon of 64 pixels in a picture of 1,024

    def __post_init__(self) -> None:
        check_types(self)
        require(self.verify >= 0, "verify", self.verify, ">= 0")
        one_of("model", self.model, GeometryModel)
        require(0 < self.tolerance < 1, "tolerance", self.tolerance, "between 0 and 1")
        require(0 < self.place < 1, "place", self.place, "between 0 and 1")
        require(self.max_models >= 1, "max_models", self.max_models, "at least 1")
        require(0 <= self.chance_share < 1, "chance_share", self.chance_share, "0 to below 1")
        require(self.min_evidence >= 0.001, "min_evidence", self.min_evidence, "at least 0.001")
        require(
            self.match_evidence >= self.min_evidence,
            "match_evidence",
            self.match_evidence,
            f"at least min_evidence={self.min_evidence}",
        )
        require(self.max_pairs_per_word >= 1, "max_pairs_per_word", self.max_pairs_per_word, ">= 1")
        require(self.max_scale >= 1, "max_scale", self.max_scale, "at least 1")


@dataclass(frozen=True)
class ExpansionSettings:
    """How a query is expanded with verified answers.

    Parameters
    ----------
    method : {"none", "average", "rank", "alpha", "discriminative", "hamming"}
        "none": no expansion. "average": the mean of the query and its answers (Chum et al. 2007).
        "rank": answers are weighted by rank. "alpha": answers are weighted by their similarity to
        the power of `alpha` (Radenovic et al. 2018). "discriminative": the weights of a linear
        support vector machine that separates the query and its answers from the last candidates
        (Arandjelovic & Zisserman 2012). "hamming": features of the answers that fall inside the
        query are added to it (Tolias & Jegou 2014; only with a match kernel).
    n_answers : int
        Largest number of verified answers that are used.
    rounds : int
        Largest number of expansions. Expansion stops earlier when a round brings no new verified
        answer (Chum et al. 2007).
    alpha : float
        Exponent of the similarity ("alpha").
    n_negatives : int
        How many of the last candidates serve as negative examples ("discriminative").
    answer_weight : float
        Weight of a feature that is added to the query ("hamming"). The query's own features weigh
        at most 1.
    also : str
        Search for the picture in other guises, too: "mirror", "negative" or "mirror,negative".
        Each costs another search, but features are extracted only once.
    indirect : bool
        Let the expanded query verify answers that the query alone could not verify ("hamming").
        Such answers rank behind those that the query verified with its own features.
    """

    method: ExpansionMethod = "hamming"  # docs/quality.md
    n_answers: int = 20
    rounds: int = 3  # docs/quality.md
    alpha: float = 3.0
    n_negatives: int = 50
    answer_weight: float = 1.0
    indirect: bool = True  # docs/quality.md
    also: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        one_of("method", self.method, ExpansionMethod)
        require(self.n_answers >= 1, "n_answers", self.n_answers, "at least 1")
        require(self.rounds >= 1, "rounds", self.rounds, "at least 1")
        require(self.alpha >= 0, "alpha", self.alpha, ">= 0")
        require(self.n_negatives >= 1, "n_negatives", self.n_negatives, "at least 1")
        require(self.answer_weight > 0, "answer_weight", self.answer_weight, "above 0")
        guises = ("", "mirror", "negative", "mirror,negative")
        require(self.also in guises, "also", self.also, "mirror, negative or mirror,negative")
