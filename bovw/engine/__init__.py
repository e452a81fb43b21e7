"""The engine: it builds, changes and searches an index. It does not depend on evaluation."""

from .engine import Engine
from .plan import Changes
from .searcher import Searcher
from .update import update_index

__all__ = ["Changes", "Engine", "Searcher", "update_index"]
