"""Reads a page of the documentation and does what stands there, in its order, as a reader would."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from bovw.cli import main

from ..support import REPOSITORY

BLOCK = re.compile(r"^(<!-- not run -->\n+)?```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCS = REPOSITORY / "docs"


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """The blocks of a page: language and code.

    A comment ``<!-- not run -->`` before a block leaves it out.
    """
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language, code) for left_out, language, code in found if not left_out]


def python_of(page: Path) -> str:
    """All Python of a page."""
    return "\n".join(code for language, code in blocks_of(page) if language == "python")


def follow(page: Path, instead: Mapping[str, str] | None = None) -> None:
    """Do what a page says, in the current folder.

    Commands are run in this process, which is quicker. Only those of bovw are known; programs of
    ``docs/examples`` have tests of their own.

    Parameters
    ----------
    page : Path
    instead : mapping of str to str
        What stands on the page, and what it is here: folders and addresses.
    """
    names = {"__name__": page.stem}
    for language, code in blocks_of(page):
        for old, new in (instead or {}).items():
            code = code.replace(old, new)  # noqa: PLW2901
        if language == "python":
            exec(compile(code, str(page), "exec"), names)
        else:
            for line in code.replace("\\\n", " ").splitlines():
                obey(line)


def obey(line: str) -> None:
    """Run one line for a shell: a command of bovw, whose output may go to a file."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    if words[0].startswith("docs/examples/"):
        assert (REPOSITORY / words[0]).is_file(), line
        return
    assert words[0] == "bovw", f"what is this for a test? {line}"
    out: io.TextIOBase = io.StringIO()
    if ">" in words:
        *words, arrow, name = words
        assert arrow == ">", line
        out = Path(name).open("w", encoding="utf-8")  # noqa: SIM115
    with out, contextlib.redirect_stdout(out):
        assert main(words[1:]) == 0, line
