"""Check that values of settings are allowed."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, get_args, get_type_hints

from ..errors import SettingsError, shown


def require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise SettingsError(f"{name}={shown(value)}: expected {expected}")


def one_of(name: str, value: object, kind: Any) -> None:
    options = get_args(kind)
    is_one = isinstance(value, str) and value in options
    require(is_one, name, value, "one of " + ", ".join(map(repr, options)))


def check_types(settings: Any) -> None:
    """Check that the fields of a frozen dataclass are of the types that they are declared with.

    numpy's numbers are accepted for Python's, and become them.

    Raises
    ------
    SettingsError
        When a number is text, a whole number has a fraction, a float is not finite, ...
    """
    for name, hint in _hints(type(settings)).items():  # type: ignore[arg-type]
        value = getattr(settings, name)
        kinds = get_args(hint) or (hint,)
        if value is None and type(None) in kinds:
            continue
        kind: type[int] | type[float]
        if bool in kinds:
            kind, expected = bool, "true or false"
            fits = isinstance(value, bool) or type(value).__name__ == "bool"  # numpy's
        elif int in kinds:
            kind, expected = int, "a whole number"
            fits = isinstance(value, Integral) and not isinstance(value, bool)
        elif float in kinds:
            kind, expected = float, "a finite number"
            fits = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        else:  # of several words, or settings themselves: they are checked by themselves
            continue
        require(fits, name, value, expected)
        if type(value) not in (int, float, bool):
            object.__setattr__(settings, name, kind(value))


@lru_cache(maxsize=32)
def _hints(kind: type) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: hint for name, hint in get_type_hints(kind).items() if name in names}
