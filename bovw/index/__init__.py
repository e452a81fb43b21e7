"""What is searched as a whole, and what is made of it in memory; knows nothing of folders."""

from .augmentation import augment_index
from .compressed import LsaIndex, Quantizer
from .index import Allow, Index
from .memory_writer import MemoryWriter, Writer

__all__ = ["Allow", "Index", "LsaIndex", "MemoryWriter", "Quantizer", "Writer", "augment_index"]
