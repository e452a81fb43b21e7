"""The index in memory: pictures, vocabulary and settings. It does not depend on files."""

from .answering import explanation_of, with_shared_words
from .augmentation import augment_index
from .compressed import LsaIndex, Quantizer
from .filters import Filter, allowed_places
from .index import Index
from .linking import fingerprint_of, links_of
from .memory_writer import MemoryWriter, Writer
from .outside import fill, with_outside
from .searching import rank_index, search_index, search_index_stored
from .tiers import due

__all__ = [
    "Filter",
    "Index",
    "LsaIndex",
    "MemoryWriter",
    "Quantizer",
    "Writer",
    "allowed_places",
    "augment_index",
    "due",
    "explanation_of",
    "fill",
    "fingerprint_of",
    "links_of",
    "rank_index",
    "search_index",
    "search_index_stored",
    "with_outside",
    "with_shared_words",
]
