"""All settings together.

A `Settings` object holds every setting that influences an answer. It cannot be modified; `changed`
returns a changed copy. Settings are saved with every vocabulary and index, and loaded from there.
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
    """All settings that influence an answer, in eight groups."""

    images: ImageSettings = field(default_factory=ImageSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    weighting: WeightingSettings = field(default_factory=WeightingSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    kernel: KernelSettings = field(default_factory=KernelSettings)
    geometry: GeometrySettings = field(default_factory=GeometrySettings)
    expansion: ExpansionSettings = field(default_factory=ExpansionSettings)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            kind = str(each.type)  # a name, as annotations are
            value = getattr(self, each.name)
            require(type(value).__name__ == kind, each.name, value, f"{kind}(...)")
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
            require(isinstance(values, Mapping), f"settings.{room}", values, "names and values")
            part = getattr(self, room)
            known = {f.name for f in dataclasses.fields(part)}
            for name in values:
                require(
                    name in known, f"settings.{room}", name, "one of " + ", ".join(sorted(known))
                )
            parts[room] = dataclasses.replace(part, **values)
        return dataclasses.replace(self, **parts)

    def differences(self, other: Settings) -> dict[str, dict[str, Any]]:
        """Return the arguments with which ``other.changed(**arguments)`` gives these settings."""
        mine, theirs = self.to_dict(), other.to_dict()
        found = {
            room: {name: value for name, value in part.items() if value != theirs[room][name]}
            for room, part in mine.items()
        }
        return {room: part for room, part in found.items() if part}

    def of_search(self) -> dict[str, dict[str, Any]]:
        """Return the search settings, as arguments of `changed` for settings of any index."""
        values = self.to_dict()
        return {room: values[room] for room in ("candidates", "kernel", "geometry", "expansion")}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as dictionaries of plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Settings:
        """Make settings from the result of `to_dict`; missing ones keep their defaults."""
        geometry = values.get("geometry", {})
        if isinstance(geometry, Mapping) and "half_evidence" in geometry:
            # Written before decisions counted evidence in contrast to other answers.
            old = {"half_evidence": geometry["half_evidence"], "match_evidence": 10.0}
            kept = {k: v for k, v in geometry.items() if k not in old or v != old[k]}
            kept.pop("half_evidence", None)
            values = {**values, "geometry": kept}
        return cls().changed(**values)
