"""What an index keeps of each picture: segments, and the forward store that joins them.

This package does not read or write files, and does not know about queries.
"""

from .forward_store import (
    Collection,
    PictureFeatures,
    StoredFeatures,
    WordStore,
    joined,
    keypoints_at,
)
from .segment import (
    ARRAYS,
    PictureWords,
    Segment,
    SegmentBuilder,
    array_kinds,
    make_segment,
    picture_words,
)

__all__ = [
    "ARRAYS",
    "Collection",
    "PictureFeatures",
    "PictureWords",
    "Segment",
    "SegmentBuilder",
    "StoredFeatures",
    "WordStore",
    "array_kinds",
    "joined",
    "keypoints_at",
    "make_segment",
    "picture_words",
]
