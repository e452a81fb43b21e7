"""Readers of published ground truths: by hand, and by their known counts."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bovw.errors import GroundTruthError
from bovw.evaluation import GroundTruthQuery
from bovw.formats import (
    copydays,
    guess_format,
    holidays,
    load_ground_truth,
    load_oxford,
    load_revisited,
    stanford_mobile,
    ukbench,
)

from .ground_truth_files import by_name, touch, written

# Oxford and Paris


def test_oxford_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "gt"
    written(folder / "defense_1_query.txt", "paris_defense_000605 1 2 3.5 4\n")
    for kind, text in {"good": "a\n", "ok": "b\n\n", "junk": ""}.items():
        written(folder / f"defense_1_{kind}.txt", text)
    query = load_ground_truth(folder).queries[0]
    assert query == GroundTruthQuery(
        "paris_defense_000605.jpg",
        (1, 2, 3.5, 4),
        frozenset({"a.jpg", "b.jpg"}),
        name="defense_1",
        group="defense",
    )
    pictures = touch(tmp_path / "paris", "defense/paris_defense_000605.jpg", "x/a.jpg", "x/b.png")
    truth = load_ground_truth(folder, images=pictures)
    assert truth.queries[0].image == "defense/paris_defense_000605.jpg"
    assert truth.queries[0].positive == {"x/a.jpg", "x/b.png"}
    with pytest.raises(GroundTruthError, match=r"good.txt, line 1: none of the images is called"):
        load_oxford(folder, images=["x/b.jpg"])
    with pytest.raises(GroundTruthError, match=r"'a.jpg' and 'x/a.jpg' both are called 'a'"):
        load_oxford(folder, images=["a.jpg", "x/a.jpg"])
    (folder / "defense_1_ok.txt").unlink()
    with pytest.raises(GroundTruthError, match=r"defense_1_ok.txt: No such file"):
        load_oxford(folder)


def test_oxford_as_published(data: Path) -> None:
    truth = load_ground_truth(data / "reference" / "oxford5k_gt")
    assert (truth.name, truth.in_base, len(truth.queries)) == ("Oxford 2007", "keep", 55)
    assert set(Counter(query.group for query in truth.queries).values()) == {5}
    assert all(query.image in query.positive for query in truth.queries)
    first = by_name(truth)["all_souls_1"]
    assert first.image == "all_souls_000013.jpg"
    assert first.bbox == (136.5, 34.1, 648.5, 955.7)


# Revisited Oxford and Paris


REVISITED = {
    "imlist": ["town_1", "town_2", "town_3"],
    "qimlist": ["keble_000001", "oxford_000002", "keble_000001"],
    "gnd": [
        {"bbx": [0, 0, 1, 1], "easy": [0], "hard": [1], "junk": [2]},
        {"bbx": [0, 0, 1, 1], "easy": [0], "hard": [], "junk": []},
        {"bbx": [0, 0, 1, 1], "easy": [], "hard": [2], "junk": []},
    ],
}


def test_revisited_by_hand(tmp_path: Path) -> None:
    path = written(tmp_path / "gnd.json", json.dumps(REVISITED))
    assert guess_format(path) == "revisited"
    truth = load_ground_truth(path, difficulty="easy")
    assert [q.name for q in truth.queries] == ["keble_000001", "oxford_000002", "keble_000001#2"]
    assert {query.group for query in truth.queries} == {"keble"}
    assert truth.queries[0].positive == {"town_1.jpg"}
    assert truth.queries[0].junk == {"town_2.jpg", "town_3.jpg"}
    assert not truth.queries[2].positive
    names = [f"jpg/{stem}.jpg" for stem in (*REVISITED["imlist"], *REVISITED["qimlist"][:2])]
    assert load_revisited(path, images=names).queries[0].image == "jpg/keble_000001.jpg"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gnd": REVISITED["gnd"][:2]}, "3 names in qimlist, but 2 entries in gnd"),
        ({"gnd": [{}, {}, {}]}, r"query 0 \(keble_000001\): expected positions .* as 'easy'"),
        ({"imlist": ["town_1"]}, "'hard' has positions from 1 to 1, but imlist has 1"),
        ({"qimlist": None}, "expected a dict of imlist, qimlist and gnd"),
        ({"gnd": [{"easy": [], "hard": [], "junk": []}] * 3}, "bbox is None"),
        ({"gnd": [], "qimlist": []}, "has no queries"),
    ],
)
def test_revisited_malformed(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "gnd.pkl"
    path.write_bytes(pickle.dumps({**REVISITED, **change}))
    with pytest.raises(GroundTruthError, match=message):
        load_revisited(path)


@pytest.mark.parametrize(
    ("file", "n_images", "n_easy", "n_hard", "n_junk"),
    [
        ("gnd_roxford5k.pkl", 4993, 3029, 2497, 1356),
        ("gnd_rparis6k.pkl", 6322, 6874, 10350, 7153),
    ],
)
def test_revisited_as_published(
    data: Path, tmp_path: Path, file: str, n_images: int, n_easy: int, n_hard: int, n_junk: int
) -> None:
    path = data / "reference" / "revisitop" / file
    expected = {
        "easy": (n_easy, n_junk + n_hard),
        "medium": (n_easy + n_hard, n_junk),
        "hard": (n_hard, n_junk + n_easy),
    }
    for difficulty, counts in expected.items():
        truth = load_ground_truth(path, difficulty=difficulty)  # type: ignore[arg-type]
        assert (len(truth.images), len(truth.queries)) == (n_images, 70)
        assert sum(len(query.positive) for query in truth.queries) == counts[0]
        assert sum(len(query.junk) for query in truth.queries) == counts[1]
    # Five queries of each of 11 landmarks in 2007 and 2008, and three more of five of them.
    groups = Counter(query.group for query in truth.queries)
    assert sorted(groups.values()) == [5] * 6 + [8] * 5
    cut = tmp_path / "cut.pkl"
    cut.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(GroundTruthError, match=r"cut.pkl is no pickle, or a broken one"):
        load_ground_truth(cut)


# Collections by name


def test_holidays(tmp_path: Path) -> None:
    names = ["100000.jpg", "100001.jpg", "100002.jpg", "100100.jpg", "100101.jpg"]
    truth = holidays(written(tmp_path / "list.dat", "\n".join(names)))
    assert truth == holidays(names) == holidays(touch(tmp_path / "jpg", *names))
    assert truth.in_base == "junk"
    assert [query.image for query in truth.queries] == ["100000.jpg", "100100.jpg"]
    assert truth.queries[0].positive == {"100001.jpg", "100002.jpg"}
    assert truth.queries[1].group == "1001"
    with pytest.raises(GroundTruthError, match=r"'a.jpg' does not end in a number"):
        holidays(["a.jpg"])


def test_holidays_as_published(data: Path) -> None:
    path = data / "reference" / "holidays" / "holidays_images.dat"
    truth = load_ground_truth(path, "holidays")
    assert (len(truth.images), len(truth.queries)) == (1491, 500)
    assert sum(len(query.positive) for query in truth.queries) == 991


def test_ukbench() -> None:
    names = [f"full/ukbench{i:05}.jpg" for i in range(8)]
    truth = ukbench(names)
    assert truth.queries[5].positive == {names[i] for i in (4, 6, 7)}
    assert truth.queries[5].group == "1"
    assert truth.metrics[0] == "n_s"
    with pytest.raises(GroundTruthError, match="3 pictures have numbers from 4 to 7"):
        ukbench(names[:7])


def test_copydays(tmp_path: Path) -> None:
    folder = touch(
        tmp_path, "original/200000.jpg", "original/200100.jpg", "jpeg/3/200000.jpg",
        "crops/10/200100.jpg", "strong/200001.jpg", "more/1.jpg",
    )  # fmt: skip
    truth = load_ground_truth(folder)
    assert truth.images == {"original/200000.jpg", "original/200100.jpg"}
    assert {query.image: set(query.positive) for query in truth.queries} == {
        "jpeg/3/200000.jpg": {"original/200000.jpg"},
        "crops/10/200100.jpg": {"original/200100.jpg"},
        "strong/200001.jpg": {"original/200000.jpg"},
    }
    assert truth.queries[0].group == "2001"
    touch(folder, "strong/200201.jpg")
    with pytest.raises(GroundTruthError, match=r"original/200200.jpg, of which strong/200201.jpg"):
        copydays(folder)


def test_stanford_mobile(tmp_path: Path) -> None:
    folder = touch(
        tmp_path, "dvd/Reference/001.jpg", "dvd/Reference/002.jpg", "dvd/Canon/001.jpg",
        "cd/Reference/001.jpg", "cd/Palm/001.jpg", "other/x/001.jpg",
    )  # fmt: skip
    assert guess_format(folder) == guess_format(folder / "dvd") == "stanford"
    truth = load_ground_truth(folder)
    assert len(truth.images) == 3
    assert {query.image: (set(query.positive), query.group) for query in truth.queries} == {
        "dvd/Canon/001.jpg": ({"dvd/Reference/001.jpg"}, "dvd/001"),
        "cd/Palm/001.jpg": ({"cd/Reference/001.jpg"}, "cd/001"),
    }
    one = stanford_mobile(folder / "dvd")
    assert (one.queries[0].image, one.queries[0].group) == ("Canon/001.jpg", "001")
    touch(folder, "cd/Palm/003.jpg")
    with pytest.raises(GroundTruthError, match=r"cd/Palm/003.jpg has no picture of its name"):
        stanford_mobile(folder)


def test_stanford_mobile_of_the_development_data(data: Path) -> None:
    truth = load_ground_truth(data / "smvs_dvd")
    same = load_ground_truth(data / "smvs_dvd" / "gnd.json")
    assert truth.images == same.images
    assert {(q.image, q.positive) for q in truth.queries} == {
        (q.image, q.positive) for q in same.queries
    }


def test_classes(tmp_path: Path) -> None:
    folder = touch(tmp_path, "cat/1.jpg", "cat/2.png", "cat/notes.txt", "dog/1.jpg", "stray.jpg")
    truth = load_ground_truth(folder)
    assert truth.in_base == "junk"
    assert "stray.jpg" in truth.images
    assert {query.image: (set(query.positive), query.group) for query in truth.queries} == {
        "cat/1.jpg": ({"cat/2.png"}, "cat"),
        "cat/2.png": ({"cat/1.jpg"}, "cat"),
        "dog/1.jpg": (set(), "dog"),
    }
