"""Which segments are merged: those of a similar size, when there are ten of them.

So a picture is written again only about as many times as the number of pictures has digits, and an
index never has more than some forty segments. Lucene merges in this way; the idea is that of
O'Neil et al., "The log-structured merge-tree" (1996).
"""

from __future__ import annotations

from collections.abc import Mapping

_TOGETHER = 10
_SMALL = 1000  # segments of fewer pictures count as equally small


def level(n_pictures: int) -> int:
    """Tier of a segment with so many pictures that are not removed."""
    found = 0
    while n_pictures >= _SMALL:
        n_pictures //= _TOGETHER
        found += 1
    return found


def due(sizes: Mapping[int, tuple[int, int]]) -> tuple[int, ...]:
    """Numbers of the segments that should be merged into one next; () when there are none.

    Parameters
    ----------
    sizes : mapping of int to (int, int)
        For each segment, how many pictures it has, and how many of these are removed. A segment
        most of whose pictures are removed is written again by itself.
    """
    tiers: dict[int, list[int]] = {}
    for number, (n, removed) in sorted(sizes.items()):
        if n >= _SMALL and 2 * removed > n:
            return (number,)
        tiers.setdefault(level(n - removed), []).append(number)
    for _, numbers in sorted(tiers.items()):
        if len(numbers) >= _TOGETHER:
            return tuple(numbers)
    return ()
