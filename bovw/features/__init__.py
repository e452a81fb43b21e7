"""Extracts local features of pictures and caches them. It does not depend on visual words."""

from .cache import FeatureCache
from .extraction import (
    as_given,
    check_portable,
    extract_files,
    extract_queries,
    extract_query,
    lost_picture,
    or_raise,
    portable_queries,
)
from .extractor import Extractor, ExtractorTemplate, description_of
from .features import MOST_DIMENSIONS, Descriptors, Features, finite_floats
from .guises import Guise, checked_guises, in_guise
from .meaning import check_description, check_same_meaning, describe_given, is_ours, kind_and_length
from .queries import Queries, listed_queries, query_blocks
from .sift import DESCRIPTOR_LENGTH, SiftExtractor, root_sift, without_finest

__all__ = [
    "DESCRIPTOR_LENGTH",
    "MOST_DIMENSIONS",
    "Descriptors",
    "Extractor",
    "ExtractorTemplate",
    "FeatureCache",
    "Features",
    "Guise",
    "Queries",
    "SiftExtractor",
    "as_given",
    "check_description",
    "check_portable",
    "check_same_meaning",
    "checked_guises",
    "describe_given",
    "description_of",
    "extract_files",
    "extract_queries",
    "extract_query",
    "finite_floats",
    "in_guise",
    "is_ours",
    "kind_and_length",
    "listed_queries",
    "lost_picture",
    "or_raise",
    "portable_queries",
    "query_blocks",
    "root_sift",
    "without_finest",
]
