"""A register: how it is read, and its conditions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bovw.errors import FormatError, SettingsError
from bovw.web import load_register

TABLE = """file;class;date;note
a.jpg;5;2019-04-01;"one, two"
b.jpg;33;2020-01-01;x and y
a.jpg;33;;
c.jpg;Abc;1999;
"""


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("class in 5, 33", "ab"),
        ("CLASS = 5", "a"),
        ("class not in 5", "bc"),
        ("class != 33", "c"),
        ("class = abc", "c"),
        ("date >= 2019", "ab"),
        ("date < 2019", "c"),
        ("date >= 2019 and class = 33", "ab"),
        ('note = "one, two"', "a"),
        ('note = "x and y"', "b"),
        ("note contains two", "a"),
        ("class in 05.0", "a"),
    ],
)
def test_conditions(tmp_path: Path, condition: str, found: str) -> None:
    (tmp_path / "r.csv").write_text(TABLE, encoding="utf-8")
    register = load_register(tmp_path / "r.csv")
    assert register.columns == ("class", "date", "note")
    assert register.of("a.jpg") == {"class": "5; 33", "date": "2019-04-01", "note": "one, two"}
    assert register.where(condition) == {f"{name}.jpg" for name in found}


@pytest.mark.parametrize(
    "condition", ["", "class", "class in", "colour = red", "class ~ 5", 'note = "one', "5 in class"]
)
def test_what_is_no_condition(tmp_path: Path, condition: str) -> None:
    (tmp_path / "r.csv").write_text(TABLE, encoding="utf-8")
    with pytest.raises(SettingsError):
        load_register(tmp_path / "r.csv").where(condition)


@pytest.mark.parametrize("text", ["a.jpg\nb.jpg\n", "file,a,A\nx,1,2\n", "file,\nx,1\n"])
def test_what_is_no_register(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match="header"):
        load_register(tmp_path / "r.csv")
