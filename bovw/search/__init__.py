"""Search for one query: from its visual words to its ranked answers.

This package reads no index files and does not know how an index is changed.
"""

from .calibration import Calibration, calibrate
from .candidates import (
    Graph,
    HistogramIndex,
    StoredGraph,
    build_graph,
    candidate_recall,
    learn_basis,
    project,
)
from .cascade import rank
from .decision import Decision, decide, false_alarms, probability
from .expansion import enrich_query
from .explanation import Explanation, reason, shared_words
from .geometry.verification import verify
from .guises import join_guises
from .histograms import CollectionRows, Weights, count_weights, kept_weights
from .query import Combine, Query, QueryFeatures, picture_as_query
from .ranking import Base, Ranking, Stopwatch
from .results import Answer, FullRanking, SearchResult, answer_each, checked_k

__all__ = [
    "Answer",
    "Base",
    "Calibration",
    "CollectionRows",
    "Combine",
    "Decision",
    "Explanation",
    "FullRanking",
    "Graph",
    "HistogramIndex",
    "Query",
    "QueryFeatures",
    "Ranking",
    "SearchResult",
    "Stopwatch",
    "StoredGraph",
    "Weights",
    "answer_each",
    "build_graph",
    "calibrate",
    "candidate_recall",
    "checked_k",
    "count_weights",
    "decide",
    "enrich_query",
    "false_alarms",
    "join_guises",
    "kept_weights",
    "learn_basis",
    "picture_as_query",
    "probability",
    "project",
    "rank",
    "reason",
    "shared_words",
    "verify",
]
