"""The index in memory: pictures, vocabulary and settings. It does not depend on files."""

from .augmentation import augment_index
from .compressed import LsaIndex, Quantizer
from .index import Allow, Index
from .memory_writer import MemoryWriter, Writer

__all__ = ["Allow", "Index", "LsaIndex", "MemoryWriter", "Quantizer", "Writer", "augment_index"]
