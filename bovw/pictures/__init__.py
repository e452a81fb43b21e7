"""Finds picture files and reads them as grey arrays. It does not depend on features."""

from .decoding import SUFFIXES, Box, Image, Source, describe, read_bytes, read_image
from .finding import Paths, PictureFile, find_pictures, find_queries, folders_of, listed
from .records import Failure, Record

__all__ = [
    "SUFFIXES",
    "Box",
    "Failure",
    "Image",
    "Paths",
    "PictureFile",
    "Record",
    "Source",
    "describe",
    "find_pictures",
    "find_queries",
    "folders_of",
    "listed",
    "read_bytes",
    "read_image",
]
