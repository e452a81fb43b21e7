"""Compare several retrieval systems on one ground truth.

This package does not know how its result is shown; `bovw.report` does that.
"""

from .comparing import compare
from .embedding_options import EmbeddingOptions
from .embedding_runs import embedding_run
from .engine_runs import checked_contents, engine_run, paths_of, verified_run
from .fusion import fused_run, normalise_scores, put_first, reciprocal_rank_fusion, weighted_fusion
from .systems import Fusion, System

__all__ = [
    "EmbeddingOptions",
    "Fusion",
    "System",
    "checked_contents",
    "compare",
    "embedding_run",
    "engine_run",
    "fused_run",
    "normalise_scores",
    "paths_of",
    "put_first",
    "reciprocal_rank_fusion",
    "verified_run",
    "weighted_fusion",
]
