"""Features with the names of their pictures, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..errors import SettingsError, shown
from ..features import Features


def named(
    features: Mapping[str, Features] | Iterable[tuple[str, Features]],
) -> Iterator[tuple[str, Features]]:
    """Yield names and features.

    Raises
    ------
    SettingsError
        When something is no name, or no features.
    """
    for pair in features.items() if isinstance(features, Mapping) else features:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise SettingsError(f"{shown(pair)}: expected pairs of a name and Features")
        name, each = pair
        if not isinstance(name, str) or not name or "\0" in name:
            raise SettingsError(f"{shown(name)}: expected the name of a picture")
        if not isinstance(each, Features):
            raise SettingsError(f"{name}: {shown(each)}: expected Features")
        yield name, each
