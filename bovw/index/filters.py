"""Filters: which pictures may be answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, UnknownPictureError, shown
from ..pictures import Record

Filter: TypeAlias = Annotated[Iterable[str] | Callable[[str], bool], "checked here"]
"""Identifiers, or a function that is true for those that are meant."""


def allowed_places(
    records: Sequence[Record],
    positions: Mapping[str, int],
    allow: Filter | None = None,
    deny: Filter | None = None,
) -> NDArray[np.bool_] | None:
    """Say of each record whether it may be an answer; None when all may.

    Parameters
    ----------
    records : sequence of Record
    positions : mapping of str to int
        Where each identifier stands in `records`.
    allow : collection of str, or callable, optional
        Only these identifiers may be answers, or those for which the callable returns true.
    deny : collection of str, or callable, optional
        These may not. Who is in both may not.

    Raises
    ------
    UnknownPictureError
        When `allow` names a picture that the index does not have.
    """
    if allow is None and deny is None:
        return None
    allowed = np.ones(len(records), bool)
    if allow is not None:
        allowed = _named(records, positions, allow, "allow", must_exist=True)
    if deny is not None:
        allowed &= ~_named(records, positions, deny, "deny", must_exist=False)
    return allowed


def _named(
    records: Sequence[Record],
    positions: Mapping[str, int],
    given: Filter,
    name: str,
    *,
    must_exist: bool,
) -> NDArray[np.bool_]:
    if callable(given):
        return np.array([bool(given(record.identifier)) for record in records], bool)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise SettingsError(
            f"{name}={shown(given)}: expected several identifiers, such as a list, or a callable"
        )
    named = np.zeros(len(records), bool)
    for identifier in given:
        if not isinstance(identifier, str):
            raise SettingsError(f"{name} holds {shown(identifier)}: expected identifiers")
        position = positions.get(identifier)
        if position is not None:
            named[position] = True
        elif must_exist:
            raise UnknownPictureError(f"{identifier!r} is not in the index")
    return named
