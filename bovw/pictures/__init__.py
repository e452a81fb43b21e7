"""Finds picture files and reads them as grey arrays. It does not depend on features."""

from .decoding import read_image
from .endings import SUFFIXES, missing_plug_in, readable_endings
from .finding import (
    Paths,
    PictureFile,
    find_pictures,
    find_queries,
    folders_of,
    is_gone,
    listed,
    passed_over,
)
from .image import Box, Image
from .previews import Preview, read_preview
from .records import Failure, Record
from .sources import LARGEST_FILE, Content, Path_, Source, content_of, describe, read_bytes

__all__ = [
    "LARGEST_FILE",
    "SUFFIXES",
    "Box",
    "Content",
    "Failure",
    "Image",
    "Path_",
    "Paths",
    "PictureFile",
    "Preview",
    "Record",
    "Source",
    "content_of",
    "describe",
    "find_pictures",
    "find_queries",
    "folders_of",
    "is_gone",
    "listed",
    "missing_plug_in",
    "passed_over",
    "read_bytes",
    "read_image",
    "read_preview",
    "readable_endings",
]
