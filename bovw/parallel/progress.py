"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def progress_bar(
    items: Iterable[Item], description: str, total: int | None = None, unit: str = "picture"
) -> Iterable[Item]:
    """Show a progress bar on stderr while `items` are consumed, if stderr is a terminal."""
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
