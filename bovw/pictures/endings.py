"""Which kinds of files are pictures that the installed Pillow can read."""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import lru_cache
from importlib import import_module

# Kinds of pictures made of pixels, by the names that Pillow has for them, with the usual endings of
# their files. Vector graphics, films, documents and layered files of editors are not among them.
_ENDINGS = {
    "AVIF": ".avif .avifs",
    "BMP": ".bmp",
    "DDS": ".dds",
    "DIB": ".dib",
    "GIF": ".gif",
    "HEIF": ".heic .heics .heif .heifs .hif",
    "ICNS": ".icns",
    "ICO": ".ico",
    "JPEG": ".jpg .jpeg .jpe .jfif",
    "JPEG2000": ".jp2 .j2k .j2c .jpc .jpf .jpx",
    "JXL": ".jxl",
    "MPO": ".mpo",
    "PCX": ".pcx",
    "PNG": ".png .apng",
    "PPM": ".ppm .pgm .pbm .pnm .pfm",
    "QOI": ".qoi",
    "SGI": ".sgi .rgb .rgba .bw",
    "TGA": ".tga .icb .vda .vst",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
}
_FORMATS = {ending: name for name, endings in _ENDINGS.items() for ending in endings.split()}

SUFFIXES = frozenset(_FORMATS)
"""File name endings (in lower case) of pictures; `readable_endings` says which of them are read."""

# Libraries that Pillow itself may be built without.
_BUILT_IN = {"AVIF": "avif", "JPEG": "jpg", "JPEG2000": "jpg_2000", "WEBP": "webp"}
PLUG_INS = {"HEIF": "pillow_heif", "JXL": "pillow_jxl"}
"""Kinds of files that Pillow reads with another package, and what is imported for them."""


@lru_cache(maxsize=1)
def register_plug_ins() -> frozenset[str]:
    """Let Pillow know all its formats and the installed plug-ins; return the names it can open."""
    from PIL import Image, features

    Image.init()
    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    with suppress(ImportError):
        import_module("pillow_jxl")  # registers itself
    with warnings.catch_warnings():  # older versions of Pillow do not know all of them
        warnings.simplefilter("ignore")
        missing = {name for name, library in _BUILT_IN.items() if not features.check(library)}
    return frozenset(Image.OPEN) - missing | ({"MPO"} - missing)  # MPO is opened as a JPEG


def readable_endings() -> frozenset[str]:
    """Return the endings (in lower case) of the files that are read from a folder."""
    known = register_plug_ins()
    return frozenset(ending for ending, name in _FORMATS.items() if name in known)


def missing_plug_in(ending: str) -> bool:
    """Whether files with an ending would be read if the extra ``bovw[formats]`` were installed."""
    name = _FORMATS.get(ending)
    return name in PLUG_INS and name not in register_plug_ins()
