"""Pages whose Python reads the sample pictures run from top to bottom, as a reader would copy them.

They get fewer sample pictures than a reader has, so that this is quick: those that a page names,
and two others of their objects; of a folder that it names, two objects. `more` is a folder, too.
The commands of the pages of `how_to` are run as well, with a few pictures in the folders that a
page names.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from bovw.embeddings import Embeddings, save_embeddings
from bovw.evaluation import GroundTruth, GroundTruthQuery
from bovw.formats import save_json

from ..support import REPOSITORY, SAMPLE
from .reading import DOCS, blocks_of, follow, python_of

PAGES = [
    REPOSITORY / "README.md",
    *(page for page in sorted(DOCS.rglob("*.md")) if page.parent.name != "how_to"),
]
RUN = {page: code for page in PAGES if "data/sample" in (code := python_of(page))}


def some_of_the_sample(code: str, folder: Path) -> None:
    """Copy the sample pictures that some code needs."""
    named = set(re.findall(r"[a-z]+_\d\d_\d", code))
    objects = {name[:-2] for name in named}
    for kind in re.findall(r"data/sample/([a-z]+)", code):
        if (SAMPLE / kind).is_dir():
            objects |= {f"{kind[:-1]}_01", f"{kind[:-1]}_02"}
    objects = objects or {"poster_01"}
    needed = [
        picture
        for picture in sorted(SAMPLE.glob("*/*.jpg"))
        if picture.stem in named or (picture.stem[:-2] in objects and picture.stem[-1] in "12")
    ]
    copies = {folder / picture.relative_to(SAMPLE): picture for picture in needed}
    copies[folder.parents[1] / "more" / "more.jpg"] = needed[0]
    for copy, picture in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(picture.read_bytes())
    (folder / "gnd.json").write_bytes((SAMPLE / "gnd.json").read_bytes())


def put(pattern: str, target: str) -> None:
    """Copy sample pictures into a folder, or one of them to a file."""
    found = sorted(SAMPLE.glob(pattern))
    if target.endswith("/"):
        Path(target).mkdir()
    for picture in found:
        shutil.copy(picture, target)


def trademarks() -> None:
    put("logos/logo_0[12]_[12].jpg", "register/")
    put("logos/logo_02_3.jpg", "new_mark.png")
    put("posters/poster_0[12]_1.jpg", "unrelated_marks/")


def shelves() -> None:
    put("labels/label_0[12]_[12].jpg", "labels/")
    put("labels/label_01_3.jpg", "photo.jpg")
    photo = cv2.resize(cv2.imread("photo.jpg"), (370, 590))
    shelf = np.zeros((1000, 1300, 3), np.uint8)
    shelf[310:900, 840:1210] = photo
    cv2.imwrite("shelf.jpg", shelf)


def duplicates() -> None:
    put("covers/cover_0[12]_1.jpg", "archive/")
    cv2.imwrite("archive/small.png", cv2.resize(cv2.imread("archive/cover_01_1.jpg"), (300, 300)))


def baseline() -> None:
    put("logos/logo_0[12]_[12].jpg", "photos/")
    names = sorted(path.name for path in Path("photos").iterdir())
    queries = tuple(GroundTruthQuery(a, None, frozenset({b})) for a, b in (names[:2], names[2:]))
    save_json(GroundTruth(frozenset(names), queries, in_base="junk"), "gnd.json")
    save_embeddings(Embeddings(tuple(names), np.eye(4)), "net.npz")


FILES: dict[str, Callable[[], None]] = {
    "trademarks": trademarks, "shelves": shelves, "duplicates": duplicates, "baseline": baseline
}  # fmt: skip


def test_pages_are_run() -> None:
    assert {"README.md", "first_steps.md", "threads.md"} <= {page.name for page in RUN}


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_its_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = RUN[page]
    some_of_the_sample(code, tmp_path / "data" / "sample")
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # starting processes takes longer than this work
    exec(compile(code, str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize("name", FILES)
def test_a_how_to_leads_to_its_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")
    page = DOCS / "how_to" / f"{name}.md"
    some_of_the_sample(python_of(page), tmp_path / "data" / "sample")
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    FILES[name]()
    # Processes that joblib keeps from an earlier page would look for relative paths in its folder.
    get_reusable_executor().shutdown(wait=True)
    follow(page)


def test_commands_that_are_not_run_say_so() -> None:
    """Pages of other programs leave their commands out; several_machines: tests/cluster."""
    pages = {page.stem: page for page in (DOCS / "how_to").glob("*.md")}
    others = pages.keys() - FILES - {"several_machines"}
    assert not {name for name in others if blocks_of(pages[name])}
