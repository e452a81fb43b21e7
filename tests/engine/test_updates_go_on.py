"""An index in a folder is made, goes on after an interruption, and follows its pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import bovw
from bovw.errors import ExistsError, IncompatibleError, TrainingError
from bovw.features import extract_files
from bovw.storage import diagnose

from ..support import FEW, SAMPLE


def test_without_a_vocabulary_it_goes_on_from_the_features_it_has(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "i"
    with monkeypatch.context() as patch:
        patch.setattr(
            "bovw.vocabulary.training.Vocabulary.fit",
            lambda *_, **__: (_ for _ in ()).throw(SystemExit),
        )
        with pytest.raises(SystemExit):
            bovw.update_index(target, pictures[:8], settings=FEW)
    kept = tmp_path / ".i.features"
    assert len(list(kept.rglob("*.npz"))) == 8 and not target.exists()
    times = {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")}
    read: list[Path] = []
    monkeypatch.setattr(
        "bovw.features.cache.FeatureCache.save", lambda self, *_: read.append(self.folder)
    )
    engine, changes = bovw.update_index(target, pictures[:8], settings=FEW)
    assert len(changes.added) == 8 and times and not read
    assert not kept.exists()
    assert engine.info()["n_segments"] == 1
    assert engine.search(pictures[3])[0].identifier == pictures[3].name
    again, changes = bovw.update_index(target, pictures[:9], settings=FEW)
    assert changes.added == (pictures[8].name,) and len(again) == 9


def test_another_vocabulary_or_other_settings_are_refused(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    target = tmp_path / "i"
    bovw.update_index(target, pictures[:2], vocabulary=vocabulary, settings=FEW)
    other = bovw.train_vocabulary(
        SAMPLE / "logos", settings=FEW.changed(vocabulary={"n_words": 300})
    )
    with pytest.raises(IncompatibleError, match="another vocabulary"):
        bovw.update_index(target, pictures[:3], vocabulary=other)
    with pytest.raises(IncompatibleError, match="other settings"):
        bovw.update_index(target, pictures[:3], preset="classic")
    assert len(bovw.Engine.open(target)) == 2
    engine, changes = bovw.update_index(
        target, pictures[:3], vocabulary=other, settings=FEW, overwrite=True
    )
    assert len(changes.added) == len(engine) == 3 and engine.vocabulary.n_words_ == 300
    assert [path.name for path in tmp_path.iterdir()] == ["i"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("precious")
    with pytest.raises(ExistsError):
        bovw.update_index(tmp_path / "mine", pictures[:2], vocabulary=other)
    with pytest.raises(ExistsError):
        bovw.update_index(tmp_path / "mine", pictures[:2], vocabulary=other, overwrite=True)
    assert (tmp_path / "mine" / "a.txt").read_text() == "precious"


class Reading:
    """Reads pictures one at a time, and stops before one of them."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.stop_at = -1

    def __call__(self, files: Any, *rest: Any, **more: Any) -> Any:
        for number, item in enumerate(extract_files(files, *rest, **more)):
            if number == self.stop_at:
                raise SystemExit
            self.read.append(item[0].identifier)
            yield item


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    reading = Reading()
    monkeypatch.setattr("bovw.engine.words.PICTURES_AT_ONCE", 1)
    monkeypatch.setattr("bovw.engine.words.extract_files", reading)
    return reading


@pytest.fixture
def overwrite(
    reading: Reading, vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> Callable[..., int]:
    """Overwrite an index of two pictures with some more; stop before one; say what was read."""
    target = tmp_path / "i"
    bovw.update_index(target, pictures[:2], vocabulary=vocabulary, settings=FEW)

    def overwrite(n: int, *, stop_at: int = -1, overwrite: bool = True) -> int:
        reading.read.clear()
        reading.stop_at = stop_at
        stops = pytest.raises(SystemExit) if stop_at >= 0 else nullcontext()
        with stops:
            engine, _ = bovw.update_index(
                target,
                iter(pictures[:n]),
                vocabulary=vocabulary,
                settings=FEW,
                overwrite=overwrite,
            )
            assert len(engine) == n
        return len(reading.read)

    return overwrite


def test_overwriting_goes_on_where_it_stopped(
    overwrite: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert overwrite(6, stop_at=4) == 4
    assert len(bovw.Engine.open(tmp_path / "i")) == 2
    (waiting,) = tmp_path.glob(".i.*.anew")
    assert f"{waiting} is left of" in " ".join(diagnose(tmp_path / "i").notes)
    assert overwrite(6) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["i"]

    def stop(*_: object, **__: object) -> None:
        raise SystemExit

    # All is read, and the two have not, or have, changed places.
    for place, rest in (("bovw.storage.folders._replace", 0), ("shutil.rmtree", 6)):
        with monkeypatch.context() as patch:
            patch.setattr(place, stop)
            with pytest.raises(SystemExit):
                overwrite(6)
        assert overwrite(6) == rest
    assert [path.name for path in tmp_path.iterdir()] == ["i"]


def test_overwriting_begins_anew_when_it_has_to(
    overwrite: Callable[..., int], tmp_path: Path
) -> None:
    overwrite(6, stop_at=3)
    assert overwrite(5) == 5  # something else was asked for
    overwrite(6, stop_at=3)
    (waiting,) = tmp_path.glob(".i.*.anew")
    (waiting / "new" / "manifest.json").write_text("{")
    assert overwrite(6) == 6  # what is damaged is thrown away
    assert [path.name for path in tmp_path.iterdir()] == ["i"]


@pytest.mark.parametrize("again", [True, False])
def test_overwriting_goes_on_when_what_it_replaces_was_removed(
    overwrite: Callable[..., int], tmp_path: Path, again: bool
) -> None:
    overwrite(5, stop_at=3)
    shutil.rmtree(tmp_path / "i")
    assert overwrite(5, overwrite=again) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["i"]


def test_what_a_link_leads_to_is_overwritten(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    link, real = tmp_path / "i", tmp_path / "disk" / "j"
    bovw.update_index(real, pictures[:2], vocabulary=vocabulary, settings=FEW)
    link.symlink_to(real)
    bovw.update_index(link, pictures[:3], vocabulary=vocabulary, settings=FEW, overwrite=True)
    assert link.is_symlink() and len(bovw.Engine.open(real)) == 3
    bovw.Engine.open(link).save(link, overwrite=True)
    assert link.is_symlink() and len(bovw.Engine.open(real)) == 3
    assert [path.name for path in real.parent.iterdir()] == ["j"]


def test_pictures_of_which_nothing_can_be_learned_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    cv2.imwrite(str(tmp_path / "p" / "flat.png"), np.full((90, 90), 7, np.uint8))
    with pytest.raises(TrainingError):
        bovw.update_index(tmp_path / "i", tmp_path / "p")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_many_segments_are_merged(
    vocabulary: bovw.Vocabulary,
    pictures: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bovw.index.tiers._TOGETHER", 3)
    for n in (1, 2, 3):
        engine, _ = bovw.update_index(
            tmp_path / "i", pictures[:n], vocabulary=vocabulary, settings=FEW
        )
        assert engine.info()["n_segments"] == (n if n < 3 else 1)
    assert len(bovw.Engine.open(tmp_path / "i", verify="full")) == 3


def test_a_new_index_is_written_in_pieces_and_merged(
    vocabulary: bovw.Vocabulary,
    pictures: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long run commits what it has; here after every third picture."""
    monkeypatch.setattr("bovw.storage.journal.SEGMENT_PICTURES", 3)
    monkeypatch.setattr("bovw.engine.words.PICTURES_AT_ONCE", 1)
    commits: list[int] = []
    from bovw.storage import IndexWriter

    commit = IndexWriter.commit
    monkeypatch.setattr(
        IndexWriter,
        "commit",
        lambda self, index: commits.append(len(index.collection)) or commit(self, index),
    )
    engine, changes = bovw.update_index(
        tmp_path / "i", pictures[:8], vocabulary=vocabulary, settings=FEW
    )
    assert commits == [3, 6, 8]
    assert len(changes.added) == 8 and engine.info()["n_segments"] == 1
    whole = bovw.Engine.build(pictures[:8], vocabulary=vocabulary, settings=FEW)
    assert [(a.identifier, a.score) for a in engine.search(pictures[0])] == [
        (a.identifier, a.score) for a in whole.search(pictures[0])
    ]
