"""Settings, presets and versions: all that influences the answers of a search.

This package does not know about the code that uses the settings.
"""

from .checks import checked_arguments
from .describing import FeatureSettings, ImageSettings, VocabularySettings, WeightingSettings
from .presets import PRESETS, load_settings, save_settings
from .provenance import conditions, versions, warn_of_other_versions
from .searching import (
    GRAPHS,
    CandidateMethod,
    CandidateSettings,
    ExpansionMethod,
    ExpansionSettings,
    GeometrySettings,
    KernelSettings,
)
from .settings import Settings

__all__ = [
    "GRAPHS",
    "PRESETS",
    "CandidateMethod",
    "CandidateSettings",
    "ExpansionMethod",
    "ExpansionSettings",
    "FeatureSettings",
    "GeometrySettings",
    "ImageSettings",
    "KernelSettings",
    "Settings",
    "VocabularySettings",
    "WeightingSettings",
    "checked_arguments",
    "conditions",
    "load_settings",
    "save_settings",
    "versions",
    "warn_of_other_versions",
]
