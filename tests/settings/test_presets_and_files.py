"""Presets, and settings in files."""

from __future__ import annotations

from pathlib import Path

import pytest

import bovw
from bovw.errors import SettingsError


@pytest.mark.parametrize("name", ["strong", "classic", "marks", "fast"])
def test_a_preset_is_changed_saved_and_loaded(name: str, tmp_path: Path) -> None:
    assert bovw.load_settings(name) == bovw.PRESETS[name]
    changed = bovw.PRESETS[name].changed(geometry={"verify": 7})
    bovw.save_settings(changed, tmp_path / "settings.json")
    assert bovw.load_settings(tmp_path / "settings.json") == changed
    assert changed != bovw.PRESETS[name]


def test_a_file_may_name_some_fields_only(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"expansion": {"n_answers": 3}}')
    expected = bovw.Settings().changed(expansion={"n_answers": 3})
    assert bovw.load_settings(tmp_path / "s.json") == expected


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "strong, classic, marks, fast"),
        ("{", "JSON file"),
        ("[1]", "JSON object"),
        ('{"geometry": {"verfy": 3}}', "verfy"),
        ('{"geometry": {"verify": -3}}', "verify=-3"),
    ],
)
def test_what_is_wrong_with_a_file(text: str | None, match: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=match):
        bovw.load_settings(path)
