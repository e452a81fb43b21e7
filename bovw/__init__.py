"""bovw: which of my pictures show what this picture shows?

Classical image retrieval on a CPU: SIFT, visual words, TF-IDF histograms indexed with nmslib,
geometric verification and query expansion. Heavy modules load when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "Answer": "search.results",
    "BovwError": "errors",
    "Engine": "engine.engine",
    "Explanation": "search.explanation",
    "ImageError": "errors",
    "PRESETS": "settings.presets",
    "SearchResult": "search.results",
    "Settings": "settings.settings",
    "SiftExtractor": "features.sift",
    "TfidfWeighting": "vocabulary.weighting",
    "Vocabulary": "vocabulary.vocabulary",
    "compare": "comparison.comparing",
    "load_settings": "settings.presets",
    "load_vocabulary": "storage",
    "save_settings": "settings.presets",
    "save_vocabulary": "storage",
    "train_vocabulary": "vocabulary.training",
    "update_index": "engine.update",
}

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from .comparison.comparing import compare as compare
    from .engine.engine import Engine as Engine
    from .engine.update import update_index as update_index
    from .errors import BovwError as BovwError
    from .errors import ImageError as ImageError
    from .features.sift import SiftExtractor as SiftExtractor
    from .search.explanation import Explanation as Explanation
    from .search.results import Answer as Answer
    from .search.results import SearchResult as SearchResult
    from .settings.presets import PRESETS as PRESETS
    from .settings.presets import load_settings as load_settings
    from .settings.presets import save_settings as save_settings
    from .settings.settings import Settings as Settings
    from .storage import load_vocabulary as load_vocabulary
    from .storage import save_vocabulary as save_vocabulary
    from .vocabulary.training import train_vocabulary as train_vocabulary
    from .vocabulary.vocabulary import Vocabulary as Vocabulary
    from .vocabulary.weighting import TfidfWeighting as TfidfWeighting


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'bovw' has no attribute {name!r}") from None
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
