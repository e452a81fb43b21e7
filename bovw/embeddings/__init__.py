"""Embeddings, the vectors that some network gave for pictures: files, search, re-ranking.

This package works with vectors only; it does not read pictures or know about visual words.
"""

from .embeddings import EmbeddingIndex, Embeddings, load_embeddings, save_embeddings
from .projection import Projection, as_vectors, unit_rows
from .quantisation import ProductQuantizer, ScalarQuantizer
from .query_expansion import (
    augment,
    discriminative_weights,
    expand_query,
    expansion_weights,
    weighted_sum,
)
from .reranking import Diffusion, KReciprocal, Neighbours, best_scores, nearest_rows
from .sources import as_embeddings
from .tensors import as_array

__all__ = [
    "Diffusion",
    "EmbeddingIndex",
    "Embeddings",
    "KReciprocal",
    "Neighbours",
    "ProductQuantizer",
    "Projection",
    "ScalarQuantizer",
    "as_array",
    "as_embeddings",
    "as_vectors",
    "augment",
    "best_scores",
    "discriminative_weights",
    "expand_query",
    "expansion_weights",
    "load_embeddings",
    "nearest_rows",
    "save_embeddings",
    "unit_rows",
    "weighted_sum",
]
