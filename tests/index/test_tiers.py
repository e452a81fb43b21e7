"""Segments are merged when there are ten of a similar size."""

from __future__ import annotations

import pytest

from bovw.index import due


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ({}, ()),
        (dict.fromkeys(range(1, 10), (5, 0)), ()),
        (dict.fromkeys(range(1, 11), (5, 0)), tuple(range(1, 11))),
        ({1: (100_000, 0)} | dict.fromkeys(range(2, 12), (2000, 0)), tuple(range(2, 12))),
        ({1: (5000, 2600), 2: (5, 0)}, (1,)),
        ({1: (5000, 2400)}, ()),
        ({1: (10, 10)}, ()),
    ],
)
def test_which_are_merged(sizes: dict[int, tuple[int, int]], merged: tuple[int, ...]) -> None:
    assert due(sizes) == merged


def test_a_picture_is_written_again_only_a_few_times() -> None:
    sizes: dict[int, tuple[int, int]] = {}
    written, number, most = 0, 0, 0
    for _ in range(2000):
        number += 1
        sizes[number] = (500, 0)
        while merged := due(sizes):
            number += 1
            n = sum(sizes.pop(each)[0] for each in merged)
            sizes[number] = (n, 0)
            written += n
        most = max(most, len(sizes))
    assert written <= 4 * 2000 * 500
    assert most < 40
