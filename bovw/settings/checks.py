"""Check that values of settings are allowed."""

from __future__ import annotations

from typing import Any

from ..errors import SettingsError


def require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise SettingsError(f"{name}={value!r}: expected {expected}")


def one_of(name: str, value: object, kind: Any) -> None:
    options = kind.__args__
    require(value in options, name, value, "one of " + ", ".join(map(repr, options)))
