"""Extracts local features of pictures and caches them. It does not depend on visual words."""

from .cache import FeatureCache
from .extraction import extract_files, extract_queries, extract_query
from .guises import Guise, checked_guises, in_guise
from .queries import Queries, listed_queries
from .sift import DESCRIPTOR_LENGTH, Features, SiftExtractor, check_same_meaning, root_sift

__all__ = [
    "DESCRIPTOR_LENGTH",
    "FeatureCache",
    "Features",
    "Guise",
    "Queries",
    "SiftExtractor",
    "check_same_meaning",
    "checked_guises",
    "extract_files",
    "extract_queries",
    "extract_query",
    "in_guise",
    "listed_queries",
    "root_sift",
]
