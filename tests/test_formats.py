"""Readers of ground truths: small files by hand, published files by their known counts."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bovw.errors import GroundTruthError, StorageError
from bovw.evaluation.ground_truth import GroundTruth, GroundTruthQuery
from bovw.formats import (
    FORMATS,
    copydays,
    guess_format,
    holidays,
    load_ground_truth,
    load_json,
    load_labels,
    load_landmarks,
    load_oxford,
    load_qrels,
    load_revisited,
    names_in,
    read_run,
    save_json,
    save_qrels,
    stanford_mobile,
    ukbench,
    write_run,
)
from bovw.formats.restricted_pickle import load_pickle


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def as_json(path: Path, **content: Any) -> Path:
    return written(path, json.dumps({"images": ["a", "b", "c"], **content}))


def by_name(truth: GroundTruth) -> dict[str, GroundTruthQuery]:
    return {query.name: query for query in truth.queries}


# JSON


def test_json_optional_fields(tmp_path: Path) -> None:
    queries = [
        {"image": "a", "bbox": [1, 2, 3, 4], "positive": ["b"], "junk": ["a"], "landmark": ["l"]},
        {"image": "a", "positive": ["b", "c"], "gains": {"b": 2}, "group": 7},
        {"image": "c", "positive": [], "name": "third", "note": "shows a", "in_db": True},
    ]
    truth = load_json(as_json(tmp_path / "set" / "gnd.json", queries=queries, in_base="junk"))
    assert (truth.name, truth.in_base) == ("set/gnd", "junk")
    assert [query.name for query in truth.queries] == ["a", "a#2", "third"]
    assert [query.group for query in truth.queries] == ["l", "7", None]
    assert truth.queries[0].bbox == (1, 2, 3, 4)
    assert truth.queries[1].gain("b") == 2
    assert truth.queries[1].gain("c") == 1
    save_json(truth, tmp_path / "again.json")
    assert load_json(tmp_path / "again.json") == truth
    assert os.listdir(tmp_path / "set") == ["gnd.json"]


def test_json_difficulties(tmp_path: Path) -> None:
    query = {"image": "q", "positive": ["a", "b"], "easy": ["a"], "hard": ["b"], "junk": ["c"]}
    path = as_json(tmp_path / "gnd.json", queries=[query])
    expected = {"easy": ("a", "bc"), "medium": ("ab", "c"), "hard": ("b", "ac")}
    for difficulty, (positive, junk) in expected.items():
        found = load_ground_truth(path, difficulty=difficulty).queries[0]  # type: ignore[arg-type]
        assert (found.positive, found.junk) == (frozenset(positive), frozenset(junk))
    with pytest.raises(GroundTruthError, match="expected one of easy, medium, hard"):
        load_ground_truth(path, difficulty="harder")  # type: ignore[arg-type]
    plain = as_json(tmp_path / "plain.json", queries=[{"image": "q", "positive": ["a"]}])
    with pytest.raises(GroundTruthError, match=r"query 0 has no \"easy\" and \"hard\""):
        load_json(plain, "hard")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"images": []}', 'expected an object with "images" and "queries"'),
        ('{"images": [], "queries": []}', "has no queries"),
        ('{"images": [], "queries": null}', "queries: expected a list"),
        ('{"images": ["a", 1], "queries": []}', "images: expected a list of names"),
        ('{"images": [], "queries": [{}]}', 'query 0: expected an object with "image"'),
        ('{"images": [], "queries": [{"image": "a"}]}', "query 0: positive: expected a list"),
        (
            '{"images": [], "queries": [{"image": "a", "positive": ["z"]}]}',
            r"gnd.json: .*: 1 positives of 1 queries \(a\) are not in the base \(images\); .*: z",
        ),
        (
            '{"images": [], "queries": [{"image": "a", "positive": [], "bbox": [1, 2, 3]}]}',
            r"query 0: bbox is \[1, 2, 3\], expected four numbers",
        ),
        (
            '{"images": ["b"], "queries": [{"image": "a", "positive": ["b"], "gains": {"b": 0}}]}',
            "query 0: gains: expected an object of names and numbers above 0",
        ),
        (
            '{"images": [], "in_base": "x", "queries": [{"image": "a", "positive": []}]}',
            "gnd.json: in_base='x': expected one of keep, junk, remove",
        ),
        ('{"images": [], "queries": [], "metric": []}', "unknown field 'metric'; 'metrics' is"),
        *(
            (f'{{"images": ["a", "b"], "queries": [{queries}]}}', message)
            for queries, message in (
                (
                    '{"image": "q", "positive": ["y", "z"]}, {"image": "r", "positive": ["x"]}',
                    r"3 positives of 2 queries \(q, r\) .*: x, y, z$",
                ),
                (
                    '{"image": "q", "positive": ["a"], "positives": []}',
                    "query 0: unknown field 'positives'; 'positive' is expected",
                ),
                ('{"image": "q", "positive": [], "box": [1, 2, 3, 4]}', "field 'box'; 'bbox'"),
                ('{"image": "q", "positive": [], "Junk": []}', "field 'Junk'; 'junk'"),
                ('{"image": "q", "positive": ["a"], "junk": "b"}', "junk: expected a list"),
                ('{"image": "q", "positive": ["a"], "easy": {}}', "easy: expected a list"),
                (
                    '{"image": "q", "positive": ["a", "b"], "junk": ["b"]}',
                    "query 0: b both positive and junk",
                ),
                (
                    '{"image": "q", "positive": ["a"], "gains": {"b": 1}}',
                    "query 0: gains of b, not positive",
                ),
                ('{"image": "q", "positive": ["a"], "gains": {"a": Infinity}}', "gains: expected"),
                ('{"image": "q", "positive": [], "bbox": [3, 2, 1, 4]}', "x0 < x1 and y0 < y1"),
                ('{"image": "q", "positive": [], "bbox": [1, 2, 3, 2]}', "x0 < x1 and y0 < y1"),
                (
                    '{"image": "q", "positive": [], "name": "n"},'
                    ' {"image": "r", "positive": [], "name": "n"}',
                    "several queries are called 'n'",
                ),
            )
        ),
    ],
)
def test_json_malformed(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        load_json(written(tmp_path / "gnd.json", content))


def test_json_of_the_development_data(data: Path) -> None:
    assert len(load_ground_truth(data / "oxford1k" / "gnd.json").queries) == 50
    medium = load_ground_truth(data / "oxford1k" / "gnd_rox.json")
    explicit = load_ground_truth(data / "oxford1k" / "gnd_rox.json", difficulty="medium")
    assert explicit == medium


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


# Pickles


class Call:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickle_of_plain_values(tmp_path: Path, protocol: int) -> None:
    content = {
        "containers": ({1, 2}, frozenset({3}), bytearray(b"\xff"), b"\x80", slice(1), 2j),
        "arrays": [np.arange(6.0).reshape(2, 3).T, np.array([1], ">i4"), np.array(["ä", "b"])],
        "objects": np.array([{1}, None, np.float32(2)], object),
        "scalars": [np.int64(3), np.bool_(True), np.str_("s")],
    }
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    read = load_pickle(path)
    assert read["containers"] == content["containers"]
    for found, expected in zip(read["arrays"], content["arrays"], strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype.newbyteorder("=")
    assert read["objects"].tolist() == [{1}, None, 2]
    assert read["scalars"] == content["scalars"]


def test_pickle_of_python_2_and_numpy_1(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x02\xff\x01tb."
    )
    assert load_pickle(path).tolist() == [255, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call(os.system, "touch broken-in"), "names posix.system"),
        (Call(eval, "1"), "names builtins.eval"),
        (Call(getattr, {}, "clear"), "names builtins.getattr"),
        (Call(io.open, "x", "w"), "names io.open"),
        (Call(zipfile.ZipFile, "x"), "names zipfile"),
        (np.zeros(1, [("field", "O")]), r"type 'V8', which are not allowed"),
        (Call(bytearray, 1 << 40), "is no pickle, or a broken one"),
        (np.random.default_rng(0), "names numpy.random"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_pickle_runs_nothing(tmp_path: Path, call: Any, message: str, protocol: int) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps([np.array([call, 1], object)], protocol))
    with pytest.raises(GroundTruthError, match=message):
        load_revisited(path)


@pytest.mark.parametrize(
    "content",
    [
        # An array of objects whose type claims that its bytes are plain: addresses.
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01btR(I1\n(I1\nt"
        b"cnumpy\ndtype\n(VO8\nI00\nI01\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntbI00\nC\x08AAAAAAAAtb.",
        # The same state twice: rows taken in between would show freed memory.
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01btRp0\n(I1\n(I1\nt"
        b"cnumpy\ndtype\n(Vu1\ntRI00\nC\x01Atp1\nbg1\nb.",
        b"c_codecs\nencode\n(Vx\nVzlib\ntR.",  # another codec than Latin-1
        b"cnumpy\ndtype\n(N}Vprocess\nI1\nstb.",  # a state for a class
        b"cbuiltins\nlist\n(N}Vappend\nI1\nstb.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\ndict\n(I0\nttR.",
        b"\x80\x04\x8c\x08builtins\x8c\x0elist.__class__\x93.",
        b"Pidentifier\n.",
        b"",
        b"not a pickle",
    ],
)
def test_pickle_forged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "forged.pkl"
    path.write_bytes(content)
    with pytest.raises(GroundTruthError, match=r"forged.pkl"):
        load_pickle(path)


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


# Tables

SOLUTION = "id,images,Usage\nqqq1,aaa1 bbb2,Public\nqqq2,bbb2,Private\nqqq3,None,Ignored\n"


def test_landmarks(tmp_path: Path) -> None:
    path = written(tmp_path / "solution.csv", SOLUTION)
    index = written(tmp_path / "index.csv", "id,landmark_id\naaa1,1\nbbb2,2\nccc3,3\n")
    truth = load_ground_truth(path, images=index)
    assert truth.images == {"index/a/a/a/aaa1.jpg", "index/b/b/b/bbb2.jpg", "index/c/c/c/ccc3.jpg"}
    assert [query.name for query in truth.queries] == ["qqq1", "qqq2"]
    assert truth.queries[0].image == "test/q/q/q/qqq1.jpg"
    assert truth.queries[0].positive == {"index/a/a/a/aaa1.jpg", "index/b/b/b/bbb2.jpg"}
    private = load_ground_truth(path, usage="Private")
    assert private.images == private.queries[0].positive == {"index/b/b/b/bbb2.jpg"}
    with pytest.raises(GroundTruthError, match="usage 'public': expected one of Public, Private"):
        load_landmarks(path, usage="public")  # type: ignore[arg-type]
    with pytest.raises(GroundTruthError, match=r"1 positives of 1 queries \(qqq1\)"):
        load_landmarks(path, images=["bbb2"])
    with pytest.raises(GroundTruthError, match=r"other.csv, line 2: Usage is 'x'"):
        load_landmarks(written(tmp_path / "other.csv", "id,images,Usage\nq,a,x\n"))


def test_labels(tmp_path: Path) -> None:
    table = (
        "image,labels\n1.jpg,red; car\n2.jpg,red\n3.jpg,red;car\n3.jpg,old\n4.jpg,\n5.jpg,tree\n"
    )
    truth = load_ground_truth(written(tmp_path / "labels.csv", table))
    queries = by_name(truth)
    assert set(queries) == {"1.jpg", "2.jpg", "3.jpg", "5.jpg"}
    assert "4.jpg" in truth.images
    assert queries["1.jpg"].positive == {"2.jpg", "3.jpg"}
    assert queries["1.jpg"].gain("2.jpg") == 1 / 2
    assert queries["1.jpg"].gain("3.jpg") == 2 / 3
    assert queries["3.jpg"].gain("2.jpg") == 1 / 3
    assert (queries["2.jpg"].group, queries["1.jpg"].group) == ("red", None)
    assert not queries["5.jpg"].positive
    columns = "image\tfruit\tcolour\n1\torange\tred\n2\tapple|orange\torange\n3\tapple\torange\n"
    path = written(tmp_path / "labels.tsv", columns)
    queries = by_name(load_labels(path, separator="|"))
    assert queries["1"].positive == {"2"}
    assert queries["3"].gain("2") == 2 / 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "is empty"),
        ("image\n1.jpg\n", "the header is 'image', expected a column for the picture"),
        ("image,label\n1.jpg,a,b\n", "line 2: 3 values, but the header has 2"),
        ("image,label\n,a\n", "line 2 names no picture"),
        ('image,label\n1.jpg,"a\n', "line 2: unexpected end of data"),
    ],
)
def test_labels_malformed(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        load_labels(written(tmp_path / "labels.csv", table))


# TREC


def test_qrels(tmp_path: Path) -> None:
    path = written(tmp_path / "truth.qrels", "q 0 a 1\nq 0 b%20c 3\nq 0 d 0\nq 0 e -1\n\nr 0 a 1\n")
    truth = load_ground_truth(path)
    assert truth.images == {"a", "b c", "d", "e"}
    query = truth.queries[0]
    assert (query.positive, query.junk) == ({"a", "b c"}, {"e"})
    assert (query.gain("a"), query.gain("b c")) == (1, 3)
    save_qrels(truth, tmp_path / "again.txt")
    again = load_ground_truth(tmp_path / "again.txt")
    assert (again.images, again.queries) == (truth.images, truth.queries)


def test_saved_qrels_keep_the_protocol(tmp_path: Path) -> None:
    path = tmp_path / "truth.qrels"
    queries = (
        GroundTruthQuery("a b.jpg", positive=frozenset({"ü%.jpg"})),
        GroundTruthQuery("nothing"),
        GroundTruthQuery("\udcff", positive=frozenset({"a b.jpg"})),
    )
    images = frozenset({"a b.jpg", "ü%.jpg", "\udcff", "wrong"})
    save_qrels(GroundTruth(images, queries, in_base="junk"), path)
    assert path.read_text().isascii()
    truth = load_qrels(path)
    assert truth.images == images
    assert [(q.image, q.positive, q.junk) for q in truth.queries] == [
        ("a b.jpg", {"ü%.jpg"}, {"a b.jpg"}),
        ("\udcff", {"a b.jpg"}, {"\udcff"}),
    ]
    save_qrels(GroundTruth(images, queries, in_base="remove"), path)
    assert load_qrels(path).queries[0].junk == {"a b.jpg", "\udcff"}
    graded = GroundTruthQuery("q", positive=frozenset({"wrong"}), gains={"wrong": 0.5})
    with pytest.raises(GroundTruthError, match=r"'q': 'wrong' gains 0.5"):
        save_qrels(GroundTruth(images, (graded,)), path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 a\n", "line 1: 3 columns, expected 4"),
        ("q 0 a 1\nq 0 b high\n", "line 2: relevance is 'high'"),
        ("q 0 a 1\nq 0 a 0\n", "line 2: query 'q' judges 'a' twice, differently"),
        ("", "has no queries"),
    ],
)
def test_qrels_malformed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        load_qrels(written(tmp_path / "truth.qrels", text))


def test_run_by_hand(tmp_path: Path) -> None:
    text = "q Q0 b 1 0.5 me\nq Q0 c 9 2 me\nq Q0 a 3 0.5 me\n"
    assert read_run(written(tmp_path / "run", text)) == (
        {"q": (["c", "a", "b"], [2, 0.5, 0.5])},
        "me",
    )


def test_written_run_has_no_ties(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "run.txt"
    many = np.sort(rng.random(500).round(2))[::-1]
    close = 1 - np.arange(300) * 1e-9  # equal as 32 bit floats
    names = [f"{rng.integers(1 << 30)} %.jpg" for _ in range(500)]
    rankings = {
        "many": (names, many),
        "close": (names[:300], close),
        "zero": (names[:3], [0.0, 0.0, -np.inf]),
        "large": (names[:2], [np.inf, 1e30]),
        "none": (names[:3], None),
        "left out": (names[:2], [-np.inf, -np.inf]),
    }
    write_run(path, "my system", rankings)
    read, tag = read_run(path)
    assert tag == "my system"
    for query, (given, scores) in rankings.items():
        found, numbers = read[query]
        assert found == given
        for precision in (np.float32, np.float64):
            values = np.array(numbers, precision)
            assert np.isfinite(values).all()
            assert (values[1:] < values[:-1]).all()
        if query in ("many", "close"):
            np.testing.assert_allclose(numbers, scores, atol=1e-4)
    assert read["none"][1] == [3, 2, 1]
    assert os.listdir(tmp_path) == ["run.txt"]


def test_run_malformed(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    for scores, message in (
        ([1, 2], "scores increase"),
        ([np.nan, 1], "NaN"),
        ([1], "1 scores for 2"),
    ):
        with pytest.raises(GroundTruthError, match=rf"run 't', query 'q': .*{message}"):
            write_run(path, "t", {"q": (["a", "b"], scores)})
    with pytest.raises(GroundTruthError, match="without a name"):
        write_run(path, "", {"q": (["a"], None)})
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*; what was there is untouched"):
        write_run(tmp_path / "file" / "run.txt", "t", {"q": (["a"], None)})
    assert not path.exists()
    line = "q Q0 a 1 2 t\n"
    for text, message in {
        "": "is empty",
        "q Q0 a 1 x t": "line 1: the score is 'x'",
        line + line: "line 2: query 'q' ranks 'a' twice",
        line + "q Q0 b 1 2 u": "line 2: the run is called 't' above, 'u' here",
    }.items():
        with pytest.raises(GroundTruthError, match=message):
            read_run(written(path, text))


# All formats


def test_names_in(tmp_path: Path) -> None:
    folder = touch(tmp_path / "@jpg", "b/1.JPG", "a.png", ".hidden/2.jpg", "gnd.json")
    assert names_in(folder) == ["a.png", "b/1.JPG"]
    with pytest.raises(GroundTruthError, match="is not a folder"):
        names_in(tmp_path / "none")
    with pytest.raises(GroundTruthError, match="no pictures found"):
        names_in(touch(tmp_path / "empty", "a.txt"))


def test_load_ground_truth_says_what_is_wrong(tmp_path: Path) -> None:
    path = as_json(tmp_path / "gnd.json", queries=[{"image": "a", "positive": ["b"]}])
    assert load_ground_truth(path, in_base="remove").in_base == "remove"
    with pytest.raises(GroundTruthError, match="in_base='drop'"):
        load_ground_truth(path, in_base="drop")  # type: ignore[arg-type]
    with pytest.raises(GroundTruthError, match="format 'json' has no option usage"):
        load_ground_truth(path, usage="Public")
    with pytest.raises(GroundTruthError, match="format 'yaml': expected one of json, oxford"):
        load_ground_truth(path, "yaml")
    with pytest.raises(GroundTruthError, match="no such file or folder"):
        load_ground_truth(tmp_path / "none.json")
    for unknown in (touch(tmp_path, "list.dat") / "list.dat", tmp_path):
        with pytest.raises(GroundTruthError, match="looks like no known ground truth"):
            load_ground_truth(unknown)


@pytest.mark.parametrize("name", FORMATS)
def test_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(GroundTruthError, match="none"):
        load_ground_truth(tmp_path / "none", name)
