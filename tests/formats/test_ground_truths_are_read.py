"""Readers of ground truths: JSON, tables, and whatever it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bovw.errors import GroundTruthError
from bovw.formats import (
    FORMATS,
    load_ground_truth,
    load_json,
    load_labels,
    load_landmarks,
    names_in,
    save_json,
)

from .ground_truth_files import as_json, by_name, touch, written

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
    queries = by_name(load_labels(path, separator="|", labels=["fruit", "colour"]))
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


@pytest.mark.parametrize(
    "content",
    [
        "filename,label\na.jpg,x\nb.jpg,x\nc.jpg,y\n",
        ",filename,label\n0,a.jpg,x\n1,b.jpg,x\n2,c.jpg,y\n",
        "label,filename\nx,a.jpg\nx,b.jpg\ny,c.jpg\n",
        "path,label,split,taken\na.jpg,x,train,2020\nb.jpg,x,test,2020\nc.jpg,y,test,2020\n",
        "a.jpg,x\nb.jpg,x\nc.jpg,y\n",
        "x,a.jpg\nx,b.jpg\ny,c.jpg\n",
        "filename;label\na.jpg;x\nb.jpg;x\nc.jpg;y\n",
        "filename\tlabel\na.jpg\tx\nb.jpg\tx\nc.jpg\ty\n",
        "filename,class\na.jpg,x\nb.jpg,x\nc.jpg,nan\n",
        "picture,brand\na.jpg,x\nb.jpg,x\nc.jpg,y\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_labels_are_in_columns_that_are_called_so(
    tmp_path: Path, content: str, encoding: str
) -> None:
    """A split, a date or a number is no label: all pictures would share one."""
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode(encoding))
    truth = load_ground_truth(path)
    assert truth.images == {"a.jpg", "b.jpg", "c.jpg"}
    queries = by_name(truth)
    assert queries["a.jpg"].positive == {"b.jpg"} and queries["b.jpg"].positive == {"a.jpg"}
    assert "c.jpg" not in queries or not queries["c.jpg"].positive
    assert any("split, taken" in note for note in truth.notes) == ("split" in content)


def test_label_columns_are_named_when_none_is_called_so(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "image,brand,year\na.jpg,x,1\nb.jpg,x,2\nc.jpg,y,2\n")
    with pytest.raises(GroundTruthError, match="none of which is called label"):
        load_ground_truth(path)
    queries = by_name(load_ground_truth(path, labels=["year"]))
    assert queries["b.jpg"].positive == {"c.jpg"}
    with pytest.raises(GroundTruthError, match="no column colour"):
        load_ground_truth(path, labels=["colour"])
    with pytest.raises(GroundTruthError, match="no header and 3 columns"):
        load_ground_truth(written(tmp_path / "u.csv", "a.jpg,x,1\nb.jpg,x,2\n"))


def test_tables_of_open_metric_learning(tmp_path: Path) -> None:
    content = (
        "label,path,split,is_query,is_gallery,x_1,x_2,y_1,y_2\n"
        "7,a.jpg,validation,True,False,1,5,2,9\n7,b.jpg,validation,False,True,,,,\n"
        "7,c.jpg,validation,True,True,nan,nan,nan,nan\n7,d.jpg,train,,,,,,\n"
        "8,e.jpg,validation,False,True,,,,\n"
    )
    truth = load_ground_truth(written(tmp_path / "oml.csv", content))
    assert truth.images == {"b.jpg", "c.jpg", "e.jpg"}
    queries = by_name(truth)
    assert set(queries) == {"a.jpg", "c.jpg"}
    assert queries["a.jpg"].bbox == (1, 2, 5, 9) and queries["c.jpg"].bbox is None
    assert queries["a.jpg"].positive == {"b.jpg", "c.jpg"}
    assert queries["c.jpg"].positive == {"b.jpg"}
    bad = content.replace("True,False,1,5", "maybe,False,1,5")
    with pytest.raises(GroundTruthError, match="is_query is 'maybe'"):
        load_ground_truth(written(tmp_path / "bad.csv", bad))


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
