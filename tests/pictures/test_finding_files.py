"""Which files are found, and what they are called."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.errors import ImageError, SettingsError
from bovw.pictures import find_pictures, find_queries


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/2.JPG", "a/1.png", "c.tif", "notes.txt", ".hidden/3.jpg", "b/.4.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_folders_are_searched_and_sorted(tree: Path) -> None:
    found = find_pictures(tree)
    assert [f.identifier for f in found] == ["a/1.png", "b/2.JPG", "c.tif"]
    assert found[0].path == str(tree / "a" / "1.png")


def test_patterns(tree: Path) -> None:
    assert [f.identifier for f in find_pictures(tree, patterns=["*.png", "c.*"])] == [
        "a/1.png",
        "c.tif",
    ]


def test_files_lists_and_root(tree: Path) -> None:
    listing = tree / "list.txt"
    listing.write_text("a/1.png\n\nb\n")
    assert [f.identifier for f in find_pictures(f"@{listing}")] == ["1.png", "2.JPG"]
    found = find_pictures([tree / "a", tree / "c.tif"], root=tree)
    assert [f.identifier for f in found] == ["a/1.png", "c.tif"]


def test_one_identifier_for_two_files_is_an_error(tree: Path) -> None:
    (tree / "a" / "2.JPG").touch()
    with pytest.raises(SettingsError, match=r"a/2\.JPG and .*b/2\.JPG .*--root"):
        find_pictures([tree / "a", tree / "b"])
    assert len(find_pictures([tree / "a", tree / "a"])) == 2


def test_errors(tree: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        find_pictures(tree / "nowhere")
    with pytest.raises(ImageError, match="no such file"):
        find_pictures("@" + str(tree / "nowhere.txt"))
    with pytest.raises(SettingsError, match="no pictures found"):
        find_pictures(tree / ".hidden", patterns=["*.gif"])
    with pytest.raises(SettingsError, match="does not lie in the root"):
        find_pictures(tree / "a", root=tree / "b")


def test_queries_keep_their_order(tree: Path) -> None:
    queries = [str(tree / "c.tif"), "missing.jpg", str(tree / "b")]
    assert find_queries(queries) == [
        str(tree / "c.tif"),
        "missing.jpg",
        str(tree / "b" / "2.JPG"),
    ]


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bovw.features import extract_files
    from bovw.pictures import Failure

    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").write_bytes(b"")

    def scandir(path: object) -> object:
        if str(path).endswith("closed"):  # as for everybody but root
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    original = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    files = find_pictures(tmp_path)
    assert [file.identifier for file in files] == ["b.jpg", "closed"]
    (_, _), (_, failure) = extract_files(files, bovw.Settings())
    assert isinstance(failure, Failure) and "cannot be read" in failure.reason


@pytest.mark.parametrize("sources", [5, [5], None])
def test_what_is_no_path_is_named(sources: Any) -> None:
    with pytest.raises(SettingsError, match=r"expected a path"):
        find_pictures(sources)


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="an empty path"):
        find_pictures("")
    with pytest.raises(SettingsError, match="an empty path"):
        find_pictures([tmp_path, ""])
    for find in (find_pictures, find_queries):
        with contextlib.suppress(ImageError):
            find("x" * 300)
