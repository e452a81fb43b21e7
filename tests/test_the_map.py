"""The map in CONTRIBUTING.md knows the house, and no room of it is too large."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .support import REPOSITORY

HOUSE = REPOSITORY / "bovw"
MOST_LINES = 400
MAP = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The map")[1]
ROWS = dict(re.findall(r"^\| (?:`(\w+)/`|ground floor) \|(.*)\|$", MAP, re.MULTILINE))
DOORS = sorted(path.parent.name for path in HOUSE.glob("*/__init__.py"))


def modules(door: str) -> list[Path]:
    """Modules of a door, or of the ground floor; of rooms that the map names, the rooms only."""
    here = HOUSE / door
    files = (path for path in (here.rglob("*.py") if door else here.glob("*.py")))
    return sorted(p.relative_to(here) for p in files if not p.name.startswith("__"))


@pytest.mark.parametrize("door", ["", *DOORS])
def test_every_module_is_in_the_map(door: str) -> None:
    told = ROWS[door]
    rooms = set(re.findall(r"`(\w+)/`", told))
    unknown = [
        str(path)
        for path in modules(door)
        if f"`{path.name}`" not in told and path.parent.name not in rooms
    ]
    assert not unknown, f"CONTRIBUTING.md does not know these modules of {door or 'the house'}"


@pytest.mark.parametrize("door", ["", *DOORS])
def test_every_module_of_the_map_is_there(door: str) -> None:
    there = {path.name for path in modules(door)}
    assert set(re.findall(r"`(\w+\.py)`", ROWS[door])) <= there


def test_places_in_the_text_are_there() -> None:
    places = re.findall(r"`((?:bovw|tests|scripts|docs)/[\w/]+\.\w+)`", MAP)
    inside = re.findall(rf"`((?:{'|'.join(DOORS)})/[\w/]+\.py)`", MAP)
    gone = [p for p in (*places, *(f"bovw/{i}" for i in inside)) if not (REPOSITORY / p).exists()]
    assert not [place for place in gone if "NAME" not in place]


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for room in ("bovw", "scripts", "tests", "docs")
        for path in (REPOSITORY / room).rglob("*.py")
        if (lines := len(path.read_bytes().splitlines())) > MOST_LINES
    }
    assert not long, f"files of more than {MOST_LINES} lines: divide them"


@pytest.mark.parametrize("package", ["Dask", "Qdrant", "nmslib"])
def test_contracts_of_one_importer_name_all_doors(package: str) -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    contract = text.split(f'name = "Only one module imports {package}"')[1].split("forbidden_")[0]
    assert [d for d in DOORS if f'"bovw.{d}' not in contract] == []
