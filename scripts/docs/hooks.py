"""Hooks of mkdocs: the navigation, and the pages that are made from code, not written.

mkdocs calls the functions whose names begin with ``on_``; `mkdocs.yml` names this file.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts.docs import api, command_line, notebook

ROOT = Path(__file__).parents[2]
SHIM = re.compile(r"https://[^/\"'\s]+/iframe-worker/shim")  # what the plugin `offline` asks for

# The tabs. A page that is not there yet is left out; one that no tab names stands under "More".
TABS: dict[str, list[str]] = {
    "Start": ["home", "first_steps", "tutorial", "vocabulary_card"],
    "How to": [
        "how_to/trademarks",
        "how_to/shelves",
        "how_to/duplicates",
        "how_to/reconstruction",
        "how_to/baseline",
        "how_to/service",
        "how_to/several_machines",
        "results",
        "pictures",
        "groups",
        "evaluation",
        "other_tools",
        "serve",
    ],
    "How it works": ["concepts", "index", "formats", "threads", "scaling", "glossary"],
    "Measured": ["quality", "performance"],
    "Reference": ["command_line", *(f"api/{name}" for name in api.PAGES)],
    "Project": ["policy", "security", "contributing", "changelog", "sample_data"],
}
# Pages of the project that do not lie in the folder of the documentation.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "data/README.md": "sample_data.md",
    "README.md": "home.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the navigation over all pages."""
    place(files, "index.md", "index_on_disk")  # about an index: not what mkdocs takes it for
    place(files, "home.md", "index")
    made = {"command_line.md": command_line.page()}
    made.update({f"api/{name}.md": api.page(name) for name in api.PAGES})
    for path, uri in OUTSIDE.items():
        if uri not in made and files.get_file_from_path(uri) is None:
            made[uri] = rewritten((ROOT / path).read_text(encoding="utf-8"), ROOT / path)
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            path = Path(str(file.abs_src_path))
            text = notebook.page(path.read_text(encoding="utf-8"), file.name)
            made[file.src_uri.removesuffix(".ipynb") + ".md"] = rewritten(text, path)
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    config.nav = navigation([file.src_uri for file in files.documentation_pages()])
    return files


def place(files: Files, uri: str, name: str) -> None:
    """Give a page another name in the site; links to it follow."""
    file = files.get_file_from_path(uri)
    if file is None:
        raise PluginError(f"docs/{uri} is missing, a page that the site needs")
    file.name, file.dest_uri, file.url = name, f"{name}.html", f"{name}.html"
    file.__dict__.pop("abs_dest_path", None)


def navigation(uris: list[str]) -> list[dict[str, Any]]:
    """Arrange pages in the tabs; what none of them names comes last."""
    left = dict.fromkeys(sorted(uris))
    tabs: list[dict[str, Any]] = []
    for title, names in TABS.items():
        there = [f"{name}.md" for name in names if f"{name}.md" in left]
        for uri in there:
            del left[uri]
        if there:
            tabs.append({title: list(there)})
    if left:
        tabs.append({"More": list(left)})
    return tabs


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let names of the package lead to their reference, and mend links out of `docs/`."""
    source = page.file.abs_src_path
    return linked(markdown if source is None else rewritten(markdown, Path(source)))


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Take what searches a site that was opened from a file from here, not from another host."""
    return SHIM.sub(get_relative_url("frame_worker.js", page.url), output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The same in pages that are no pages of the documentation, such as the one of error 404."""
    return SHIM.sub("/frame_worker.js", output_content)


def rewritten(markdown: str, path: Path) -> str:
    """Let links of a page lead to pages of the site; links to other files become their text."""

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        file = Path(os.path.normpath(path.parent / target))
        try:
            uri = OUTSIDE.get(file.relative_to(ROOT).as_posix())
        except ValueError:
            uri = None
        if uri is None and file.is_relative_to(ROOT / "docs"):
            uri = file.relative_to(ROOT / "docs").as_posix()
        if uri is None:
            return text if text.startswith("`") else f"`{target.lstrip('./')}`"
        here = path.parent if path.is_relative_to(ROOT / "docs") else ROOT / "docs"
        return f"[{text}]({os.path.relpath(ROOT / 'docs' / uri, here)}{anchor})"

    return re.sub(r"(?<!!)\[([^\]\[]+)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)", link, markdown)


def linked(markdown: str) -> str:
    """Turn `bovw.name` into a link, but in blocks of code, headings and links."""
    parts = re.split(r"(^```.*?^```|^#.*?$|^:::.*?$)", markdown, flags=re.MULTILINE | re.DOTALL)
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(r"(?<![\[`])`(bovw(?:\.\w+)+)`(?!\])", _link, parts[number])
    return "".join(parts)


def _link(found: re.Match[str]) -> str:
    anchor = api.anchor_of(found[1])
    return found[0] if anchor is None else f"[{found[0]}][{anchor}]"
