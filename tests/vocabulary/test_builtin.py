"""The vocabulary in the box: found, checked, small, and good enough to find things."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path

import pytest

import bovw
from bovw.cli import main
from bovw.errors import FormatError, IncompatibleError, SettingsError
from bovw.storage import read_manifest
from bovw.vocabulary import builtin_folder

from ..support import SAMPLE, names

CARD = json.loads(builtin_folder().with_suffix(".json").read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def builtin() -> bovw.Vocabulary:
    return bovw.load_vocabulary("builtin")


@pytest.fixture(scope="module")
def engine(builtin: bovw.Vocabulary) -> bovw.Engine:
    """Four objects, three photographs each, with the features of the preset "fast"."""
    found = [path for path in names(SAMPLE / "labels") if path.stem[-1] in "124"][:12]
    return bovw.Engine.build(found, vocabulary=builtin, preset="fast", root=SAMPLE)


def test_it_is_what_the_card_says(builtin: bovw.Vocabulary) -> None:
    assert builtin.fingerprint == CARD["fingerprint"]
    assert builtin.made_with_ is not None
    assert builtin.made_with_["name"] == CARD["name"] == "builtin-2"
    assert builtin.n_words_ == CARD["n_words"]
    assert builtin.made_with_["n_pictures"] == CARD["n_pictures"]
    described = (SAMPLE.parent.parent / "docs/vocabulary_card.md").read_text(encoding="utf-8")
    assert CARD["fingerprint"] in described and CARD["pictures_sha256"] in described


def test_it_adds_less_than_six_megabytes_to_a_wheel() -> None:
    files = [*builtin_folder().iterdir(), builtin_folder().with_suffix(".json")]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) < 6_000_000
    assert {path.suffix for path in files} == {".npy", ".json"}  # no pickle, no graph of nmslib
    assert set(read_manifest(builtin_folder())["files"]) == {
        path.name for path in builtin_folder().glob("*.npy")
    }


def test_it_finds_things_and_keeps_the_features_of_the_preset(engine: bovw.Engine) -> None:
    assert engine.settings.features.max_features == 500
    assert engine.info()["vocabulary_name"] == CARD["name"]
    for query in engine.identifiers[::3]:
        result = engine.search(SAMPLE / query, 2)
        assert result.matched
        assert [a.identifier.rsplit("_", 1)[0] for a in result] == [query.rsplit("_", 1)[0]] * 2


def test_the_command_line_knows_it_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(SAMPLE / "labels/label_01_1.jpg", tmp_path)
    target = str(tmp_path / "i.bovw")
    assert main(["index", str(tmp_path), "-o", target, "-v", "builtin", "--preset", "fast"]) == 0
    assert f"vocabulary of {CARD['n_words']} words ({CARD['name']})" in capsys.readouterr().out
    assert main(["info", target]) == 0
    assert CARD["name"] in capsys.readouterr().out
    assert main(["info", "builtin", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["name"], described["fingerprint"]) == (CARD["name"], CARD["fingerprint"])
    with pytest.raises(IncompatibleError, match="has the vocabulary in the box"):
        bovw.update_index(target, tmp_path, vocabulary="own")
    _, changes = bovw.update_index(target, tmp_path, vocabulary="builtin")
    assert len(changes.unchanged) == 1


def test_other_descriptors_are_refused(builtin: bovw.Vocabulary) -> None:
    upright = bovw.Settings().changed(features={"upright": True})
    with pytest.raises(IncompatibleError, match="the vocabulary was made with upright=False"):
        bovw.Engine.build(SAMPLE / "labels", vocabulary=builtin, settings=upright)


def test_own_needs_pictures_and_a_folder_of_that_name_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="has none to train on"):
        bovw.Engine.create(tmp_path / "i", "own")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError, match="builtin: no such folder"):
        bovw.load_vocabulary("./builtin")
