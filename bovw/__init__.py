"""bovw: which of my pictures show what this picture shows?

Classical image retrieval on a CPU: SIFT, visual words, TF-IDF histograms indexed with nmslib,
geometric verification and query expansion. Heavy modules load when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "Answer": "results",
    "BovwError": "errors",
    "Engine": "engine",
    "Explanation": "explanation",
    "ImageError": "errors",
    "PRESETS": "presets",
    "SearchResult": "results",
    "Settings": "settings",
    "SiftExtractor": "features",
    "TfidfWeighting": "weighting",
    "Vocabulary": "vocabulary",
    "compare": "comparison",
    "load_settings": "presets",
    "load_vocabulary": "storage",
    "save_settings": "presets",
    "save_vocabulary": "storage",
    "train_vocabulary": "training",
    "update_index": "updating",
}

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from .comparison import compare as compare
    from .engine import Engine as Engine
    from .errors import BovwError as BovwError
    from .errors import ImageError as ImageError
    from .explanation import Explanation as Explanation
    from .features import SiftExtractor as SiftExtractor
    from .presets import PRESETS as PRESETS
    from .presets import load_settings as load_settings
    from .presets import save_settings as save_settings
    from .results import Answer as Answer
    from .results import SearchResult as SearchResult
    from .settings import Settings as Settings
    from .storage import load_vocabulary as load_vocabulary
    from .storage import save_vocabulary as save_vocabulary
    from .training import train_vocabulary as train_vocabulary
    from .updating import update_index as update_index
    from .vocabulary import Vocabulary as Vocabulary
    from .weighting import TfidfWeighting as TfidfWeighting


def __getattr__(name: str) -> object:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'bovw' has no attribute {name!r}") from None
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
