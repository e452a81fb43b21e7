"""Submissions of Google Landmarks: tables of ``id,images``."""

from __future__ import annotations

from pathlib import Path

import pytest

from bovw.errors import GroundTruthError
from bovw.formats import guess_format, is_submission, load_submission, save_submission

from .ground_truth_files import written


def test_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rankings = {
        "test/0/1/2/0123.jpg": [f"index/a/b/c/abc{i}.jpg" for i in range(120)],
        "test/4/5/6/4567.jpg": [],
    }
    save_submission(path, rankings)
    lines = path.read_text().splitlines()
    assert lines[0] == "id,images" and lines[1].startswith("0123,abc0 abc1 ")
    assert lines[2] == "4567," and is_submission(path)
    ids = load_submission(path)
    assert ids["0123"] == [f"abc{i}" for i in range(100)] and ids["4567"] == []
    names = load_submission(path, list(rankings), rankings["test/0/1/2/0123.jpg"])
    assert names == {q: answers[:100] for q, answers in rankings.items()}
    save_submission(path, rankings, k=1)
    assert path.read_text().splitlines()[1] == "0123,abc0"


def test_what_cannot_be_a_submission(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    for rankings, message in (
        ({"a b.jpg": []}, "blanks"),
        ({"x/a.jpg": [], "y/a.jpg": []}, "one identifier"),
        ({"q": ["x/a.jpg", "y/a.png"]}, "one identifier"),
    ):
        with pytest.raises(GroundTruthError, match=message):
            save_submission(path, rankings)
    with pytest.raises(GroundTruthError, match="k=0"):
        save_submission(path, {"q": []}, k=0)
    assert not path.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_told_by_its_first_line(tmp_path: Path, encoding: str) -> None:
    # A character of two or three bytes at any place where reading might stop.
    rows = "\n\nid,images\n" + "\N{EURO SIGN}\U0001f300,b\n" * 20_000
    (tmp_path / "s.csv").write_text(rows, encoding=encoding)
    assert is_submission(tmp_path / "s.csv")
    (tmp_path / "net.csv").write_text("a.jpg" + ",0.25" * 50_000, encoding=encoding)
    assert not is_submission(tmp_path / "net.csv")
    assert guess_format(tmp_path / "net.csv") == "labels"
    (tmp_path / "blank.csv").write_text("\n \n", encoding=encoding)
    assert not is_submission(tmp_path / "blank.csv")
    assert not is_submission(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,images,Usage\na,b,Public\n", "expected id,images"),
        ("id,images\na,b c b\n", "line 2: 'a' or one of its answers is there twice"),
        ("id,images\na,b\na,c\n", "line 3: 'a'"),
        ("id,images\n", "no queries"),
    ],
)
def test_malformed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        load_submission(written(tmp_path / "s.csv", text))
    assert not is_submission(tmp_path / "no.csv")
    with pytest.raises(GroundTruthError, match="one identifier"):
        load_submission(
            written(tmp_path / "s.csv", "id,images\na,b\n"), images=["x/b.jpg", "b.png"]
        )
