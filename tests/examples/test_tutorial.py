"""The tutorial runs from its first cell to its last, and shows what it speaks of."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import REPOSITORY

TUTORIAL = REPOSITORY / "docs" / "tutorial.ipynb"


@pytest.mark.filterwarnings("ignore")  # of what runs notebooks
def test_the_tutorial_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="pip install 'bovw[test]'")
    nbclient = pytest.importorskip("nbclient", reason="pip install 'bovw[test]'")
    for module in ("ipykernel", "jinja2", "matplotlib"):
        pytest.importorskip(module, reason="pip install 'bovw[test]'")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    book = nbformat.read(TUTORIAL, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells), "clear the outputs before a commit"
    place = {"metadata": {"path": str(TUTORIAL.parent)}}
    nbclient.NotebookClient(book, timeout=600, resources=place).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    shown = [output.data for output in outputs if "data" in output]
    html = "".join("".join(data.get("text/html", "")) for data in shown)
    assert "visual words" in html and "points agree" in html and "classic" in html
    assert any("image/png" in data for data in shown)
    said = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert "posters/poster_01_2.jpg" in said and "30 added" in said
