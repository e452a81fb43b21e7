"""The engine: it builds, changes and searches an index. It does not depend on evaluation."""

from ..storage import Union
from .dry_run import planned_changes
from .engine import Engine
from .merge import merge_indexes
from .plan import Changes
from .reader import IndexedFeatures
from .searcher import Searcher
from .update import update_index
from .update_features import update_index_of_features

__all__ = [
    "Changes",
    "Engine",
    "IndexedFeatures",
    "Searcher",
    "Union",
    "merge_indexes",
    "planned_changes",
    "update_index",
    "update_index_of_features",
]
