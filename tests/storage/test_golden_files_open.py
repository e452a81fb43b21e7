"""What earlier versions wrote is read, and answers as it did then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bovw
from bovw.features import Features
from bovw.storage import diagnose, load_lsa_index

from ..support import SAMPLE

GOLDEN = Path(__file__).parent.parent / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.glob("v*"))

pytestmark = [
    pytest.mark.parametrize("golden", [GOLDEN / name for name in VERSIONS], ids=VERSIONS),
    pytest.mark.filterwarnings("ignore:.* was made with OpenCV"),
]


def expected(golden: Path) -> dict[str, Any]:
    """What was answered when the files were written."""
    found: dict[str, Any] = json.loads((golden / "expected.json").read_text(encoding="ascii"))
    return found


def queries(golden: Path) -> list[Features]:
    """Features of the queries, as they were extracted then."""
    stored = np.load(golden / "queries.npz")
    return [
        Features(
            stored[f"keypoints_{i}"],
            stored[f"descriptors_{i}"],
            (int(stored[f"size_{i}"][0]), int(stored[f"size_{i}"][1])),
            "",
        )
        for i in range(len(expected(golden)["queries"]))
    ]


def test_a_vocabulary_finds_the_words_it_found(golden: Path) -> None:
    vocabulary = bovw.load_vocabulary(golden / "words.vocabulary")
    found = [vocabulary.predict(features.descriptors).tolist() for features in queries(golden)]
    assert found == expected(golden)["words"]


def test_an_index_answers_as_it_did(golden: Path) -> None:
    engine = bovw.Engine.open(golden / "posters.bovw", verify="full")
    assert [failure.identifier for failure in engine.failures] == ["posters/broken.jpg"]
    for then, features in zip(expected(golden)["index"], queries(golden), strict=True):
        now = engine.search_features(features, None, name=then["query"]).to_dict()
        assert now["matched"] == then["matched"]
        assert now["evidence"] == pytest.approx(then["evidence"])
        assert len(now["answers"]) == len(then["answers"])
        for a, b in zip(now["answers"], then["answers"], strict=True):
            assert (a["rank"], a["identifier"], a["path"]) == (
                b["rank"],
                b["identifier"],
                b["path"],
            )
            assert (a["inliers"], a["verified"]) == (b["inliers"], b["verified"])
            assert a["score"] == pytest.approx(b["score"], abs=1e-5)
            assert a["region"] == pytest.approx(b["region"], abs=1e-3)


def test_an_index_can_be_changed(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden / "posters.bovw", tmp_path / "i.bovw")
    engine = bovw.Engine.open(tmp_path / "i.bovw")
    engine.remove(["posters/poster_01_1.jpg", "posters/broken.jpg"])
    engine.compact()
    again = bovw.Engine.open(tmp_path / "i.bovw")
    assert len(again) == len(engine) == 12
    assert not again.failures
    assert diagnose(tmp_path / "i.bovw").is_sound


def test_pictures_are_added_to_an_old_index_as_those_in_it(golden: Path, tmp_path: Path) -> None:
    """Settings that it does not know keep what was done before there was a setting."""
    shutil.copytree(golden / "posters.bovw", tmp_path / "i")
    engine = bovw.Engine.open(tmp_path / "i")
    before = engine.settings
    assert before.features.enlarge == 1
    new = SAMPLE / "covers" / "cover_01_1.jpg"
    assert engine.add(new).added == (new.name,)
    again = bovw.Engine.open(tmp_path / "i")
    assert again.settings == before and new.name in again.identifiers
    again.keep(again.calibrate([SAMPLE / "labels" / "label_01_1.jpg"], false_accept_rate=0.5))
    kept = bovw.Engine.open(tmp_path / "i").settings
    assert kept.features == before.features and kept.images == before.images


def test_a_compressed_index_answers_as_it_did(golden: Path) -> None:
    index = load_lsa_index(golden / "posters.lsa", verify="full")
    for then, features in zip(expected(golden)["compressed"], queries(golden), strict=True):
        scores = (index.vectors @ index.embed(features).T).ravel()
        order = np.argsort(-scores, kind="stable")
        assert [index.records[i].identifier for i in order] == [name for name, _ in then]
        assert scores[order] == pytest.approx([score for _, score in then], abs=1e-5)


def test_an_old_index_grows_and_is_converted(golden: Path, tmp_path: Path) -> None:
    """Its segments stay as they are until they are merged; answers are the same throughout."""
    shutil.copytree(golden / "posters.bovw", tmp_path / "i")
    engine = bovw.Engine.open(tmp_path / "i")

    def answered() -> list[list[str]]:
        found = [engine.search_features(f, None) for f in queries(golden)]
        return [[answer.identifier for answer in result] for result in found]

    before = answered()
    gone = engine.collection.records[0].identifier
    expected = [[name for name in names if name != gone] for names in before]
    engine.remove(gone)
    assert sorted(answered()[0]) == sorted(expected[0])
    assert diagnose(tmp_path / "i").is_sound
    engine.compact()
    manifest = json.loads((tmp_path / "i" / "manifest.json").read_text())
    assert manifest["version"] == 3
    assert not list((tmp_path / "i").rglob("catalogue.json"))
    assert diagnose(tmp_path / "i").is_sound
    opened = bovw.Engine.open(tmp_path / "i", verify="full")
    assert list(opened.collection.records) == list(engine.collection.records)
    assert sorted(answered()[0]) == sorted(expected[0])
