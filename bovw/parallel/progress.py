"""Progress that is shown on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def progress_bar(
    items: Iterable[Item], description: str, total: int | None = None, unit: str = "picture"
) -> Iterable[Item]:
    """Show progress on stderr while `items` are consumed; silent when stderr is no terminal."""
    from tqdm import tqdm

    bar: Iterable[Item] = tqdm(
        items,
        desc=description,
        total=total,
        unit=unit,
        disable=None,
        file=sys.stderr,
        dynamic_ncols=True,
    )
    return bar
