"""The engine: the order of all steps, from files to answers; knows nothing of evaluation."""

from .engine import Engine
from .plan import Changes
from .searcher import Searcher
from .update import update_index

__all__ = ["Changes", "Engine", "Searcher", "update_index"]
