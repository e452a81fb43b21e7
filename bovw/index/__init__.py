"""The index in memory: pictures, vocabulary and settings. It does not depend on files."""

from .answering import answers_of, explanation_of, with_shared_words
from .augmentation import augment_index
from .compressed import LsaIndex, Quantizer
from .filters import Filter, allowed_places
from .index import Index
from .memory_writer import MemoryWriter, Writer
from .stored import stored_query
from .tiers import due

__all__ = [
    "Filter",
    "Index",
    "LsaIndex",
    "MemoryWriter",
    "Quantizer",
    "Writer",
    "allowed_places",
    "answers_of",
    "augment_index",
    "due",
    "explanation_of",
    "stored_query",
    "with_shared_words",
]
