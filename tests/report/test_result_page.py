"""The page of results as a file: complete in itself, safe whatever names say, and bounded."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

import bovw
from bovw.errors import MissingPackageError, SettingsError
from bovw.report import page, save_page
from bovw.report.thumbnails import PATCH, data_uri, patches, words_with_patches
from bovw.search import SearchResults
from bovw.vocabulary import builtin_folder

from ..support import REPOSITORY, SAMPLE, needs_sources
from .results_of_posters import HOSTILE, hostile, many


class Elements(html.parser.HTMLParser):
    """Collects elements with their attributes, and the text of each script by its id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self._script = dict(attrs).get("id") or ""
            self.scripts[self._script] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] += data

    def block(self, number: int) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.scripts[f"query-{number}"])
        return content


@pytest.fixture(scope="module")
def text(results: SearchResults) -> str:
    return page(results)


def test_it_needs_nothing_else(text: str) -> None:
    elements = Elements(text)
    for _, attributes in elements.found:
        assert not {"src", "srcset", "data", "action"} & attributes.keys()
        assert attributes.get("href", "#").startswith("#")
    assert "@import" not in text and "url(h" not in text
    links = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert links == {"http://www.w3.org/2000/svg"}  # the name of a language, not a place


def test_its_policy_allows_its_own_script_only(text: str) -> None:
    policy = next(a["content"] for _, a in Elements(text).found if a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:;")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_it_holds_the_json_of_the_results(text: str, results: SearchResults) -> None:
    elements = Elements(text)
    for number, result in enumerate(results):
        expected = result.to_dict(points=True)
        content = elements.block(number)["result"]
        for answer, given in zip(content["answers"], expected["answers"], strict=True):
            drawn, pairs = answer.pop("pairs"), given.pop("pairs")
            assert len(drawn) == min(len(pairs), 160)
            assert drawn[0] == pytest.approx(pairs[0], abs=0.06)
            assert (answer.pop("words"), bool(given.pop("words"))) == (None, True)
        assert content == json.loads(json.dumps(expected))
    index = json.loads(elements.scripts["index"])
    assert [one["best"] for one in index] == ["match", "match", None, None]


def test_pictures_are_written_once(text: str, results: SearchResults) -> None:
    elements = Elements(text)
    drawn = [s for name, s in elements.scripts.items() if name.startswith("picture-")]
    shown = {a.identifier for result in results for a in result}
    queries = {p.name for result in results for p in result.pictures} - {results[3].query}
    assert len(drawn) == len(shown) + len(queries) == len(set(drawn))
    for uri in drawn:
        assert re.fullmatch(r"data:image/(webp|jpeg);base64,[A-Za-z0-9+/=]+", uri)
    flat = elements.block(3)["queries"][0]
    assert flat["picture"] is None and "sources" in flat["unshown"]


def test_an_answer_takes_less_than_30_kb(data: Path, tmp_path: Path) -> None:
    """With photographs, which take most bytes: noise is the worst of them."""
    photographs = sorted((data / "oxford1k").rglob("*.jpg"))[:6]
    engine = bovw.Engine.build(photographs, settings=bovw.Settings().changed(
        vocabulary={"n_words": 2000}), n_jobs=1)  # fmt: skip
    results = engine.search_many(photographs[:2], 6, explain=True)
    one, both = page(results[0]), page(results)
    assert len(page(replace(results[0], answers=()))) + 6 * 30_000 > len(one)
    assert len(both) < 2 * len(one)


def test_pictures_have_bounded_bytes(rng: np.random.Generator) -> None:
    from PIL import Image

    noise = Image.fromarray(rng.integers(0, 256, (900, 700, 3), np.uint8))
    uri, size = data_uri(noise, 420, 10_500)
    assert len(uri) < 10_500 * 4 / 3 + 60
    assert size[0] / size[1] == pytest.approx(7 / 9, rel=0.02)


def test_what_names_say_is_text(results: SearchResults, tmp_path: Path) -> None:
    text = page([hostile(results[0])], title="</title><script>window.harm = 4</script>")
    elements = Elements(text)
    assert {tag for tag, _ in elements.found} <= {
        "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "bdi", "div",
        "aside", "p", "h2", "button", "details", "summary", "label", "span", "input", "ol", "main",
        "form", "fieldset", "legend", "output", "section", "dialog", "noscript", "li", "script",
    }  # fmt: skip
    assert sum(1 for tag, a in elements.found if tag == "script" and "type" not in a) == 1
    names = [answer["identifier"] for answer in elements.block(0)["result"]["answers"]]
    assert names == HOSTILE
    listed = text.split("<noscript>")[1].split("</noscript>")[0]
    assert "&lt;script&gt;window.harm = 1" in listed and "{{ 7 * 7 }}" in listed
    assert "two\\nlines\\r and a tab\\t" in listed and "\\u202egpj" in listed


def test_a_picture_that_is_gone_is_named(results: SearchResults, tmp_path: Path) -> None:
    gone = replace(results[0][1], path=str(tmp_path / "gone.jpg"), identifier="gone")
    result = replace(results[0], answers=(results[0][0], gone))
    unshown = save_page(result, tmp_path / "out" / "page.html")
    assert unshown == [("gone", "no such file or directory; check the path")]
    block = Elements((tmp_path / "out" / "page.html").read_text()).block(0)
    assert block["answers"][1]["unshown"] == unshown[0][1]
    assert block["answers"][1]["patches"] is None
    assert save_page(result, tmp_path / "page.html", sources={"gone": results[0][1].path}) == []


def test_why_not(engine: bovw.Engine, pictures: list[Path], results: SearchResults) -> None:
    explanation = engine.explain(pictures[0], pictures[29].name)
    for given in ([explanation], [[explanation]]):
        block = Elements(page(results[0], explanations=given)).block(0)
        (one,) = block["why_not"]
        assert one["answer"]["identifier"] == pictures[29].name
        assert one["picture"] is not None
    with pytest.raises(SettingsError, match="1 explanations for 4 results"):
        page(results, explanations=[explanation])
    with pytest.raises(SettingsError, match="expected SearchResult or several"):
        page(["no result"])  # type: ignore[list-item]


def test_patches_show_the_same_spot(
    engine: bovw.Engine, pictures: list[Path], results: SearchResults
) -> None:
    from bovw.pictures import read_preview

    answer = results[0][1]
    chosen = words_with_patches(answer, 6)
    assert 3 <= len(chosen) <= 6
    assert {shared.word for shared, _ in chosen} <= set(answer.words.tolist())
    numbers = [number for _, number in chosen]
    sheet = patches(answer, numbers, read_preview(pictures[0]), read_preview(answer.path))
    assert sheet is not None and sheet.size == (PATCH * len(chosen), PATCH * 2)
    grey = np.asarray(sheet.convert("L"), float)
    alike = [
        np.corrcoef(*(grey[r : r + PATCH, c : c + PATCH].ravel() for r in (0, PATCH)))[0, 1]
        for c in range(0, sheet.width, PATCH)
    ]
    assert np.mean(alike) > 0.6
    assert patches(answer, numbers, None, read_preview(answer.path)) is None


def test_the_same_results_give_the_same_page(text: str, results: SearchResults) -> None:
    assert page(results) == text


def test_results_of_other_kinds(engine: bovw.Engine, pictures: list[Path]) -> None:
    unverified = Elements(page(engine.search(pictures[0], 3, verify=0, explain=True))).block(0)
    assert unverified["answers"][0]["patches"] is None
    together = engine.search_together(pictures[:2], 3, explain=True)
    assert len(Elements(page(together)).block(0)["queries"]) == 2
    assert Elements(page([])).scripts["index"] == "[]"
    assert len(Elements(page(many(together, 7))).block(0)["answers"]) == 7


def test_an_absent_package_is_named(
    results: SearchResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'bovw\[report\]'"):
        page(results)


@needs_sources
def test_the_wheel_has_the_files_of_the_page_and_the_vocabulary(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="pip install hatchling")
    import zipfile

    (built,) = wheel.WheelBuilder(str(REPOSITORY)).build(
        directory=str(tmp_path), versions=["standard"]
    )
    packed = set(zipfile.ZipFile(built).namelist())
    files = {p.name for p in (REPOSITORY / "bovw" / "report" / "web").iterdir()}
    assert {"page.html.jinja", "page.css"} < files
    assert {f"bovw/report/web/{name}" for name in files} <= packed
    assert {
        "bovw/vocabulary/data/builtin.json",
        *(f"bovw/vocabulary/data/builtin/{path.name}" for path in builtin_folder().iterdir()),
    } <= packed
    assert not [name for name in packed if name.startswith(SAMPLE.name)]
