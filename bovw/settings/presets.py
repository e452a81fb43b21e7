"""Presets (settings with a name), and settings in files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import SettingsError
from ..files import write_text
from .checks import checked_arguments
from .settings import Settings

PRESETS: Mapping[str, Settings] = {
    # The best rankings: signatures, geometric verification, Hamming query expansion;
    # docs/quality.md.
    "strong": Settings(),
    # The textbook method: TF-IDF, geometric verification, average query expansion. Without
    # signatures a larger vocabulary is better.
    "classic": Settings().changed(
        vocabulary={"n_words": 50_000},
        kernel={"method": "none"},
        expansion={"method": "average", "rounds": 1},
    ),
    # A register of trademarks that new marks are compared with: also mirrored and negative.
    # `scripts/benchmarks/marks.py` compares it with "strong"; docs/quality.md.
    "marks": Settings().changed(expansion={"also": "mirror,negative"}),
    # For speed: few features, one word per feature, few candidates, and no query expansion, so all
    # stages run only once.
    "fast": Settings().changed(
        features={"max_features": 500, "enlarge": 1.0},
        candidates={"n_candidates": 300},
        kernel={"method": "asmk", "n_nearest": 1},
        geometry={"verify": 30},
        expansion={"method": "none"},
    ),
}
"""Settings by name: "strong" (the default), "classic", "marks" and "fast"."""


@checked_arguments
def save_settings(settings: Settings, path: str | os.PathLike[str]) -> None:
    """Write settings to a JSON file."""
    write_text(path, json.dumps(settings.to_dict(), indent=1) + "\n")


@checked_arguments
def load_settings(source: str | os.PathLike[str]) -> Settings:
    """Return the settings of a preset, or read them from a JSON file.

    Parameters
    ----------
    source : str or path
        Name of a preset, or path of a JSON file as `save_settings` writes it. Settings that are
        not in the file keep their defaults.

    Raises
    ------
    SettingsError
        When there is no such preset or file, or the file does not contain settings.
    """
    name = os.fspath(source)
    if name in PRESETS:
        return PRESETS[name]
    try:
        values = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        names = ", ".join(PRESETS)
        raise SettingsError(
            f"no settings in {name!r} ({error}): expected {names}, or a JSON file of settings"
        ) from None
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise SettingsError(
            f"no settings in {name!r}: expected a JSON object such as "
            '{"geometry": {"verify": 50}}'
        )
    return Settings.from_dict(values)
