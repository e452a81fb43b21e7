"""What an index keeps of each picture: segments, and the forward store that joins them.

This package does not read or write files, and does not know about queries.
"""

from .catalogue import FACTS, Catalogue, Records, to_bytes
from .forward_store import (
    Collection,
    PictureFeatures,
    StoredFeatures,
    WordStore,
    alive,
    joined,
    keypoints_at,
    slices,
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
from .views import Views, add_scores, first_of_words, make_views, posting_dtype

__all__ = [
    "ARRAYS",
    "FACTS",
    "Catalogue",
    "Collection",
    "PictureFeatures",
    "PictureWords",
    "Records",
    "Segment",
    "SegmentBuilder",
    "StoredFeatures",
    "Views",
    "WordStore",
    "add_scores",
    "alive",
    "array_kinds",
    "first_of_words",
    "joined",
    "keypoints_at",
    "make_segment",
    "make_views",
    "picture_words",
    "posting_dtype",
    "slices",
    "to_bytes",
]
