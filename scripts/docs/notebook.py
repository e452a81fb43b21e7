"""A notebook as a page of the site: its text, its code, and the outputs that were saved with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any


def page(written: str, name: str) -> str:
    """The Markdown of a notebook.

    Parameters
    ----------
    written : str
        The JSON of nbformat 4.
    name : str
        File name without its ending, for a link to the notebook itself.
    """
    cells = json.loads(written)["cells"]
    parts = [part for cell in cells for part in _cell(cell)]
    parts.append(f"This page is a notebook: [{name}.ipynb]({name}.ipynb).")
    return "\n\n".join(parts) + "\n"


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = _joined(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
    elif cell["cell_type"] == "code" and source.strip():
        yield _fenced("python", source)
        for output in cell.get("outputs", ()):
            yield _output(output)


def _output(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _fenced("text", _joined(output["text"]))
    data = output.get("data", {})
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            encoded = "".join(_joined(data[kind]).split())
            return f'<img alt="output of the cell above" src="data:{kind};base64,{encoded}">'
    if "image/svg+xml" in data or "text/html" in data:
        html = _joined(data.get("image/svg+xml") or data["text/html"])
        # A frame of its own: neither style has a say in the other.
        return f'<iframe class="output" sandbox srcdoc="{escape(html)}"></iframe>'.replace(
            "\n", " "
        )
    if "text/plain" in data:
        return _fenced("text", _joined(data["text/plain"]))
    return _fenced("text", "\n".join(output.get("traceback", ())))


def _fenced(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
