"""What a notebook shows of results, and drawings of matches."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="pip install 'bovw[report]'")

import bovw
from bovw.comparison import embedding_run
from bovw.embeddings import Embeddings
from bovw.errors import MissingPackageError, SettingsError
from bovw.evaluation import GroundTruth, compare_runs
from bovw.report import notebook_html
from bovw.search import SearchResults

from .results_of_posters import HOSTILE, hostile


def test_results_are_shown_with_pictures(results: SearchResults, engine: bovw.Engine) -> None:
    text = results[0]._repr_html_() or ""
    assert text.count("<svg") == 1 + 6 and "points agree" in text and "<bdi>match</bdi>" in text
    assert text.count("<polygon") == 2 * sum(answer.verified for answer in results[0])
    together = results._repr_html_() or ""
    assert "could not be read: missing.jpg" in together and "no answers" in together
    assert "and 5 more queries" in (SearchResults([results[3]] * 15)._repr_html_() or "")
    explained = engine.explain(results[0].query, results[0][1].identifier)._repr_html_() or ""
    assert "shared words" in explained
    assert explained.count("<svg") == 2 and explained.count("<polygon") == 4


def test_names_that_mean_harm_are_text_there_too(results: SearchResults) -> None:
    text = hostile(replace(results[0], answers=results[0].answers[:2]))._repr_html_() or ""
    assert "<script" not in text and "<img" not in text
    assert "&lt;script&gt;" in text and f"and {len(HOSTILE) - 12} more answers" in text


def test_comparisons_and_vocabularies_are_shown_as_tables(
    truth: GroundTruth, net: Embeddings, vocabulary: bovw.Vocabulary
) -> None:
    run = embedding_run(net, truth, "a<script>")
    comparison = compare_runs(truth, [run, replace(run, name="b")], ["ap", "p@1"])
    text = comparison._repr_html_() or ""
    assert "a&lt;script&gt;" in text and "<script" not in text
    assert text.count("<table") == 2 and "not shown to be real" in text
    assert all(metric in text for metric in comparison.metrics)
    shown = vocabulary._repr_mimebundle_()
    assert f"{vocabulary.n_words_} visual words" in shown["text/html"]
    assert "60 pictures" in shown["text/html"] and "Vocabulary" in shown["text/plain"]
    assert list(bovw.Vocabulary(50)._repr_mimebundle_()) == ["text/plain"]  # not trained yet
    for wrong in (3, [3], None):
        with pytest.raises(SettingsError, match="expected"):
            notebook_html(wrong)  # type: ignore[arg-type]


def test_without_the_extra_a_notebook_shows_text(
    results: SearchResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("jinja2", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, module, None)
    assert results[0]._repr_html_() is None
    with pytest.raises(MissingPackageError, match=r"bovw\[report\]"):
        results[0].show()


def test_matches_are_drawn_where_they_are(
    results: SearchResults, engine: bovw.Engine, pictures: list[Path]
) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="pip install 'bovw[report]'")
    matplotlib.use("agg")
    import matplotlib.pyplot as plots

    result = results[0]
    ax = result.show(2)
    outlines, lines = ax.lines[:4], ax.lines[4:]
    answer = result[1]
    assert len(lines) == answer.inliers and answer.identifier in ax.get_title()
    height = ax.images[0].get_array().shape[0]
    left = np.array(outlines[1].get_xydata())[:4]
    assert left == pytest.approx(
        (answer.query_quadrilateral + 0.5) * height / result.pictures[0].size[1] - 0.5
    )
    ends = np.array([line.get_xydata() for line in lines])
    gap = ends[:, 1, 0].min() - ends[:, 0, 0].max()
    assert gap > -1e-6 or ends[:, 1, 0].min() > left[:, 0].max()
    again = engine.explain(pictures[0], answer.identifier).show(lines=False, ax=plots.gca())
    assert again is not None
    picture = np.full((60, 90), 128, np.uint8)
    flat = replace(result, pictures=(replace(result.pictures[0], name="<array>"),))
    flat.show(1, query=picture, sources={answer.identifier: picture})
    plots.close("all")
    with pytest.raises(SettingsError, match="rank='1'"):
        result.show("1")  # type: ignore[arg-type]
    for rank in (0, 7):
        with pytest.raises(SettingsError, match="expected 1 to 6"):
            result.show(rank)
    with pytest.raises(SettingsError, match="no answers"):
        results[3].show()
