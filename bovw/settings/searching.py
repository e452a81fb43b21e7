"""How a search goes: candidates, match kernel, geometry and expansion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checks import one_of, require

CandidateMethod = Literal["inverted", "sparse-hnsw", "lsa-hnsw", "exact"]


GeometryModel = Literal["similarity", "partial", "affine", "homography"]


ExpansionMethod = Literal["none", "average", "rank", "alpha", "discriminative", "hamming"]


KernelMethod = Literal["none", "hamming", "asmk", "both"]


@dataclass(frozen=True)
class CandidateSettings:
    """How the nearest histograms are found.

    Parameters
    ----------
    method : {"inverted", "sparse-hnsw", "lsa-hnsw", "exact"}
        nmslib's exact inverted index, its graph over the sparse histograms, its graph over
        their projection by latent semantic analysis, or scipy's sparse product.
    n_candidates : int
        How many histograms are scored exactly.
    n_components : int
        Dimensions of the projection ("lsa-hnsw").
    """

    method: CandidateMethod = "inverted"
    n_candidates: int = 1000
    n_components: int = 256

    def __post_init__(self) -> None:
        one_of("method", self.method, CandidateMethod)
        require(self.n_candidates >= 1, "n_candidates", self.n_candidates, "at least 1")
        require(self.n_components >= 1, "n_components", self.n_components, "at least 1")

    @property
    def has_graph(self) -> bool:
        """Whether nmslib builds a graph, which is worth keeping."""
        return self.method in ("sparse-hnsw", "lsa-hnsw")


@dataclass(frozen=True)
class KernelSettings:
    """How candidates are scored.

    Parameters
    ----------
    method : {"none", "hamming", "asmk", "both"}
        By the cosine of their histograms, by the features whose words are the same and whose
        signatures are near (`bovw.match_kernel`), by one signature a word (`bovw.aggregation`),
        or by the mean of these two, the best candidate of each scoring 1.
    n_both : int
        How many candidates, the best by one signature a word, are scored both ways ("both").
    n_nearest : int
        Words that each feature of the query is looked up in.
    max_repeats : int
        Features of the query that are looked up in one word at most ("hamming"); of more, as
        many, evenly from all.
    max_distance : int
        Bits of 64 in which the signatures of a match differ at most.
    sigma : float
        Width, in bits, of the weight that falls with the distance.
    burstiness : bool
        Let features that match often count less (Jegou et al. 2009).
    angle_bins : int
        Bins of the circle for the agreement on a change of angle; 1 switches it off ("hamming").
    size_exponent : float
        Scores are divided by the number of features of a picture to this power ("hamming").
    selectivity : float
        Exponent of the agreement of two signatures ("asmk").
    center_sigma : float
        Where a whole picture is asked for, features count less away from the middle, by a
        Gaussian of this many half sides (`bovw.weighting.center_weights`); 0 switches it off.
    """

    method: KernelMethod = "both"  # docs/quality.md
    n_both: int = 300
    n_nearest: int = 3  # docs/quality.md, as the next three
    max_repeats: int = 10
    max_distance: int = 20
    sigma: float = 13.0
    burstiness: bool = True  # Jegou, Douze & Schmid 2009
    angle_bins: int = 32  # Jegou, Douze & Schmid 2008 take 64; three neighbours are joined here
    size_exponent: float = 0.25
    selectivity: float = 3.0  # Tolias, Avrithis & Jegou 2013
    center_sigma: float = 0.75  # docs/quality.md

    def __post_init__(self) -> None:
        one_of("method", self.method, KernelMethod)
        require(self.n_both >= 1, "n_both", self.n_both, "at least 1")
        require(1 <= self.n_nearest <= 1000, "n_nearest", self.n_nearest, "1 to 1000")
        require(self.max_repeats >= 1, "max_repeats", self.max_repeats, "at least 1")
        require(0 <= self.max_distance <= 64, "max_distance", self.max_distance, "0 to 64")
        require(self.sigma >= 0.1, "sigma", self.sigma, "at least 0.1")
        # Memory grows with the bins.
        require(1 <= self.angle_bins <= 3600, "angle_bins", self.angle_bins, "1 to 3600")
        require(0 <= self.size_exponent <= 4, "size_exponent", self.size_exponent, "0 to 4")
        require(self.selectivity > 0, "selectivity", self.selectivity, "above 0")
        require(self.center_sigma >= 0, "center_sigma", self.center_sigma, ">= 0")


@dataclass(frozen=True)
class GeometrySettings:
    """How answers are verified.

    Parameters
    ----------
    verify : int
        How many of the best answers are verified; 0 switches verification off.
    model : {"similarity", "partial", "affine", "homography"}
        Similarity from single correspondences, similarity by `cv2.estimateAffinePartial2D`,
        affine transform or homography by USAC.
    tolerance : float
        Largest distance of an inlier from where the model puts it, as a fraction of the longest
        side of the picture it lies in.
    place : float
        Side of a place, as a fraction of the longest side of the picture: inliers that share a
        place count once.
    max_models : int
        Transforms that may be found between two pictures, as when they share several objects.
    chance_share : float
        Share of the correspondences that agree on a model by chance; what is above it,
        ``inliers - chance_share * matches``, is the evidence of an answer.
    min_evidence : float
        Evidence from which an answer counts as verified.
    half_evidence : float
        Evidence (weighted by where the inliers lie) that adds half of what evidence can add to
        the score of a verified answer: ``1 + e / (e + half_evidence)``, and 1 more when no
        expansion was needed to find it.
    match_evidence : float
        Evidence of the best answer from which a query counts as matched.
    max_pairs_per_word : int
        A word is left out when it gives more correspondences than this between two pictures.
    max_scale : float
        Largest change of scale, either way, that is plausible between two pictures.
    """

    verify: int = 100
    model: GeometryModel = "similarity"
    # Tolerance, share and evidence were chosen together by `scripts/benchmarks/quality.py` on every
    # fourth query of UKBench and the covers and on Oxford: wrong pairs of pictures have 2 to 4
    # inliers with 25 correspondences and 7 to 12 with 200; docs/quality.md.
    tolerance: float = 0.03
    place: float = 0.015  # Schoenberger et al. 2016 take 64 places a side
    max_models: int = 1
    chance_share: float = 0.03
    min_evidence: float = 5.0
    half_evidence: float = 20.0  # docs/quality.md
    match_evidence: float = 10.0
    max_pairs_per_word: int = 16
    max_scale: float = 10.0

    def __post_init__(self) -> None:
        require(self.verify >= 0, "verify", self.verify, ">= 0")
        one_of("model", self.model, GeometryModel)
        require(0 < self.tolerance < 1, "tolerance", self.tolerance, "between 0 and 1")
        require(0 < self.place < 1, "place", self.place, "between 0 and 1")
        require(self.max_models >= 1, "max_models", self.max_models, "at least 1")
        require(0 <= self.chance_share < 1, "chance_share", self.chance_share, "0 to below 1")
        require(self.min_evidence >= 0.001, "min_evidence", self.min_evidence, "at least 0.001")
        require(self.half_evidence > 0, "half_evidence", self.half_evidence, "above 0")
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
    """How verified answers enrich the query.

    Parameters
    ----------
    method : {"none", "average", "rank", "alpha", "discriminative", "hamming"}
        No expansion; the mean of query and answers (Chum et al. 2007); answers weighted by
        rank; answers weighted by their similarity to the power of `alpha` (Radenovic et al. 2018);
        weights of a linear support vector machine that tells query and answers from the last of
        the candidates (Arandjelovic & Zisserman 2012); or features of the answers that lie in the
        query's region join it (Tolias & Jegou 2014; only with a match kernel).
    n_answers : int
        How many verified answers are taken at most.
    rounds : int
        How often the query is expanded, as long as more answers are verified (Chum et al. 2007).
    alpha : float
        Exponent of the similarity.
    n_negatives : int
        Candidates that are taken for wrong ("discriminative").
    answer_weight : float
        Of a feature that joins the query ("hamming"); those of the query weigh 1.
    indirect : bool
        Let the expanded query verify what the query alone could not ("hamming"). Such answers
        stand behind those that the query verified by itself.
    """

    method: ExpansionMethod = "hamming"  # docs/quality.md
    n_answers: int = 20
    rounds: int = 3  # docs/quality.md
    alpha: float = 3.0
    n_negatives: int = 50
    answer_weight: float = 1.0
    indirect: bool = True  # docs/quality.md

    def __post_init__(self) -> None:
        one_of("method", self.method, ExpansionMethod)
        require(self.n_answers >= 1, "n_answers", self.n_answers, "at least 1")
        require(self.rounds >= 1, "rounds", self.rounds, "at least 1")
        require(self.alpha >= 0, "alpha", self.alpha, ">= 0")
        require(self.n_negatives >= 1, "n_negatives", self.n_negatives, "at least 1")
        require(self.answer_weight > 0, "answer_weight", self.answer_weight, "above 0")
