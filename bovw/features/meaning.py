"""What descriptors mean: descriptions of extractors, and whether two of them can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import IncompatibleError, shown
from .features import MOST_DIMENSIONS, Features
from .sift import DESCRIPTOR_LENGTH

# Largest distance between golden descriptors of our SIFT. Descriptors have a length of about 512,
# and neighbouring words are over 100 apart.
_GOLDEN_TOLERANCE = 25
# The same for other extractors, as a share of the length of their golden descriptor: what a network
# computes depends a little on the machine.
_SHARE = 0.1
_OURS = ("rootsift", "sift")
_LARGEST = 1e38  # float32
_OF_SIFT = ("descriptor", "upright", "region_factor")


def is_ours(description: Mapping[str, Any]) -> bool:
    """Whether a description is one of `SiftExtractor`."""
    return "golden" in description and description.get("descriptor") in _OURS


def kind_and_length(description: Mapping[str, Any]) -> tuple[str, int]:
    """Type ("uint8" or "float32") and length of the descriptors of a description."""
    return description.get("dtype", "uint8"), description.get("dimensions", DESCRIPTOR_LENGTH)


def check_description(values: Any) -> None:
    """Raise an error of Python when values from JSON are not those of an `Extractor.description`.

    Raises
    ------
    ValueError, TypeError, KeyError
    """
    if not isinstance(values["descriptor"], str) or not values["descriptor"]:
        raise ValueError(f"descriptor={shown(values['descriptor'])}: expected a name")
    golden = values.get("golden", [])
    is_sift = values["descriptor"] in _OURS and "golden" in values
    if is_sift:
        good = type(values["upright"]) is bool and type(values["region_factor"]) in (int, float)
        good = good and isinstance(golden, list) and len(golden) == DESCRIPTOR_LENGTH
        good = good and all(type(value) is int and 0 <= value <= 255 for value in golden)
    else:
        good = values["dtype"] in ("uint8", "float32") and type(values["dimensions"]) is int
        good = good and 0 <= values["dimensions"] <= MOST_DIMENSIONS
    if not good or not all(type(v) in (int, float) and abs(v) < _LARGEST for v in golden):
        raise ValueError(f"no description of a descriptor: {shown(values)}")


def describe_given(origin: str, features: Features) -> dict[str, Any]:
    """Describe features that were extracted elsewhere, by one picture that has some.

    `origin` names what made them, such as "superpoint".
    """
    return {
        "descriptor": origin,
        "dtype": str(features.descriptors.dtype),
        "dimensions": int(features.descriptors.shape[1]),
    }


def check_same_meaning(made_with: Mapping[str, Any], given: Mapping[str, Any], what: str) -> None:
    """Raise an IncompatibleError when descriptors with these two descriptions cannot be compared.

    A description is what `Extractor.description` returns. Golden descriptors may differ a little:
    other processors round differently. Features that were extracted elsewhere have fewer facts, and
    only facts that both have are compared.
    """
    ours = is_ours(made_with) and is_ours(given)
    both = sorted((made_with.keys() & given.keys()) - {"descriptor", "golden"})
    for name in _OF_SIFT if ours else ("descriptor", *both):
        if made_with.get(name) != given.get(name):
            raise IncompatibleError(
                f"{what} was made with {name}={made_with.get(name)!r}, but {given.get(name)!r} is "
                "given: use the settings and the extractor it was made with, or create it again"
            )
    if "golden" not in made_with or "golden" not in given:
        return
    then, now = (np.array(each["golden"], float) for each in (made_with, given))
    if len(then) != len(now):
        difference, allowed = np.inf, 0.0
    else:
        difference = float(np.linalg.norm(then - now))
        allowed = _GOLDEN_TOLERANCE if ours else _SHARE * max(float(np.linalg.norm(then)), 1e-9)
    if difference > allowed:
        name = "a SIFT" if ours else f"another version of {made_with['descriptor']!r}"
        advice = "version of OpenCV" if ours else "version or weights"
        raise IncompatibleError(
            f"{what} was made with {name} that describes a known picture differently "
            f"(by {difference:.3g}, at most {allowed:.3g} is rounding): "
            f"install the {advice} it was made with, or create it again"
        )
