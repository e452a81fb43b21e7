"""Settings of an index: how pictures are read, described and turned into histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checks import check_types, one_of, require

TermFrequency = Literal["raw", "sqrt", "log", "binary"]


Idf = Literal["smooth", "plain", "sklearn", "none"]


Norm = Literal["l1", "l2", "none"]


@dataclass(frozen=True)
class ImageSettings:
    """How pictures are read.

    Parameters
    ----------
    max_side : int
        Larger pictures are shrunk until they have no more pixels than a square of this side.
    max_tiles : float
        A picture whose longer side is more than four times the shorter one may have more pixels:
        ``longer / shorter / 4`` times as many, but at most this factor. So what a page shows is
        still found when the page is very long.
    max_pixels : int
        Pictures whose header says that they have more pixels are refused before decoding.
    """

    max_side: int = 800
    max_tiles: float = 4.0
    max_pixels: int = 150_000_000

    def __post_init__(self) -> None:
        check_types(self)
        require(self.max_side >= 16, "max_side", self.max_side, "at least 16 pixels")
        require(1 <= self.max_tiles <= 100, "max_tiles", self.max_tiles, "1 to 100")
        require(self.max_pixels >= 1, "max_pixels", self.max_pixels, "at least 1")


@dataclass(frozen=True)
class FeatureSettings:
    """Which local features of a picture are used, and how they are described.

    Parameters
    ----------
    upright : bool
        Describe all features as if their orientation were 0, instead of their own orientation.
    region_factor : float
        Side of the described region, as a multiple of SIFT's own region (12 times the scale).
    max_features : int
        Largest number of features. When there are more, those with the strongest contrast are
        kept.
    enlarge : float
        A picture (or a region of a query) that has fewer features, and fewer pixels than
        `ImageSettings.max_side` allows, is enlarged by this factor at most, so that details of few
        pixels are found; 1 turns this off.
    contrast_threshold, edge_threshold : float
        Thresholds of SIFT's detector, as in OpenCV: a larger `contrast_threshold` gives fewer
        features, a larger `edge_threshold` more.
    root : bool
        Whether to use RootSIFT (Arandjelovic & Zisserman 2012) instead of plain SIFT.
    """

    upright: bool = False
    region_factor: float = 2.5  # docs/quality.md
    max_features: int = 1500
    enlarge: float = 2.0  # docs/quality.md
    # A quarter of OpenCV's default: pictures with few features get more of them; the others keep
    # their strongest ones anyway. A tenth helps UKBench but hurts queries that are boxes;
    # docs/quality.md.
    contrast_threshold: float = 0.01
    edge_threshold: float = 10.0  # Lowe 2004
    root: bool = True  # Arandjelovic & Zisserman 2012

    def __post_init__(self) -> None:
        check_types(self)
        require(0.1 <= self.region_factor <= 10, "region_factor", self.region_factor, "0.1 to 10")
        require(self.max_features >= 1, "max_features", self.max_features, "at least 1")
        require(1 <= self.enlarge <= 8, "enlarge", self.enlarge, "1 to 8")
        require(self.contrast_threshold >= 0, "contrast_threshold", self.contrast_threshold, ">= 0")
        require(self.edge_threshold > 0, "edge_threshold", self.edge_threshold, "> 0")


@dataclass(frozen=True)
class VocabularySettings:
    """How a vocabulary is trained; the parameters of `bovw.Vocabulary`.

    Parameters
    ----------
    n_words : int
    two_level : bool or None
        Whether to cluster in two levels: coarsely first, then each cluster by itself. None: yes,
        from 4,096 words on.
    samples_per_word : int
        Number of descriptors per word to train on, drawn at random from the training pictures.
    random_state : int
    """

    n_words: int = 20_000  # with signatures; docs/quality.md
    two_level: bool | None = None
    samples_per_word: int = 50
    random_state: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        require(1 <= self.n_words <= 1_000_000, "n_words", self.n_words, "1 to 1,000,000")
        require(self.samples_per_word >= 3, "samples_per_word", self.samples_per_word, "at least 3")


@dataclass(frozen=True)
class WeightingSettings:
    """How counts of visual words become histograms; the parameters of `bovw.TfidfWeighting`."""

    tf: TermFrequency = "sqrt"
    idf: Idf = "smooth"
    norm: Norm = "l2"
    stop_words: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        one_of("tf", self.tf, TermFrequency)
        one_of("idf", self.idf, Idf)
        one_of("norm", self.norm, Norm)
        require(self.stop_words >= 0, "stop_words", self.stop_words, ">= 0")
