"""Results as CSV and for pandas: safe in a spreadsheet, and read back exactly."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest

import bovw
from bovw.errors import MissingPackageError
from bovw.report import csv_cell, results_csv, text_of_cell
from bovw.search import COLUMNS, SearchResults

from .results_of_posters import HOSTILE, hostile


def read(text: str) -> list[dict[str, str]]:
    """As another program reads it: written as bytes, and read without changing ends of lines."""
    raw = text.encode("utf-8", "surrogateescape")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8", "surrogateescape"), newline="")))


@pytest.mark.parametrize("name", [*HOSTILE, "", "'", "''=", "\t=1", "\n-1", "+", "plain"])
def test_a_cell_is_safe_and_read_back(name: str) -> None:
    cell = csv_cell(name)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert text_of_cell(cell) == name


def test_every_name_and_number_is_read_back(engine: bovw.Engine, pictures: list[Path]) -> None:
    result = hostile(engine.search(pictures[0], 5))
    table = read(results_csv([result]))
    assert list(table[0]) == list(COLUMNS)
    assert [text_of_cell(row["identifier"]) for row in table] == HOSTILE
    for row, answer in zip(table, result, strict=True):
        assert text_of_cell(row["query"]) == result.query
        assert (int(row["rank"]), float(row["score"])) == (answer.rank, answer.score)
        assert row["matched"] == "true" and row["decision"] == answer.decision
        corners = [[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(1, 5)]
        assert corners == pytest.approx(answer.quadrilateral, abs=0.006)


def test_every_query_has_a_row(results: SearchResults, pictures: list[Path]) -> None:
    table = read(results_csv(results))
    assert [row["query"] for row in table[::6]] == [
        str(pictures[0]),
        str(pictures[6]),
        "missing.jpg",
    ]
    missing, flat = table[-2:]
    assert "no such file" in missing["error"] and missing["rank"] == missing["matched"] == ""
    assert flat["error"] == flat["rank"] == "" and flat["matched"] == "false"


def test_a_table_for_pandas(
    results: SearchResults, engine: bovw.Engine, pictures: list[Path]
) -> None:
    pandas = pytest.importorskip("pandas", reason="pip install 'bovw[frames]'")
    frame = results.to_frame()
    assert tuple(frame.columns) == COLUMNS and len(frame) == 14
    assert frame["rank"].tolist()[:6] == [1, 2, 3, 4, 5, 6]
    assert frame["score"].tolist()[:6] == [answer.score for answer in results[0]]
    assert frame["rank"].dtype == "Int64" and frame["matched"].dtype == "boolean"
    assert pandas.isna(frame["rank"].iloc[-1]) and "no such file" in frame["error"].iloc[-2]
    assert len(results[0].to_frame()) == 6
    assert tuple(SearchResults().to_frame().columns) == COLUMNS
    unverified = engine.search(pictures[0], 2, verify=0).to_frame()
    assert unverified["inliers"].isna().all() and unverified["matched"].isna().all()


def test_an_absent_package_is_named(
    engine: bovw.Engine, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'bovw\[frames\]'"):
        engine.search(pictures[0], 1).to_frame()
