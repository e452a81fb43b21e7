"""What an index keeps of each picture: segments, and the forward store that joins them.

This package does not read or write files, and does not know about queries.
"""

from .arrays import announce, joined, slices
from .catalogue import (
    FACTS,
    Catalogue,
    Records,
    keys_of,
    positions_of_keys,
    split_keys,
    to_bytes,
)
from .forward_store import (
    Collection,
    PictureFeatures,
    StoredFeatures,
    alive,
    keypoints_at,
)
from .overview import Occurrence, Overview, WordUse, overview_of
from .segment import (
    ARRAYS,
    PictureWords,
    Segment,
    SegmentBuilder,
    array_kinds,
    make_segment,
    picture_words,
)
from .views import Views, add_scores, make_views, posting_dtype, word_blocks

__all__ = [
    "ARRAYS",
    "FACTS",
    "Catalogue",
    "Collection",
    "Occurrence",
    "Overview",
    "PictureFeatures",
    "PictureWords",
    "Records",
    "Segment",
    "SegmentBuilder",
    "StoredFeatures",
    "Views",
    "WordUse",
    "add_scores",
    "alive",
    "announce",
    "array_kinds",
    "joined",
    "keypoints_at",
    "keys_of",
    "make_segment",
    "make_views",
    "overview_of",
    "picture_words",
    "positions_of_keys",
    "posting_dtype",
    "slices",
    "split_keys",
    "to_bytes",
    "word_blocks",
]
