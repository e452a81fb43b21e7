"""bovw: which of my pictures show what this picture shows?

Classical image retrieval on a CPU: SIFT, visual words, TF-IDF histograms indexed with nmslib,
geometric verification and query expansion. Modules that take long to import are imported when one
of their names is first used. What is decided or done is logged by the standard ``logging``,
under the name ``bovw``.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "Answer": "search",
    "BagOfVisualWords": "vocabulary",
    "BovwError": "errors",
    "Engine": "engine",
    "Explanation": "search",
    "Extractor": "features",
    "ExtractorTemplate": "features",
    "Features": "features",
    "ImageError": "errors",
    "PRESETS": "settings",
    "SearchResult": "search",
    "Settings": "settings",
    "SiftExtractor": "features",
    "SiftTransformer": "vocabulary",
    "TfidfWeighting": "vocabulary",
    "Vocabulary": "vocabulary",
    "compare": "comparison",
    "load_settings": "settings",
    "load_vocabulary": "storage",
    "merge_indexes": "engine",
    "own_words": "vocabulary",
    "save_settings": "settings",
    "save_vocabulary": "storage",
    "train_vocabulary": "vocabulary",
    "update_index": "engine",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())  # who wants to see it adds another

# A package that is used by its own name, such as `bovw.report.page`.
_DOORS = ("cluster", "report")

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from . import cluster as cluster
    from . import report as report
    from .comparison import compare as compare
    from .engine import Engine as Engine
    from .engine import merge_indexes as merge_indexes
    from .engine import update_index as update_index
    from .errors import BovwError as BovwError
    from .errors import ImageError as ImageError
    from .features import Extractor as Extractor
    from .features import ExtractorTemplate as ExtractorTemplate
    from .features import Features as Features
    from .features import SiftExtractor as SiftExtractor
    from .search import Answer as Answer
    from .search import Explanation as Explanation
    from .search import SearchResult as SearchResult
    from .settings import PRESETS as PRESETS
    from .settings import Settings as Settings
    from .settings import load_settings as load_settings
    from .settings import save_settings as save_settings
    from .storage import load_vocabulary as load_vocabulary
    from .storage import save_vocabulary as save_vocabulary
    from .vocabulary import BagOfVisualWords as BagOfVisualWords
    from .vocabulary import SiftTransformer as SiftTransformer
    from .vocabulary import TfidfWeighting as TfidfWeighting
    from .vocabulary import Vocabulary as Vocabulary
    from .vocabulary import own_words as own_words
    from .vocabulary import train_vocabulary as train_vocabulary


def __getattr__(name: str) -> object:
    if name in _DOORS:
        return import_module(f".{name}", __name__)
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'bovw' has no attribute {name!r}") from None
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_DOORS])
