"""Evaluation of rankings: ground truths, runs, metrics and tests of significance.

This package does not know about the engine; any system can be evaluated.
"""

from .answers import JudgedAnswer, first_answers, first_wrong
from .curves import RECALLS, Curves
from .ground_truth import Box, GroundTruth, GroundTruthQuery, InBase, distinct_names
from .metrics import metric
from .notes import notes_on
from .protocol import evaluate, left_out, names_in_truth, query_paths, usual_metrics
from .run import Run
from .scoring import Scores, queries_in_base, score_run, taken_out
from .side_by_side import Comparison, compare_runs
from .significance import bootstrap_interval, check_level, differences, randomisation_test

__all__ = [
    "RECALLS",
    "Box",
    "Comparison",
    "Curves",
    "GroundTruth",
    "GroundTruthQuery",
    "InBase",
    "JudgedAnswer",
    "Run",
    "Scores",
    "bootstrap_interval",
    "check_level",
    "compare_runs",
    "differences",
    "distinct_names",
    "evaluate",
    "first_answers",
    "first_wrong",
    "left_out",
    "metric",
    "names_in_truth",
    "notes_on",
    "queries_in_base",
    "query_paths",
    "randomisation_test",
    "score_run",
    "taken_out",
    "usual_metrics",
]
