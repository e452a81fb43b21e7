"""Features and pairs in the files of other tools: COLMAP's database, and the HDF5 files of hloc.

This package does not extract features, and knows nothing of indexes.
"""

from .colmap import ColmapFeatures
from .colmap_writer import write_colmap
from .hloc import HlocFeatures, write_hloc
from .opening import holds_features, open_features, write_features
from .pairs import PAIR_FORMATS, Pair, pairs_text

__all__ = [
    "PAIR_FORMATS",
    "ColmapFeatures",
    "HlocFeatures",
    "Pair",
    "holds_features",
    "open_features",
    "pairs_text",
    "write_colmap",
    "write_features",
    "write_hloc",
]
