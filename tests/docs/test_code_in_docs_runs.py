"""Pages whose Python reads the sample pictures run from top to bottom, as a reader would copy them.

They get fewer sample pictures than a reader has, so that this is quick: those that a page names,
and two others of their objects; of a folder that it names, two objects. `more` is a folder, too.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..support import REPOSITORY, SAMPLE

BLOCK = re.compile(r"^(<!-- not run -->\n+)?```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def code_of(page: Path) -> str:
    """The Python of a page; a comment ``<!-- not run -->`` before a block leaves it out."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    return "\n".join(code for left_out, code in blocks if not left_out)


RUN = {page: code for page in PAGES if "data/sample" in (code := code_of(page))}


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
