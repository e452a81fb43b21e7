"""Query expansion: build the query of the next round from the query and verified answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..embeddings import discriminative_weights, expansion_weights, weighted_sum
from ..settings import Settings
from ..vocabulary import center_weights
from .query import Asked, Query, QueryFeatures, join_features, picture_as_query
from .ranking import Base, Ranking

# How each expansion method weights the answers.
_WEIGHTS: dict[str, Literal["rank", "similarity"]] = {"rank": "rank", "alpha": "similarity"}


def enrich_query(
    query: QueryFeatures,
    answers: Sequence[QueryFeatures],
    transforms: Sequence[NDArray[np.float64]],
    weight: float,
    center_sigma: float = 0.0,
) -> QueryFeatures:
    """Add to a query the features of verified answers that fall inside its box of features.

    Hamming query expansion (Tolias & Jegou, "Visual query expansion with or without geometry",
    2014). The features of an answer are projected back into the query by the inverse of the
    verified transform.

    Parameters
    ----------
    query : QueryFeatures
    answers : sequence of QueryFeatures
    transforms : sequence of (3, 3) float64 ndarray
        Transforms that map query positions to positions in each answer.
    weight : float
        Weight of each added feature; a feature of the query has at most weight 1.
    center_sigma : float
        Added features weigh less away from the middle of the query; see `center_weights`.
    """
    low, high = query.keypoints[:, :2].min(axis=0), query.keypoints[:, :2].max(axis=0)
    parts = [query]
    for answer, transform in zip(answers, transforms, strict=True):
        back = np.linalg.inv(transform)
        points = answer.keypoints[:, :2] @ back[:, :2].T + back[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):  # points at infinity are outside
            points = points[:, :2] / points[:, 2:]
        inside = ((points >= low) & (points <= high)).all(axis=1)
        keypoints = answer.keypoints[inside]
        keypoints[:, :2] = points[inside]
        keypoints[:, 2] *= np.sqrt(abs(np.linalg.det(back[:2, :2])))
        turn = np.degrees(np.arctan2(back[1, 0], back[0, 0]))
        keypoints[:, 3] = (keypoints[:, 3] + turn) % 360
        weights = np.float32(weight) * center_weights(keypoints[:, :2], query.size, center_sigma)
        parts.append(
            QueryFeatures(
                answer.words[inside],
                answer.signatures[inside],
                keypoints,
                weights,
                query.size,
                query.whole,
            )
        )
    return join_features(parts)


def expanded_query(
    query: Query, base: Base, settings: Settings, ranking: Ranking, n_answers: int
) -> Asked:
    """Expand a query with the first answers of a ranking; these must be verified.

    Parameters
    ----------
    query : Query
    base : Base
    settings : Settings
        ``settings.expansion.method`` selects the method.
    ranking : Ranking
        Ranking of the previous round.
    n_answers : int
        How many of the first answers are used.
    """
    answers, method = ranking.positions[:n_answers], settings.expansion.method
    examples, weights = _examples(query, base, settings, ranking, answers)
    rows = sparse.vstack([query.histogram, base.histograms.source.rows(examples)]).tocsr()
    histogram = weighted_sum(rows, np.maximum(weights, 0))
    if method == "hamming":
        return Asked(histogram, _enriched(query, base, settings, ranking, answers), enriched=True)
    n = len(query.pictures)
    pictures = [picture_as_query(base.collection, int(p)) for p in examples]
    return Asked(
        histogram,
        [*query.pictures, *pictures],
        [*[float(weights[0]) / n] * n, *weights[1:].tolist()],
        weighted_sum(rows, weights) if (weights < 0).any() else None,
    )


def _examples(
    query: Query, base: Base, settings: Settings, ranking: Ranking, answers: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Choose example pictures; return them, and the weights of the query and the examples."""
    expansion = settings.expansion
    if expansion.method == "discriminative":
        last = ranking.positions[len(answers) :][-expansion.n_negatives :]
        if len(last):
            rows = base.histograms.source.rows
            positives = sparse.vstack([query.histogram, rows(answers)]).tocsr()
            weights = discriminative_weights(positives, rows(last))
            examples = np.concatenate([answers, last])
            used = np.flatnonzero(weights[1:])
            return examples[used], weights[np.append(0, used + 1)]
    weights = expansion_weights(
        ranking.similarities[: len(answers)],
        by=_WEIGHTS.get(expansion.method, "none"),
        alpha=expansion.alpha if expansion.method == "alpha" else 1.0,
    )
    return answers, np.append(np.float32(1), weights)


def _enriched(
    query: Query, base: Base, settings: Settings, ranking: Ranking, answers: NDArray[np.int32]
) -> list[QueryFeatures]:
    """Add to each query picture the features of the answers that were verified with it."""
    mine: list[list[int]] = [[] for _ in query.pictures]
    for position in answers.tolist():
        mine[ranking.found[position].picture].append(position)
    return [
        enrich_query(
            picture,
            [picture_as_query(base.collection, p) for p in positions],
            [ranking.found[p].verification.transforms[0] for p in positions],
            settings.expansion.answer_weight,
            settings.kernel.center_sigma if picture.whole else 0.0,
        )
        for picture, positions in zip(query.pictures, mine, strict=True)
    ]
