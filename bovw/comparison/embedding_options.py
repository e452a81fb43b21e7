"""What can be done with embeddings, as options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..errors import SettingsError

Expand = Literal["none", "average", "rank", "alpha", "discriminative"]
Rerank = Literal["none", "k-reciprocal", "diffusion"]
Quantise = Literal["none", "sq8", "sq4", "sq1", "pq"]
Method = Literal["exact", "hnsw"]
_LEAST = {"pca": 0, "parts": 1, "augment": 0, "answers": 1, "alpha": 0, "ef_search": 1}


@dataclass(frozen=True)
class EmbeddingOptions:
    """What is done with embeddings.

    Parameters
    ----------
    pca : int
        Components that are kept; 0 for no projection.
    whiten : bool
        Give them equal variance.
    learn : str
        Embeddings that projection and quantisation are learned from; default: the base itself.
    quantise : {"none", "sq8", "sq4", "sq1", "pq"}
        Scalars of so many bits, or products of `parts` parts of a byte.
    parts : int
    augment : int
        Neighbours that join each vector of the base (database-side augmentation).
    expand : {"none", "average", "rank", "alpha", "discriminative"}
        Query expansion with the first `answers`, not verified.
    answers : int
    alpha : float
    rerank : {"none", "k-reciprocal", "diffusion"}
    method : {"exact", "hnsw"}
        Compare with all, or let nmslib's graph find the first 1,000; what it does not find is
        ranked last, in order of name.
    ef_search : int
        Breadth of the walk through the graph.
    """

    pca: int = 0
    whiten: bool = False
    learn: str = ""
    quantise: Quantise = "none"
    parts: int = 64
    augment: int = 0
    expand: Expand = "none"
    answers: int = 10
    alpha: float = 3.0  # Radenovic et al. 2018
    rerank: Rerank = "none"
    method: Method = "exact"
    ef_search: int = 1_000

    def __post_init__(self) -> None:
        kinds = {"expand": Expand, "rerank": Rerank, "quantise": Quantise, "method": Method}
        for name, kind in kinds.items():
            if getattr(self, name) not in get_args(kind):
                raise SettingsError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(get_args(kind))}"
                )
        for name, least in _LEAST.items():
            if not least <= getattr(self, name) < np.inf:
                raise SettingsError(
                    f"{name}={getattr(self, name)}: expected a number from {least}, and finite"
                )
