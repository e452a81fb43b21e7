"""Visual words: training a vocabulary, assigning words, signatures of descriptors, TF-IDF weights.

This package does not know about indexes.
"""

from .builtin import BUILTIN, OWN, builtin_folder
from .centers import is_centers, own_words
from .scale import DescriptorScale
from .signatures import BITS, HammingEmbedding, aggregate, hamming_distances
from .statistics import WordStatistics
from .training import train_on_features, train_on_files, train_vocabulary
from .transformers import BagOfVisualWords, SiftTransformer
from .vocabulary import Vocabulary
from .weighting import TfidfWeighting, center_weights, first_of_words, word_counts

__all__ = [
    "BITS",
    "BUILTIN",
    "OWN",
    "BagOfVisualWords",
    "DescriptorScale",
    "HammingEmbedding",
    "SiftTransformer",
    "TfidfWeighting",
    "Vocabulary",
    "WordStatistics",
    "aggregate",
    "builtin_folder",
    "center_weights",
    "first_of_words",
    "hamming_distances",
    "is_centers",
    "own_words",
    "train_on_features",
    "train_on_files",
    "train_vocabulary",
    "word_counts",
]
