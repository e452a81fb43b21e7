"""The page of a comparison, and its plots, as files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

from bovw.comparison import embedding_run
from bovw.embeddings import Embeddings
from bovw.errors import SettingsError, StorageError
from bovw.evaluation import Comparison, GroundTruth, GroundTruthQuery, Run, compare_runs
from bovw.report import comparison_page, save_comparison_page, save_plots

from ..support import SAMPLE
from .results_of_posters import HOSTILE


def compared(truth: GroundTruth, net: Embeddings, names: Sequence[str]) -> Comparison:
    """Runs of one network, each with other answers first."""
    run = embedding_run(net, truth, names[0])
    runs = [
        replace(
            run,
            name=name,
            rankings={
                q: r[::-1] if n % 3 < i else r for n, (q, r) in enumerate(run.rankings.items())
            },
            scores={},
        )
        for i, name in enumerate(names)
    ]
    return compare_runs(truth, runs, ["ap", "p@1"], root=SAMPLE)


def data_of(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_all_that_it_shows(truth: GroundTruth, net: Embeddings) -> None:
    html = comparison_page(compared(truth, net, ["a", "b"]))
    data = data_of(html)
    assert (data["format"], data["version"]) == ("bovw-comparison", 1)
    assert all(one["picture"] for one in data["pictures"].values())
    assert html.count("data:image/webp") == len(data["pictures"]) <= 30
    assert "http:" not in html.replace("http://www.w3.org/2000/svg", "") and "https:" not in html
    assert data["queries"][0]["systems"]["a"]["first_wrong"]["truth"] == "wrong"


def test_a_page_may_have_few_pictures_but_not_less_than_none(
    truth: GroundTruth, net: Embeddings
) -> None:
    comparison = compared(truth, net, ["a", "b"])
    assert comparison_page(comparison, n_pictures=0).count("data:image/webp") == 0
    with pytest.raises(SettingsError, match="n_pictures=-1"):
        comparison_page(comparison, n_pictures=-1)


def test_pictures_that_are_lacking_are_named(
    truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    comparison = replace(compared(truth, net, ["a"]), root=str(tmp_path))
    lacking = save_comparison_page(comparison, tmp_path / "page.html")
    assert lacking and "no such file" in lacking[0][1]
    one = lacking[0][0]
    assert len(save_comparison_page(comparison, tmp_path / "p", sources={one: SAMPLE / one})) == (
        len(lacking) - 1
    )
    assert data_of(comparison_page(replace(comparison, root=None)))["pictures"][one]["unshown"]


def test_a_page_holds_no_more_pictures_than_asked_for(truth: GroundTruth, net: Embeddings) -> None:
    data = data_of(comparison_page(compared(truth, net, ["a", "b"]), n_pictures=3))
    assert len(data["pictures"]) == 3 and data["n_not_in_page"] > 3


def hostile() -> Comparison:
    """Names that mean harm, of systems, queries and pictures."""
    images = frozenset(HOSTILE)
    queries = tuple(
        GroundTruthQuery(name, positive=frozenset({HOSTILE[1]}), name=name) for name in HOSTILE
    )
    ranked = {name: list(HOSTILE) for name in HOSTILE}
    runs = [Run.from_names(name, ranked) for name in (HOSTILE[0], HOSTILE[1], "$a_$\\frac")]
    return compare_runs(GroundTruth(images, queries, HOSTILE[0]), runs, ["ap"], notes=HOSTILE)


def test_names_that_mean_harm_end_no_element() -> None:
    html = comparison_page(hostile())
    assert html.count("<script>") == html.count('<script>"use strict"') == 1
    assert data_of(html)["queries"][5]["query"] == HOSTILE[5]


def test_plots_are_written_as_svg_and_png(
    truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'bovw[report]'")
    comparison = compared(truth, net, ["a", "b", "c"])
    written = save_plots(comparison, tmp_path / "one")
    assert {path.name for path in written if path.suffix == ".svg"} == {
        "precision-recall.svg",
        "recall-at-k.svg",
        "precision-at-k.svg",
        "hit-rate-at-k.svg",
        "scores.svg",
        *(f"differences-{i}.svg" for i in (1, 2, 3)),
    }
    again = save_plots(comparison, tmp_path / "two")
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(written, again, strict=True))
    assert written[1].read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        save_plots(comparison, tmp_path / "file")


def test_names_are_no_formulas(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'bovw[report]'")
    save_plots(hostile(), tmp_path)
