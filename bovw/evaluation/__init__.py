"""How good a ranking is: ground truths and metrics. Nothing here knows the engine."""

from .ground_truth import GroundTruth, GroundTruthQuery, load_ground_truth
from .protocol import Evaluation, QueryScores, evaluate

__all__ = [
    "Evaluation",
    "GroundTruth",
    "GroundTruthQuery",
    "QueryScores",
    "evaluate",
    "load_ground_truth",
]
