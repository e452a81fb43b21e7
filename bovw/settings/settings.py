"""All settings together: everything that decides an answer.

A `Settings` object holds everything that decides an answer. It is read, changed by `changed`,
saved with a vocabulary and an index, and loaded from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import SettingsError
from .checks import require
from .describing import FeatureSettings, ImageSettings, VocabularySettings, WeightingSettings
from .searching import CandidateSettings, ExpansionSettings, GeometrySettings, KernelSettings


@dataclass(frozen=True)
class Settings:
    """Everything that decides an answer."""

    images: ImageSettings = field(default_factory=ImageSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    weighting: WeightingSettings = field(default_factory=WeightingSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    kernel: KernelSettings = field(default_factory=KernelSettings)
    geometry: GeometrySettings = field(default_factory=GeometrySettings)
    expansion: ExpansionSettings = field(default_factory=ExpansionSettings)

    def __post_init__(self) -> None:
        if self.expansion.method == "hamming" and self.kernel.method == "none":
            raise SettingsError(
                "expansion.method='hamming' needs a match kernel: set kernel.method='hamming' "
                "too, or choose another expansion"
            )

    def changed(self, **changes: Mapping[str, Any]) -> Settings:
        """Return a copy with some fields changed.

        Examples
        --------
        >>> Settings().changed(geometry={"verify": 50}).geometry.verify
        50
        """
        rooms = {f.name for f in dataclasses.fields(self)}
        parts = {}
        for room, values in changes.items():
            require(room in rooms, "settings", room, "one of " + ", ".join(sorted(rooms)))
            part = getattr(self, room)
            known = {f.name for f in dataclasses.fields(part)}
            for name in values:
                require(name in known, f"settings.{room}", name, "one of " + ", ".join(known))
            parts[room] = dataclasses.replace(part, **values)
        return dataclasses.replace(self, **parts)

    def differences(self, other: Settings) -> dict[str, dict[str, Any]]:
        """Return what `changed` needs to make these settings of others."""
        mine, theirs = self.to_dict(), other.to_dict()
        found = {
            room: {name: value for name, value in part.items() if value != theirs[room][name]}
            for room, part in mine.items()
        }
        return {room: part for room, part in found.items() if part}

    def of_search(self) -> dict[str, dict[str, Any]]:
        """Return what `changed` needs to search as these settings do, whatever the index."""
        values = self.to_dict()
        return {room: values[room] for room in ("candidates", "kernel", "geometry", "expansion")}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as dictionaries of plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Settings:
        """Make settings of what `to_dict` gave; what is not named keeps its default."""
        return cls().changed(**values)
