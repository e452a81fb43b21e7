"""Search for one query: from its visual words to its ranked answers.

This package reads no index files and does not know how an index is changed.
"""

from .answer import RESULT_VERSION, Answer, SharedWord
from .calibration import Calibration, calibrate
from .candidate_index import CandidateIndex, HistogramCandidates
from .candidates import HistogramIndex, Near, Sought, best_of, candidate_recall
from .cascade import rank
from .decision import Decision, decide, false_alarms, probability
from .expansion import enrich_query
from .explanation import Explanation, reason, shared_words
from .geometry.correspondences import Correspondences
from .geometry.regions import matched_quadrilaterals
from .geometry.transforms import derivative
from .geometry.verification import Verification, frame, verify
from .graphs import Graph, StoredGraph, build_graph, learn_basis, project
from .guises import join_guises
from .histograms import CollectionRows, Weights, count_weights, kept_weights
from .kernels.hamming import KernelMatches, join_matches
from .qdrant import QdrantCandidates
from .query import Combine, Query, QueryFeatures, looked_up, picture_as_query
from .ranking import Base, Ranking, Stopwatch
from .results import (
    FullRanking,
    QueryPicture,
    SearchResult,
    SearchResults,
    checked_k,
    checked_on_error,
    results_of,
)
from .tabular import COLUMNS, table_rows

__all__ = [
    "COLUMNS",
    "RESULT_VERSION",
    "Answer",
    "Base",
    "Calibration",
    "CandidateIndex",
    "CollectionRows",
    "Combine",
    "Correspondences",
    "Decision",
    "Explanation",
    "FullRanking",
    "Graph",
    "HistogramCandidates",
    "HistogramIndex",
    "KernelMatches",
    "Near",
    "QdrantCandidates",
    "Query",
    "QueryFeatures",
    "QueryPicture",
    "Ranking",
    "SearchResult",
    "SearchResults",
    "SharedWord",
    "Sought",
    "Stopwatch",
    "StoredGraph",
    "Verification",
    "Weights",
    "best_of",
    "build_graph",
    "calibrate",
    "candidate_recall",
    "checked_k",
    "checked_on_error",
    "count_weights",
    "decide",
    "derivative",
    "enrich_query",
    "false_alarms",
    "frame",
    "join_guises",
    "join_matches",
    "kept_weights",
    "learn_basis",
    "looked_up",
    "matched_quadrilaterals",
    "picture_as_query",
    "probability",
    "project",
    "rank",
    "reason",
    "results_of",
    "shared_words",
    "table_rows",
    "verify",
]
