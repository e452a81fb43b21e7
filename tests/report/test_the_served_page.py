"""The page of `bovw serve` as HTML: names are text, and its policy knows its style and script."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

from bovw.report import search_page, search_policy

from .results_of_posters import HOSTILE


def facts(name: str) -> dict[str, Any]:
    return {"name": name, "n_pictures": 1, "columns": [name]}


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(name: str) -> None:
    html = search_page(facts(name))
    assert html.count("<script") == search_page(facts("x")).count("<script")
    assert "<img" not in html
    assert "1 picture<" in html


def test_the_policy_is_strict() -> None:
    html = search_page(facts("photos"))
    policy = search_policy()
    for pattern in (r"<style>(.*?)</style>", r"<script>(.*?)</script>"):
        (text,) = re.findall(pattern, html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"(src|href)=\"(https?:)?//", html)
