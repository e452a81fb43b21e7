"""Queries as people give them: one or several pictures, with or without regions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from ..errors import SettingsError, shown
from ..pictures import Box, Source, find_queries

Queries: TypeAlias = Source | Iterable[Source | tuple[Source, Box | None]]
"""Queries, each with a region of it or without; or the path of a folder."""


def listed_queries(queries: Queries) -> list[tuple[Source, Box | None]]:
    """Give queries as pairs of a picture and a region, or None for all of the picture.

    Parameters
    ----------
    queries : iterable of sources, or of (source, region); or a path
        A path alone is a picture, a folder of pictures, or ``@list.txt``, as for `find_queries`.

    Raises
    ------
    SettingsError
        When it is one picture in memory, whose parts would be taken for pictures.
    """
    if isinstance(queries, (str, os.PathLike)):
        return [(path, None) for path in find_queries(queries)]
    is_picture = isinstance(queries, np.ndarray) and queries.ndim < 4
    if isinstance(queries, (bytes, bytearray, Mapping)) or is_picture or hasattr(queries, "read"):
        raise SettingsError(
            f"queries={shown(queries)}: expected several pictures; put a single one into a list"
        )
    try:
        given: list[Any] = list(queries)  # type: ignore[arg-type]
    except TypeError:
        raise SettingsError(
            f"queries={shown(queries)}: expected several pictures, such as a list of paths"
        ) from None
    return [_pair(query) for query in given]


def query_blocks(queries: Queries, size: int = 256) -> Iterator[list[tuple[Source, Box | None]]]:
    """Give queries as `listed_queries` does; those of an iterator in blocks, as they come."""
    if isinstance(queries, Iterator) and not hasattr(queries, "read"):
        while block := list(islice(queries, size)):
            yield [_pair(query) for query in block]
    else:
        yield listed_queries(queries)


def _pair(query: Source | tuple[Source, Box | None]) -> tuple[Source, Box | None]:
    if not isinstance(query, tuple):
        return query, None
    if len(query) != 2:
        raise SettingsError(f"a query of {len(query)} parts: expected a picture and a region")
    return query
