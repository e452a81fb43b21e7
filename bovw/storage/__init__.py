"""What lies on disk: folders of ``.npy`` and JSON, each with a manifest; never a pickle."""

from .index_folder import load_index, save_index
from .manifest import read_manifest
from .vocabulary_folder import load_vocabulary, save_vocabulary

__all__ = [
    "load_index",
    "load_vocabulary",
    "read_manifest",
    "save_index",
    "save_vocabulary",
]
