"""What ``bovw search`` prints and writes: text, JSON, lines of JSON, CSV, a page."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bovw.cli import main
from bovw.search import COLUMNS

from ..support import REPOSITORY


@pytest.fixture
def index(saved: Path) -> str:
    return str(saved)


@pytest.fixture
def queries(pictures: list[Path], tmp_path: Path) -> list[str]:
    """Two pictures, and one that is missing."""
    return [str(pictures[0]), str(pictures[7]), str(tmp_path / "missing.jpg")]


def test_lines_of_json(index: str, queries: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", index, *queries, "-k", "3", "--jsonl", "--points"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["query"] for line in lines] == queries
    assert [len(line["answers"]) for line in lines] == [3, 3, 0]
    best = lines[0]["answers"][0]
    assert len(best["pairs"]) == best["inliers"] and best["words"]
    assert "no such file" in lines[2]["error"]
    main(["search", index, *queries, "-k", "3", "--json"])
    plain = json.loads(capsys.readouterr().out)
    assert [line["query"] for line in plain] == queries and "pairs" not in plain[0]["answers"][0]


def test_a_table(
    index: str, queries: list[str], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    target = tmp_path / "answers.csv"
    assert main(["search", index, *queries, "-k", "3", "--csv", str(target)]) == 3
    assert b"match" in capsysbinary.readouterr().out  # the text is printed as well
    assert main(["search", index, *queries, "-k", "3", "--csv", "-"]) == 3
    printed = capsysbinary.readouterr().out
    assert printed == target.read_bytes()
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 7
    assert rows[-1]["rank"] == "" and "no such file" in rows[-1]["error"]


def test_the_script_is_the_same_as_the_verb(
    index: str, queries: list[str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    main(["search", index, *queries, "-k", "2", "--csv", "-"])
    script = [sys.executable, str(REPOSITORY / "scripts" / "search.py"), index, *queries, "-k", "2"]
    done = subprocess.run(script, capture_output=True, check=False)
    assert done.returncode == 3 and b"missing.jpg" in done.stderr
    assert done.stdout == capsysbinary.readouterr().out


def test_a_page_and_why_not(
    index: str, queries: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")
    target = tmp_path / "answers.html"
    name = "poster_05_1.jpg"
    arguments = ["search", index, *queries, "-k", "3", "--why-not", name]
    assert main([*arguments, "--html", str(target)]) == 3
    said = capsys.readouterr()
    assert f"why not {name}: rank" in said.out and f"wrote {target}" in said.err
    text = target.read_text()
    assert text.count('id="query-') > 3 and "Why not <bdi>poster_05_1.jpg" in text
    main([*arguments, "--json"])
    content = json.loads(capsys.readouterr().out)
    assert content[0]["why_not"][0]["answer"]["identifier"] == name
    assert content[2]["why_not"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--json", "--jsonl"], 2, "only one can be printed"),
        (["--jsonl", "--csv", "-"], 2, "only one can be printed"),
        (["--points"], 2, "--points adds to JSON"),
        (["--why-not", "nowhere.jpg"], 1, "'nowhere.jpg' is not in the index"),
        (["--csv", "/proc/no/such.csv"], 1, "cannot write"),
    ],
)
def test_what_cannot_be_done_is_said(
    index: str, queries: list[str], capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: int, said: str,
) -> None:  # fmt: skip
    assert main(["search", index, queries[0], *arguments]) == code
    assert said in capsys.readouterr().err
