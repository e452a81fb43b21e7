"""Notes on scores: what their reader should know before relying on them."""

from __future__ import annotations

from collections.abc import Mapping

from .ground_truth import GroundTruth, GroundTruthQuery
from .scoring import Scores
from .significance import ENOUGH_GROUPS


def notes_on(
    truth: GroundTruth, scores: Scores, same: Mapping[str, frozenset[str]] | None = None
) -> list[str]:
    """Write notes on scores: queries without positives, few groups, queries in the base."""
    notes = list(truth.notes)
    everything = sum(
        len(truth.images - query.positive - query.junk - {query.image}) == 0
        for query in truth.queries
        if query.positive
    )
    if everything:
        notes.append(
            f"for {everything} of {len(truth.queries)} queries every picture of the base is right, "
            "so that they score 1 whatever the system does"
        )
    if scores.n_without_positives:
        notes.append(
            f"{scores.n_without_positives} of {len(scores.queries)} queries have no positive and "
            "are left out of all means"
        )
    n_groups = len({g for g, n in zip(scores.groups, scores.n_positives, strict=True) if n})
    if n_groups < ENOUGH_GROUPS:
        notes.append(
            f"{n_groups} independent groups of queries: fewer than {ENOUGH_GROUPS}, so "
            "differences are reported, but none is called real"
        )
    own = {q.name for q in truth.queries if q.image in truth.images} | set(same or ())
    if own:
        junk = sum(_in_junk(query, same or {}) for query in truth.queries if query.name in own)
        done = {
            "keep": f"kept, but for {junk} that their junk names" if junk else "kept",
            "junk": "junk for that query",
            "remove": "removed for all queries",
        }[truth.in_base]
        notes.append(f"{len(own)} queries are in the base: {done}")
    return notes


def _in_junk(query: GroundTruthQuery, same: Mapping[str, frozenset[str]]) -> bool:
    """Whether all pictures of the base that show the query picture itself are in its junk."""
    return same.get(query.name, frozenset({query.image})) <= query.junk
