"""What is kept of each picture: segments and the forward store; knows no disk and no query."""

from .forward_store import Collection, PictureFeatures, WordStore, joined
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
    "WordStore",
    "array_kinds",
    "joined",
    "make_segment",
    "picture_words",
]
