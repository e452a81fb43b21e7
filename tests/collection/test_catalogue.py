"""A catalogue gives back the records that it was made of, and finds them."""

from __future__ import annotations

import numpy as np
import pytest

from bovw.collection import Catalogue, Collection, PictureWords, make_segment, to_bytes
from bovw.pictures import Record

NAMES = sorted(["a", "a/b.jpg", "é", "日本.png", "\udcff.jpg", "\U0001f600", "z" * 500, "\ue000"])


def records(names: list[str]) -> list[Record]:
    return [
        Record(name, f"/p/{name}", 10 + i, 20 + i, "" if i % 3 else f"{i:064x}", i, -i)
        for i, name in enumerate(names)
    ]


def test_records_come_back() -> None:
    given = records(NAMES)
    catalogue = Catalogue.of(given)
    assert len(catalogue) == len(NAMES)
    assert list(catalogue) == given and catalogue == given
    assert catalogue[-1] == given[-1] and catalogue[1:3] == given[1:3]
    assert catalogue.size(2) == (12, 22)
    assert catalogue.problem() is None and catalogue.text_problem() is None
    with pytest.raises(IndexError):
        catalogue[len(NAMES)]


def test_every_record_is_found_and_no_other() -> None:
    catalogue = Catalogue.of(records(NAMES))
    for place, name in enumerate(NAMES):
        assert catalogue.find(to_bytes(name)) == place
    for name in ("", "a/", "b", "zz"):
        assert catalogue.find(to_bytes(name)) is None


def test_an_empty_catalogue() -> None:
    catalogue = Catalogue.of([])
    assert list(catalogue) == [] and catalogue.find(b"a") is None
    assert catalogue.problem() is None and len(catalogue.short_hashes()) == 0


def test_what_is_wrong_is_said() -> None:
    good = Catalogue.of(records(NAMES))
    facts = good.facts.copy()
    facts["path"][3] += 5000
    assert Catalogue(facts, good.texts).problem() == "holds texts out of order"
    assert Catalogue(good.facts, good.texts[:-1]).problem() == "does not fit the texts beside it"
    facts = good.facts.copy()
    facts["width"][0] = 0
    assert Catalogue(facts, good.texts).problem() == "holds a picture without a size"
    swapped = Catalogue.of([*records(NAMES)[:2][::-1], *records(NAMES)[2:]])
    assert "out of order" in str(swapped.text_problem())
    texts = good.texts.copy()
    texts[0] = 0xFF
    assert "UTF-8" in str(Catalogue(good.facts, texts).text_problem()) or "order" in str(
        Catalogue(good.facts, texts).text_problem()
    )


def test_equal_hashes_have_equal_short_ones() -> None:
    rows = [Record(n, n, 1, 1, h) for n, h in (("a", "12345678x"), ("b", ""), ("c", "12345678y"))]
    short = Catalogue.of(rows).short_hashes()
    assert short[0] == short[2] != short[1]


def test_segments_are_joined_in_order_of_name() -> None:
    rows = records(NAMES)
    nothing = PictureWords(
        np.zeros(0, np.uint8), np.zeros(0, np.uint64), np.zeros((0, 3), np.uint16)
    )
    first, second = (
        make_segment(half, [nothing] * len(half), 5, number=number)
        for number, half in ((1, rows[::2]), (2, rows[1::2]))
    )
    at_once = Collection.of([first, second])
    grown = Collection.of([first]).grown(second)
    for collection in (at_once, grown):
        assert list(collection.records) == rows
        assert [collection.positions[name] for name in NAMES] == list(range(len(NAMES)))
        assert "nobody" not in collection.positions
        assert collection.size(1) == (11, 21)
    assert at_once.keys.tolist() == grown.keys.tolist()
    fewer = grown.without([0, 3])
    assert [r.identifier for r in fewer.records] == [NAMES[i] for i in (1, 2, 4, 5, 6, 7)]
    assert grown.records.short_hashes().tolist() == Catalogue.of(rows).short_hashes().tolist()
