"""What decides an answer: settings, presets and versions; knows nothing of what uses them."""

from .describing import FeatureSettings, ImageSettings, VocabularySettings, WeightingSettings
from .presets import PRESETS, load_settings, save_settings
from .provenance import conditions, versions, warn_of_other_versions
from .searching import CandidateSettings, ExpansionSettings, GeometrySettings, KernelSettings
from .settings import Settings

__all__ = [
    "PRESETS",
    "CandidateSettings",
    "ExpansionSettings",
    "FeatureSettings",
    "GeometrySettings",
    "ImageSettings",
    "KernelSettings",
    "Settings",
    "VocabularySettings",
    "WeightingSettings",
    "conditions",
    "load_settings",
    "save_settings",
    "versions",
    "warn_of_other_versions",
]
