"""Copies and pictures of one object, across a whole index."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.cli import main
from bovw.errors import SettingsError
from bovw.groups import Groups, group_pictures, identical, keeper_order, turned
from bovw.groups.grouping import labels_of
from bovw.groups.links import LINK
from bovw.pictures import Record
from bovw.report import groups_csv, groups_text
from bovw.storage import LINKS, diagnose

Copies = tuple[Path, dict[str, list[str]]]


def names(groups: Groups) -> list[set[str]]:
    return sorted((set(group.identifiers) for group in groups), key=sorted)


def test_every_copy_is_found_and_nothing_else_is_joined(copies: Copies, found: Groups) -> None:
    expected = [set(group) for group in copies[1].values()]
    expected.append({"more/flat.png", "more/flat_again.png"})
    assert names(found) == sorted(expected, key=sorted)


def test_the_words_say_what_was_done_to_a_copy(found: Groups) -> None:
    said = {m.identifier: m.relation for group in found for m in group.pictures}
    for short in ("poster_01", "label_01"):
        assert said[f"more/{short}_mirrored.jpg"] == "mirrored"
        assert said[f"more/{short}_turned.jpg"] == "turned by 90\N{DEGREE SIGN} clockwise"
        assert said[f"more/{short}_halved.jpg"] == "scaled to 50 %"
        assert "of it is something else" in said[f"more/{short}_framed.jpg"]
        assert said[f"more/{short}_recompressed.jpg"] == "the same picture"
        assert "shows 60 % of it" in said[f"more/{short}_cropped.jpg"].replace("59", "60")
        assert "turned by 7\N{DEGREE SIGN} anticlockwise" in said[f"more/{short}_slanted.jpg"]
    assert said["more/flat_again.png"] == "the same file"


def test_pictures_of_one_object_are_grouped(copies: Copies, indexed: Path) -> None:
    groups = bovw.Engine.open(indexed).groups("same-object")
    for short, mine in copies[1].items():
        wanted = {*mine, f"more/{short}_photo_2.jpg", f"more/{short}_photo_3.jpg"}
        assert wanted in names(groups)


def test_a_picture_to_keep_is_proposed_by_a_rule(indexed: Path) -> None:
    engine = bovw.Engine.open(indexed)
    largest = engine.groups()
    assert {g.keeper.identifier for g in largest} >= {"more/poster_01_framed.jpg"}
    groups = engine.groups(keep="folder:originals")
    kept = [g.keeper.identifier for g in groups if len(g) > 2]
    assert len(kept) == 4 and all(name.startswith("originals/") for name in kept)
    assert all(g.keeper.relation == "" for g in groups)
    with pytest.raises(SettingsError, match="folder:NAME"):
        engine.groups(keep="newest")
    with pytest.raises(SettingsError, match="same-object"):
        engine.groups("alike")
    with pytest.raises(SettingsError, match="geometry"):
        engine.groups(verify=0)


def record(name: str, side: int = 10, size: int = 100, time: int = 5) -> Record:
    return Record(name, name, side, side, "0" * 64, size, time)


def test_rules_break_ties_in_turn() -> None:
    large, small, old = record("b", 20), record("a", 10), record("c", 10, 200, 1)
    unknown = record("d", 10, 100, 0)
    every = [large, small, old, unknown]
    assert min(every, key=keeper_order("largest")) is large
    assert sorted(every[1:], key=keeper_order("largest")) == [old, small, unknown]
    assert min(every, key=keeper_order("oldest")) is old
    assert max(every, key=keeper_order("oldest")) is unknown  # its time is not known
    assert min([record("x/a"), record("keep/b", 3)], key=keeper_order("folder:keep")).width == 3
    assert min([record("x/a"), record("k/b", 3)], key=keeper_order("folder:k/*")).width == 3
    assert min([large, small], key=keeper_order("folder:nowhere")) is large


def test_a_thread_is_cut_and_what_others_confirm_is_not() -> None:
    three = [(0, 1), (1, 2), (0, 2)]
    other = [(3, 4), (4, 5), (3, 5)]
    ends = np.array([*three, *other, (2, 3), (5, 6)])
    weak, strong = np.full(len(ends), 8.0), np.full(len(ends), 50.0)
    labels, cut = labels_of(8, ends, weak, 30.0)
    assert cut.tolist() == [False] * 6 + [True, False]  # the last one is all that 6 has
    assert labels[0] == labels[1] == labels[2] != labels[3] == labels[4] == labels[5] == labels[6]
    assert len(set(labels.tolist())) == 3
    assert len(set(labels_of(8, ends, strong, 30.0)[0].tolist())) == 2
    both = np.array([*three, *other, (2, 3), (0, 4)])  # two threads, which agree in nothing
    assert labels_of(6, both, np.full(8, 8.0), 30.0)[1].tolist() == [False] * 6 + [True, True]
    confirmed = np.array([*three, *other, (2, 3), (2, 4)])
    assert not labels_of(6, confirmed, np.full(8, 8.0), 30.0)[1].any()


def test_a_link_seen_from_its_other_end() -> None:
    link = identical(3, 7)
    link["scale"], link["angle"], link["covered_one"] = 0.5, 90, 0.8
    back = turned(link)
    assert (back["one"], back["other"], back["scale"], back["angle"]) == (7, 3, 2, 270)
    assert back["covered_other"] == np.float32(0.8) and back["covered_one"] == 1
    assert turned(back) == link
    link["mirrored"] = True
    assert turned(link)["angle"] == 90


def test_nothing_makes_no_groups() -> None:
    assert len(group_pictures([], np.zeros(0, LINK), level="copies", keep="largest")) == 0


def test_only_new_pictures_are_compared(
    copies: Copies, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.engine import grouping

    asked: list[int] = []
    links_of = grouping.links_of
    monkeypatch.setattr(
        grouping, "links_of", lambda index, at: asked.append(at) or links_of(index, at)
    )
    path = tmp_path / "i.bovw"
    shutil.copytree(indexed, path)
    engine = bovw.Engine.open(path)
    before = engine.groups()
    assert not asked and engine.known_groups() is not None
    folder = tmp_path / "p"
    (folder / "new").mkdir(parents=True)
    shutil.copy(copies[0] / "originals" / "poster_01.png", folder / "new" / "again.png")
    shutil.copy(copies[0] / "more" / "poster_02_photo_2.jpg", folder / "new" / "photo.jpg")
    engine.add(folder, root=folder)
    assert engine.known_groups() is None
    after = engine.groups()
    assert [engine.identifiers[place] for place in asked] == ["new/again.png", "new/photo.jpg"]
    one = next(set(g.identifiers) for g in after if "originals/poster_01.png" in g.identifiers)
    old = next(set(g.identifiers) for g in before if "originals/poster_01.png" in g.identifiers)
    assert one == old | {"new/again.png"}
    assert {"new/photo.jpg", "more/poster_02_photo_2.jpg"} in names(after)
    asked.clear()
    engine.compact()  # segments are other ones now, the pictures are not
    engine.remove(["originals/poster_01.png"])
    again = engine.groups()
    assert not asked
    assert one - {"originals/poster_01.png"} in names(again)
    with pytest.warns(UserWarning, match="other settings"):
        engine.changed(geometry={"tolerance": 0.02}).groups()
    assert len(asked) == len(engine)


def test_links_that_cannot_be_used_are_made_again(indexed: Path, tmp_path: Path) -> None:
    path = tmp_path / "i.bovw"
    shutil.copytree(indexed, path)
    engine = bovw.Engine.open(path)
    whole = (path / LINKS).read_bytes()
    for content in (whole[: len(whole) // 2], b"", whole[:3000] + b"\0" * 50 + whole[3050:]):
        (path / LINKS).write_bytes(content)
        with pytest.warns(UserWarning, match="not used"):
            assert engine.known_groups() is None
    np.savez_compressed(path / LINKS, keys=np.zeros(3))  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="not used"):
        assert engine.known_groups() is None
    assert not diagnose(path).problems


def test_work_that_was_interrupted_goes_on(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Groups
) -> None:
    from bovw.engine import grouping

    links_of, asked = grouping.links_of, []

    def interrupted(index: object, at: int) -> object:
        if at == 5 and at not in asked:
            asked.append(at)
            raise KeyboardInterrupt
        asked.append(at)
        return links_of(index, at)  # type: ignore[arg-type]

    monkeypatch.setattr(grouping, "links_of", interrupted)
    path = tmp_path / "i.bovw"
    shutil.copytree(indexed, path)
    (path / LINKS).unlink()
    engine = bovw.Engine.open(path)
    with pytest.raises(KeyboardInterrupt):
        engine.groups()
    assert (path / LINKS).exists()
    assert names(engine.groups()) == names(found)


def test_tables_and_text(found: Groups) -> None:
    rows = list(csv.DictReader(io.StringIO(groups_csv(found))))
    assert len(rows) == found.n_grouped
    assert [row["action"] for row in rows].count("keep") == len(found)
    assert {row["group"] for row in rows} == {"1", "2", "3", "4", "5"}
    text = groups_text(found)
    assert text.startswith("5 groups of 38 of 47 pictures") and "the same file" in text
    content = found.to_dict()
    assert content["format"] == "bovw-groups" and content["groups"][0]["links"][0]["words"]
    json.dumps(content, allow_nan=False)


def test_the_command_writes_groups(
    indexed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "g.csv"
    assert main(["groups", str(indexed), "--csv", str(table), "--keep", "folder:originals"]) == 0
    assert "keep  originals/poster_01.png" in capsys.readouterr().out
    assert "originals/poster_01.png" in table.read_text()
    assert main(["groups", str(indexed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "copies"
    assert main(["groups", str(indexed), "--csv", "-"]) == 0
    assert capsys.readouterr().out.startswith("group,pictures,action,")
    assert main(["groups", str(indexed), "--keep", "best"]) == 1
    assert "folder:NAME" in capsys.readouterr().err


def test_workers_find_what_one_process_finds(compared: Path, tmp_path: Path) -> None:
    path = tmp_path / "i.bovw"
    shutil.copytree(compared / "posters.bovw", path)
    one = bovw.Engine.open(path, n_jobs=1).groups("same-object", also="")
    two = bovw.Engine.open(path, n_jobs=2).groups("same-object", also="", anew=True)
    assert one.to_dict() == two.to_dict()
    found = [{f"poster_{n:02d}_{i}.jpg" for i in range(1, 6)} for n in range(1, 7)]
    assert all(any(mine <= group for group in names(one)) for mine in found)
