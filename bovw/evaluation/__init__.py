"""How good a ranking is: ground truths, runs, metrics, significance; nothing knows the engine."""

from .ground_truth import GroundTruth, GroundTruthQuery
from .metrics import metric
from .notes import notes_on
from .protocol import evaluate
from .run import Run
from .scoring import Scores, queries_in_base, score_run
from .significance import bootstrap_interval, differences, randomisation_test

__all__ = [
    "GroundTruth",
    "GroundTruthQuery",
    "Run",
    "Scores",
    "bootstrap_interval",
    "differences",
    "evaluate",
    "metric",
    "notes_on",
    "queries_in_base",
    "randomisation_test",
    "score_run",
]
