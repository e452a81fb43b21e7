"""Describes the pictures of a ranking as answers, and explains them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..features import Features, checked_guises, in_guise
from ..search import (
    Answer,
    Explanation,
    Query,
    Ranking,
    Stopwatch,
    decide,
    false_alarms,
    matched_quadrilaterals,
    probability,
    reason,
    shared_words,
)
from .index import Index


def answers_of(index: Index, ranking: Ranking, k: int | None) -> tuple[Answer, ...]:
    """Describe the first `k` pictures of a ranking."""
    return tuple(_answer(index, ranking, place) for place in range(len(ranking.positions[:k])))


def with_shared_words(
    index: Index, answers: Iterable[Answer], features: Sequence[Features]
) -> tuple[Answer, ...]:
    """Add to answers the words that they share with the query; see `Answer.shared_words`.

    Each answer is compared with the query in the guise that it was found in.
    """
    upright = index.settings.features.upright
    queries: dict[str, Query] = {}
    found = []
    for answer in answers:
        guise = answer.guise
        if guise not in queries:
            parts = list(features)
            if guise != "plain":
                (other,) = checked_guises(guise)
                parts = [in_guise(part, other, upright=upright) for part in features]
            queries[guise] = index.query(parts, Stopwatch())
        position = index.collection.position(answer.identifier)
        words = shared_words(queries[guise], position, index.base, index.settings.kernel)
        found.append(replace(answer, shared_words=words))
    return tuple(found)


def explanation_of(
    index: Index,
    ranking: Ranking,
    features: Features,
    position: int,
    name: str,
) -> Explanation:
    """Explain the rank of a picture in the ranking for a query.

    A picture that was not verified, since others were more similar, is verified now, alone.
    """
    places = np.flatnonzero(ranking.positions == position)
    if len(places) == 0:
        record = index.collection.records[position]
        answer = Answer(
            len(ranking.positions) + 1,
            record.identifier,
            record.path,
            0.0,
            0.0,
            size=(record.width, record.height),
        )
        return Explanation(name, answer, (), None, "it shares no word with the query")
    place = int(places[0])
    answer = _answer(index, ranking, place)
    if answer.inliers is None and index.settings.geometry.verify:
        answer = _tried_alone(index, answer, features, position)
    last = place + 1 == len(ranking.positions)
    following = None if last else _answer(index, ranking, place + 1)
    (answer,) = with_shared_words(index, [answer], [features])
    return Explanation(
        name, answer, answer.shared_words or (), following, reason(answer, following)
    )


def _tried_alone(index: Index, answer: Answer, features: Features, position: int) -> Answer:
    """Verify a picture as if no other was more similar; its rank and decision stay."""
    only = np.zeros(len(index.collection), bool)
    only[position] = True
    alone = _answer(index, index.rank([features], 1, only), 0)
    what = f"{alone.inliers} inliers" if alone.inliers else "no transform that fits"
    return replace(
        alone,
        rank=answer.rank,
        initial_rank=answer.initial_rank,
        score=answer.score,
        similarity=answer.similarity,
        verified=False,
        decision=answer.decision,
        reason=f"{answer.reason}; tried alone, it finds {what}",
    )


def _answer(index: Index, ranking: Ranking, place: int) -> Answer:
    position = int(ranking.positions[place])
    record = index.collection.records[position]
    answer = Answer(
        rank=place + 1,
        identifier=record.identifier,
        path=record.path,
        score=float(ranking.scores[place]),
        similarity=float(ranking.similarities[place]),
        size=(record.width, record.height),
        initial_rank=int(ranking.initial_ranks[place]),
    )
    geometry = index.settings.geometry
    if geometry.verify == 0:
        return answer
    evidence, contrast = float(ranking.evidence[place]), float(ranking.contrast[place])
    found = ranking.found.get(position)
    decision, why = decide(found, evidence, contrast, geometry)
    if found is None:
        return replace(answer, decision=decision, reason=why)
    quadrilaterals = matched_quadrilaterals(found.verification) or (None, None)
    stored = index.collection.words[index.collection.part(position)]
    return replace(
        answer,
        inliers=found.verification.inliers,
        evidence=evidence,
        contrast=contrast,
        decision=decision,
        reason=why,
        probability=probability(contrast if found.direct else 0.0, geometry),
        false_alarms=false_alarms(
            found.verification, index.collection.size(position), geometry.tolerance
        ),
        verified=decision == "match" or evidence >= geometry.min_evidence,
        direct=found.direct,
        guise=found.guise,
        transform=found.verification.transform,
        region=found.verification.region,
        query_points=found.verification.query_points,
        points=found.verification.points,
        query_picture=found.picture,
        query_quadrilateral=quadrilaterals[0],
        quadrilateral=quadrilaterals[1],
        words=np.asarray(stored[found.verification.pairs[:, 1]], np.int32),
        scales=found.verification.scales,
    )
