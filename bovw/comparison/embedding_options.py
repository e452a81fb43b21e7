"""Options of systems that are embeddings."""

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
    """How embeddings are processed, searched and re-ranked.

    Parameters
    ----------
    pca : int
        Number of principal components that are kept; 0 for no projection.
    whiten : bool
        Whether to scale the components to equal variance.
    learn : str
        File of embeddings from which projection and quantisation are learned; default: the base
        itself.
    quantise : {"none", "sq8", "sq4", "sq1", "pq"}
        "sq8", "sq4", "sq1": scalar quantisation with 8, 4 or 1 bits. "pq": product quantisation
        with `parts` parts of one byte each.
    parts : int
        Number of parts ("pq").
    augment : int
        How many neighbours are added to each vector of the base (database-side augmentation); 0
        for none.
    expand : {"none", "average", "rank", "alpha", "discriminative"}
        Method of query expansion. It uses the first answers, which are not verified.
    answers : int
        Number of answers that query expansion uses.
    alpha : float
        Exponent of the similarity ("alpha").
    rerank : {"none", "k-reciprocal", "diffusion"}
        Method of re-ranking.
    method : {"exact", "hnsw"}
        "exact" compares queries with all vectors. "hnsw" lets nmslib's graph find the first 1,000
        answers; all other pictures are ranked last, in order of name.
    ef_search : int
        Breadth of the search in the graph.
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
