"""The engine: it builds, changes and searches an index. It does not depend on evaluation."""

from ..storage import Union
from .batches import BatchSearcher
from .dry_run import planned_changes
from .engine import Engine
from .merge import merge_indexes
from .plan import Changes
from .reader import IndexedFeatures
from .searcher import Searcher
from .update import spare_cache, update_index
from .update_features import update_index_of_features
from .words import PICTURES_AT_ONCE, Describe, Described, described_by

__all__ = [
    "PICTURES_AT_ONCE",
    "BatchSearcher",
    "Changes",
    "Describe",
    "Described",
    "Engine",
    "IndexedFeatures",
    "Searcher",
    "Union",
    "described_by",
    "merge_indexes",
    "planned_changes",
    "spare_cache",
    "update_index",
    "update_index_of_features",
]
