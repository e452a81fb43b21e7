"""Frozen settings: what can be chosen, and where each default comes from.

A `Settings` object holds everything that decides an answer. It is read, changed by `changed`,
saved with a vocabulary and an index, and loaded from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import SettingsError

TermFrequency = Literal["raw", "sqrt", "log", "binary"]
Idf = Literal["smooth", "plain", "sklearn", "none"]
Norm = Literal["l1", "l2", "none"]
CandidateMethod = Literal["inverted", "sparse-hnsw", "lsa-hnsw", "exact"]
GeometryModel = Literal["similarity", "partial", "affine", "homography"]
ExpansionMethod = Literal["none", "average", "rank", "alpha", "discriminative", "hamming"]
KernelMethod = Literal["none", "hamming", "asmk", "both"]


def _require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise SettingsError(f"{name}={value!r}: expected {expected}")


def _one_of(name: str, value: object, kind: Any) -> None:
    options = kind.__args__
    _require(value in options, name, value, "one of " + ", ".join(map(repr, options)))


@dataclass(frozen=True)
class ImageSettings:
    """How pictures are read.

    Parameters
    ----------
    max_side : int
        Larger pictures are shrunk until their longest side has this many pixels.
    max_pixels : int
        Pictures with more pixels (by their header) are refused before they are decoded.
    """

    max_side: int = 800
    max_pixels: int = 150_000_000

    def __post_init__(self) -> None:
        _require(self.max_side >= 16, "max_side", self.max_side, "at least 16 pixels")
        _require(self.max_pixels >= 1, "max_pixels", self.max_pixels, "at least 1")


@dataclass(frozen=True)
class FeatureSettings:
    """Which local features are taken from a picture, and how they are described.

    Parameters
    ----------
    upright : bool
        Describe all features with the orientation 0, not with their own.
    region_factor : float
        Side of the described region, as a multiple of what SIFT takes (12 times the scale).
    max_features : int
        The features with the strongest contrast are kept when there are more.
    contrast_threshold, edge_threshold : float
        Of SIFT's detector, as in OpenCV: a larger `contrast_threshold` gives fewer features,
        a larger `edge_threshold` more.
    root : bool
        RootSIFT (Arandjelovic & Zisserman 2012), not plain SIFT.
    """

    upright: bool = False
    region_factor: float = 2.5  # docs/quality.md
    max_features: int = 1500
    # A quarter of OpenCV's: pictures of few features gain, the others keep their strongest; a
    # tenth helps UKBench and hurts boxes; docs/quality.md.
    contrast_threshold: float = 0.01
    edge_threshold: float = 10.0  # Lowe 2004
    root: bool = True  # Arandjelovic & Zisserman 2012

    def __post_init__(self) -> None:
        _require(0.1 <= self.region_factor <= 10, "region_factor", self.region_factor, "0.1 to 10")
        _require(self.max_features >= 1, "max_features", self.max_features, "at least 1")
        _require(
            self.contrast_threshold >= 0, "contrast_threshold", self.contrast_threshold, ">= 0"
        )
        _require(self.edge_threshold > 0, "edge_threshold", self.edge_threshold, "> 0")


@dataclass(frozen=True)
class VocabularySettings:
    """How a vocabulary is trained; the parameters of `bovw.Vocabulary`.

    Parameters
    ----------
    n_words : int
    two_level : bool or None
        Cluster the clusters of a first clustering; None: from 4,096 words on.
    samples_per_word : int
        Descriptors to train on, drawn from the pictures given.
    random_state : int
    """

    n_words: int = 20_000  # with signatures; docs/quality.md
    two_level: bool | None = None
    samples_per_word: int = 50
    random_state: int = 0

    def __post_init__(self) -> None:
        _require(1 <= self.n_words <= 1_000_000, "n_words", self.n_words, "1 to 1,000,000")
        _require(
            self.samples_per_word >= 3, "samples_per_word", self.samples_per_word, "at least 3"
        )


@dataclass(frozen=True)
class WeightingSettings:
    """How counts of visual words become histograms; the parameters of `bovw.TfidfWeighting`."""

    tf: TermFrequency = "sqrt"
    idf: Idf = "smooth"
    norm: Norm = "l2"
    stop_words: int = 0

    def __post_init__(self) -> None:
        _one_of("tf", self.tf, TermFrequency)
        _one_of("idf", self.idf, Idf)
        _one_of("norm", self.norm, Norm)
        _require(self.stop_words >= 0, "stop_words", self.stop_words, ">= 0")


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
        _one_of("method", self.method, CandidateMethod)
        _require(self.n_candidates >= 1, "n_candidates", self.n_candidates, "at least 1")
        _require(self.n_components >= 1, "n_components", self.n_components, "at least 1")

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
        _one_of("method", self.method, KernelMethod)
        _require(self.n_both >= 1, "n_both", self.n_both, "at least 1")
        _require(1 <= self.n_nearest <= 1000, "n_nearest", self.n_nearest, "1 to 1000")
        _require(self.max_repeats >= 1, "max_repeats", self.max_repeats, "at least 1")
        _require(0 <= self.max_distance <= 64, "max_distance", self.max_distance, "0 to 64")
        _require(self.sigma >= 0.1, "sigma", self.sigma, "at least 0.1")
        # Memory grows with the bins.
        _require(1 <= self.angle_bins <= 3600, "angle_bins", self.angle_bins, "1 to 3600")
        _require(0 <= self.size_exponent <= 4, "size_exponent", self.size_exponent, "0 to 4")
        _require(self.selectivity > 0, "selectivity", self.selectivity, "above 0")
        _require(self.center_sigma >= 0, "center_sigma", self.center_sigma, ">= 0")


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
    # Tolerance, share and evidence were chosen together by `scripts/benchmark_quality.py` on every
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
        _require(self.verify >= 0, "verify", self.verify, ">= 0")
        _one_of("model", self.model, GeometryModel)
        _require(0 < self.tolerance < 1, "tolerance", self.tolerance, "between 0 and 1")
        _require(0 < self.place < 1, "place", self.place, "between 0 and 1")
        _require(self.max_models >= 1, "max_models", self.max_models, "at least 1")
        _require(0 <= self.chance_share < 1, "chance_share", self.chance_share, "0 to below 1")
        _require(self.min_evidence >= 0.001, "min_evidence", self.min_evidence, "at least 0.001")
        _require(self.half_evidence > 0, "half_evidence", self.half_evidence, "above 0")
        _require(
            self.match_evidence >= self.min_evidence,
            "match_evidence",
            self.match_evidence,
            f"at least min_evidence={self.min_evidence}",
        )
        _require(
            self.max_pairs_per_word >= 1, "max_pairs_per_word", self.max_pairs_per_word, ">= 1"
        )
        _require(self.max_scale >= 1, "max_scale", self.max_scale, "at least 1")


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
        _one_of("method", self.method, ExpansionMethod)
        _require(self.n_answers >= 1, "n_answers", self.n_answers, "at least 1")
        _require(self.rounds >= 1, "rounds", self.rounds, "at least 1")
        _require(self.alpha >= 0, "alpha", self.alpha, ">= 0")
        _require(self.n_negatives >= 1, "n_negatives", self.n_negatives, "at least 1")
        _require(self.answer_weight > 0, "answer_weight", self.answer_weight, "above 0")


@dataclass(frozen=True)
class Settings:
    """Everything that decides an answer."""

    images: ImageSettings = field(default_factory=ImageSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    weighting: WeightingSettings = field(default_factory=WeightingSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    kernel: KernelSettings = field(default_factory=KernelSettings)
    geometry: GeometrySettings = field(default_factory=GeometrySettings)
    expansion: ExpansionSettings = field(default_factory=ExpansionSettings)

    def __post_init__(self) -> None:
        if self.expansion.method == "hamming" and self.kernel.method == "none":
            raise SettingsError(
                "expansion.method='hamming' needs a match kernel: set kernel.method='hamming' "
                "too, or choose another expansion"
            )

    def changed(self, **changes: Mapping[str, Any]) -> Settings:
        """Return a copy with some fields changed.

        Examples
        --------
        >>> Settings().changed(geometry={"verify": 50}).geometry.verify
        50
        """
        rooms = {f.name for f in dataclasses.fields(self)}
        parts = {}
        for room, values in changes.items():
            _require(room in rooms, "settings", room, "one of " + ", ".join(sorted(rooms)))
            part = getattr(self, room)
            known = {f.name for f in dataclasses.fields(part)}
            for name in values:
                _require(name in known, f"settings.{room}", name, "one of " + ", ".join(known))
            parts[room] = dataclasses.replace(part, **values)
        return dataclasses.replace(self, **parts)

    def differences(self, other: Settings) -> dict[str, dict[str, Any]]:
        """Return what `changed` needs to make these settings of others."""
        mine, theirs = self.to_dict(), other.to_dict()
        found = {
            room: {name: value for name, value in part.items() if value != theirs[room][name]}
            for room, part in mine.items()
        }
        return {room: part for room, part in found.items() if part}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as dictionaries of plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Settings:
        """Make settings of what `to_dict` gave; what is not named keeps its default."""
        return cls().changed(**values)
