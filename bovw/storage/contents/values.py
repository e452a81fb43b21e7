"""Checks values read from JSON before they are used, because a damaged file may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ...features import check_description
from ...search import Calibration
from ...settings import FeatureSettings, ImageSettings, Settings
from ...vocabulary import DescriptorScale

_LIMIT = 1 << 63
# What was done before there was a setting for it.
_BEFORE: dict[str, dict[str, Any]] = {"features": {"enlarge": 1.0}}

Made = TypeVar("Made", Calibration, DescriptorScale)


def read_settings(values: Any) -> Settings:
    """Make settings from the output of `Settings.to_dict`.

    Raises
    ------
    ValueError, TypeError
        When `values` are something else.
    """
    for room, usual in vars(Settings()).items():
        check_fields(type(usual), values.get(room, {}))
    before = {room: {**_BEFORE.get(room, {}), **part} for room, part in values.items()}
    return Settings.from_dict(before)


def read_calibration(values: Any) -> Calibration | None:
    """Make a calibration from the output of `Calibration.to_dict`, or return None for None.

    Raises
    ------
    ValueError, TypeError
        When `values` are something else.
    """
    return _made(Calibration, values)


def read_scale(values: Any) -> DescriptorScale | None:
    """Make the scale of floating-point descriptors of its fields, or return None for None.

    Raises
    ------
    ValueError, TypeError
        When `values` are something else.
    """
    return _made(DescriptorScale, values)


def _made(kind: type[Made], values: Any) -> Made | None:
    if values is None:
        return None
    check_fields(kind, values)
    return kind(**values)


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Raise a ValueError when values do not have the types of the fields of a dataclass."""
    for name, hint in get_type_hints(kind).items():
        if name in values and not _fits(values[name], hint):
            raise ValueError(f"{name}={shown(values[name])}: expected {_called(hint)}")


def _fits(value: Any, hint: Any) -> bool:
    if hint is float:
        return type(value) in (int, float) and abs(value) < _LIMIT  # false for NaN, too
    if hint is int:
        return type(value) is int and abs(value) < _LIMIT
    options = get_args(hint)
    if get_origin(hint) is Literal:
        return isinstance(value, str) and value in options
    return any(_fits(value, o) for o in options) if options else type(value) is hint


def _called(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def check_versions(values: Any) -> None:
    """Raise a ValueError when values are not names of packages with their versions."""
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise ValueError(f"versions={shown(values)}: expected names and texts")


def check_origin(values: Any) -> None:
    """Raise an error when values are not the ``made_with`` of a vocabulary."""
    check_fields(ImageSettings, values["images"])
    check_fields(FeatureSettings, values["features"])
    check_description(values["descriptor"])
    failed = values.get("failed", [])
    if not isinstance(values.get("name", ""), str):
        raise ValueError(f"name={shown(values['name'])}")
    n_pictures = values.get("n_pictures", 0)
    if type(n_pictures) is not int or not all(
        isinstance(failure[name], str) for failure in failed for name in ("path", "reason")
    ):
        raise ValueError(f"n_pictures={shown(n_pictures)}, failed={shown(failed)}")


def shown(value: Any) -> str:
    """Text of a value for an error message; a long one is cut."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + " ..."
